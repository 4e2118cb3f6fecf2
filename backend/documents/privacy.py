"""The files that somebody asked for: erased with the person, unless they are final."""

from backend.accounts.models import User
from backend.documents import services
from backend.documents.models import Document
from backend.privacy import held


def _discard(user: User) -> None:
    services.discard(Document.objects.filter(asked_by=user, is_final=False))


held.FORGETS.append(_discard)
held.left_out("files of what is here, for a day, or of a statement", Document, "asked_by")
