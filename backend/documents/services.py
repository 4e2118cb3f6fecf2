"""Files that take long: an app registers kinds, somebody asks for one, a task makes it."""

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone, translation

from backend import replica
from backend.accounts.models import User
from backend.accounts.services.people import locked
from backend.communities.models import Community
from backend.documents import selectors
from backend.documents.errors import DocumentExpired, DocumentUnknown, TooManyDocuments
from backend.documents.models import Document
from backend.files.storing import store
from backend.notices import services as notices
from backend.outbox.kinds import Done
from backend.tenants import HERE

KEPT_FOR = timedelta(hours=24)  # what is not final, from when it is finished
NEW_FOR = timedelta(minutes=10)  # so long it is the answer to who asks for the same
MOST_KEPT = 20  # of one person in a community, waiting or not final
FOLDER = "documents"


@dataclass(frozen=True)
class Kind:
    """A kind of document.

    ``seen_by`` tells whether somebody may have one now; ``write`` writes it and returns its name.
    """

    seen_by: Callable[[User, Document], bool]
    write: Callable[[Document, IO[bytes]], str]


_kinds: dict[str, Callable[[], Kind]] = {}


def register(name: str, kind: Callable[[], Kind]) -> None:
    """Register the kind ``name``; each app registers its own when it is ready.

    ``kind`` is called where a document is made or fetched: what draws one takes long to import.
    """
    _kinds[name] = kind


def write(document: Document, file: IO[bytes], *, wait: float = replica.REQUEST_WAIT) -> str:
    """Write the contents of ``document``, in the active language. Returns its name.

    They are read from the replica, which is given ``wait`` seconds to have all that there is.
    """

    def written() -> str:
        file.seek(0)
        file.truncate()
        return _kinds[document.kind]().write(document, file)

    return replica.read(written, wait=wait)


@transaction.atomic
def ask(document: Document, *, now: datetime | None = None) -> Document:
    """Return the file that the unsaved ``document`` describes; a task makes it.

    An equal one is returned if it waits, is new, or is final and there. Raises TooManyDocuments.
    """
    now = now or timezone.now()
    asker = locked(document.asked_by_id)  # whose others are counted
    document.key = _key_of(document)
    same = Document.objects.filter(
        community=document.community_id, key=document.key, removed_at__isnull=True
    ).order_by("-id")
    last = same.first()
    if last and _still_answers(last, now):
        return last
    if last and selectors.state_of(last, now=now) == Document.State.EXPIRED:  # or lost
        _remove(last.community_id, last.pk)
    if selectors.kept_for(asker, document.community) >= MOST_KEPT:
        raise TooManyDocuments
    document.stored_as = f"{FOLDER}/{secrets.token_hex(16)}"
    # Somebody else may ask for the same final one at this moment.
    Document.objects.bulk_create([document], ignore_conflicts=True)
    return same.all()[0]


def make(document: Document) -> Done | None:
    """Make the document's file, or let go of one that nobody waits for any more.

    Whoever asked for one that is theirs alone is told that it is ready.
    If a worker is killed over it, the next one begins anew under the same name.
    """
    if selectors.state_of(document) != Document.State.PENDING:
        _forget(document)
        return None

    def written(file: IO[bytes]) -> None:
        document.name = write(document, file, wait=replica.TASK_WAIT)

    with translation.override(document.language):
        size_bytes, sha256 = store(document.stored_as, written)
    now = timezone.now()
    if not document.is_final:
        _tell(document, until=now + KEPT_FOR)
    return Done(
        name=document.name,
        size_bytes=size_bytes,
        sha256=sha256,
        finished_at=now,
        expires_at=None if document.is_final else now + KEPT_FOR,
    )


def seen_by(user: User, *, code: str, document_id: UUID) -> Document:
    """Return the document, whoever asked for it, for ``user``. Raises DocumentUnknown."""
    community = Community.objects.filter(code=code).first()
    documents = Document.objects.select_related("community", "asked_by")
    document = documents.filter(community=community, pk=document_id).first() if community else None
    if document is None or not _kinds[document.kind]().seen_by(user, document):
        raise DocumentUnknown
    return document


def fetch(document: Document) -> IO[bytes]:
    """Return the file of a document that is ready. Raises DocumentExpired."""
    if selectors.state_of(document) != Document.State.READY:
        raise DocumentExpired
    try:
        return default_storage.open(document.stored_as)
    except FileNotFoundError:  # since we looked
        raise DocumentExpired from None


def remove_expired(*, now: datetime | None = None) -> int:
    """Remove the files that nobody can fetch any more. Returns the count."""
    due = selectors.documents_to_remove(now or timezone.now()).filter(HERE)
    return sum(_remove(*row) for row in due.values_list("community_id", "pk"))


@transaction.atomic
def discard(documents: QuerySet[Document]) -> None:
    """Remove the files of ``documents``, including final ones, which are made anew if asked for.

    Waits for a file that is being made.
    """
    for document in documents.filter(removed_at__isnull=True).order_by("pk"):
        here = document.locked()
        if here.removed_at is None:
            _forget(here)


@transaction.atomic
def _remove(community_id: UUID, document_id: UUID) -> bool:
    document = (
        Document.objects.select_for_update(no_key=True, skip_locked=True)
        .filter(community=community_id, pk=document_id, removed_at__isnull=True)
        .first()
    )
    if document is None:
        return False
    _forget(document)
    return True


def _forget(document: Document) -> None:
    default_storage.delete(document.stored_as)
    document.save_with(removed_at=timezone.now(), next_at=None, given_up_at=None)


def _tell(document: Document, *, until: datetime) -> None:
    here = until.astimezone(document.community.clock)
    notices.owe(
        community=document.community,
        key=f"document_ready:{document.pk}",
        recipient=document.asked_by,
        kind="document_ready",
        facts={"name": document.name, "until": f"{here:%Y-%m-%d %H:%M}"},
        target_id=document.pk,
        due_at=timezone.now(),
        stale_at=until,
    )


def _still_answers(document: Document, now: datetime) -> bool:
    state = selectors.state_of(document, now=now)
    if state == Document.State.PENDING:
        return True
    if state == Document.State.EXPIRED:
        return False
    assert document.finished_at is not None  # a check constraint
    return document.is_final or now < document.finished_at + NEW_FOR


def _key_of(document: Document) -> str:
    said: list[Any] = [document.kind, document.about, document.ending, document.language]
    if not document.is_final:
        said.append(str(document.asked_by_id))
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
