"""The data held of notices to somebody."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from backend.notices.models import Notice, WeChatQuotaEntry
from backend.notices.words import words
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
held.titles(
    body=_("Text"),
    channel=_("Channel"),
    delivered_at=_("Delivered at"),
    due_at=_("Due at"),
    email=_("E-mail address"),
    read_at=_("Read at"),
    change=_("Change"),
    entered_at=_("Entered at"),
    template=_("Template"),
    title=_("Title"),
    why=_("Why"),
)
