"""The data held of notices to somebody."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from backend.accounts import vault
from backend.notices.models import Mailbox, Message, Notice, NoticeSettings, WeChatQuotaEntry
from backend.notices.words import own_texts, words
from backend.privacy import held

if TYPE_CHECKING:
    from backend.accounts.models import User

MOMENTS = "due_at delivered_at read_at withdrawn_at"


def _as_read(user: "User") -> Iterator[held.Row]:
    """Yield the person's notices with the words in which they would read them."""
    theirs = held.rows_of(Notice, ["recipient"], user)
    columns = ["pk", "community__code", "community", "kind", "facts", *MOMENTS.split()]
    for page in held.pages(theirs, *columns):
        own = own_texts(row[2] for row in page)
        for pk, code, community_id, kind, facts, *moments in page:
            notice = Notice(community_id=community_id, kind=kind, facts=facts)
            yield (pk, code, kind, *words(notice, own), *moments)


held.table(
    "notices",
    "给您的通知 / what you were told",
    f"id community kind title body {MOMENTS}",
    Notice,
    "recipient",
    rows=_as_read,
    is_deleted=True,
)


def _decrypted(row: held.Row) -> held.Row:
    address, *moments = row
    return (vault.decrypt(address), *moments)


held.table(
    "email",
    "您的电子邮箱 / your e-mail address",
    "email=address_encrypted given_at verified_at",
    Mailbox,
    "user",
    shown=_decrypted,
    is_deleted=True,
)
held.table(
    "wechat_messages",
    "您同意接收的微信消息，和已发送的 / WeChat messages that you accepted, and that were sent",
    "template=quota__template_id why change entered_at",
    WeChatQuotaEntry,
    "quota__account__user",
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
    change=_("Change"),
    channel=_("Channel"),
    delivered_at=_("Delivered at"),
    due_at=_("Due at"),
    email=_("E-mail address"),
    entered_at=_("Entered at"),
    language=_("Language"),
    notice=_("Notice"),
    quiet_from=_("Quiet from"),
    quiet_until=_("Quiet until"),
    read_at=_("Read at"),
    sent_at=_("Sent at"),
    skipped_at=_("Skipped at"),
    switched_off=_("Switched off"),
    template=_("Template"),
    title=_("Title"),
    why=_("Why"),
)
