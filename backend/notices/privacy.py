"""The data held of notices to somebody."""

from django.utils.translation import gettext_lazy as _

from backend.notices.models import Message, Notice, NoticeSettings
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
held.table(
    "messages",
    "发给您的消息 / how you were told beside the inbox",
    "id community notice=notice_id channel language due_at sent_at skipped_at reason",
    Message,
    "notice__recipient",
)


def _as_told(row: held.Row) -> held.Row:
    """Return the row of somebody's wishes with times as they told them."""
    language, quiet_from, quiet_until, switched_off = row
    return (language, f"{quiet_from:%H:%M}", f"{quiet_until:%H:%M}", switched_off)


held.table(
    "notice_settings",
    "您的消息设置 / your wishes about messages",
    "language quiet_from quiet_until switched_off",
    NoticeSettings,
    "user",
    shown=_as_told,
    is_deleted=True,
)
held.titles(
    body=_("Text"),
    channel=_("Channel"),
    delivered_at=_("Delivered at"),
    due_at=_("Due at"),
    language=_("Language"),
    notice=_("Notice"),
    quiet_from=_("Quiet from"),
    quiet_until=_("Quiet until"),
    read_at=_("Read at"),
    sent_at=_("Sent at"),
    skipped_at=_("Skipped at"),
    switched_off=_("Switched off"),
    title=_("Title"),
)
