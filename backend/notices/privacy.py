"""The data held of notices to somebody."""

from django.utils.translation import gettext_lazy as _

from backend.notices.models import Notice
from backend.notices.words import words
from backend.privacy import held


def _as_read(row: held.Row) -> held.Row:
    """Return the row of a notice with the words in which its person would read it."""
    pk, community, kind, _kind, facts, *moments = row
    return (pk, community, kind, *words(Notice(kind=kind, facts=facts)), *moments)


held.table(
    "notices",
    "给您的通知 / what you were told",
    "id community kind title=kind body=facts due_at delivered_at read_at withdrawn_at",
    Notice,
    "recipient",
    shown=_as_read,
    is_deleted=True,
)
held.titles(
    body=_("Text"),
    delivered_at=_("Delivered at"),
    due_at=_("Due at"),
    read_at=_("Read at"),
    title=_("Title"),
)
