"""Owing, withdrawing and reading notices, and people's wishes about them.

``delivery.py`` delivers them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from backend.accounts.models import User
from backend.communities.models import Community
from backend.notices import kinds, selectors
from backend.notices.errors import NoticeKindUnknown, NoticeRequired
from backend.notices.models import Notice, NoticeSettings

WRITTEN_AT_ONCE = 1_000  # rows


def owe(
    *,
    community: Community,
    key: str,
    recipient: User,
    kind: str,
    facts: dict[str, Any],
    due_at: datetime,
    target_id: UUID | None = None,
    stale_at: datetime | None = None,
) -> None:
    """Owe ``recipient`` a notice from ``due_at`` on.

    One ``key`` is delivered once. Until then a second call replaces the facts and dates, also if it
    was withdrawn; after delivery it changes nothing.
    """
    told = {
        "facts": facts,
        "target_id": target_id,
        "due_at": due_at,
        "next_at": due_at,
        "stale_at": stale_at,
    }
    with transaction.atomic():
        notice, made = Notice.objects.get_or_create(
            community=community,
            key=key,
            defaults={"recipient": recipient, "kind": kind, **told},
        )
        if not made:
            untold = Notice.objects.filter(
                community=community, pk=notice.pk, delivered_at__isnull=True
            )
            untold.update(withdrawn_at=None, given_up_at=None, attempts=0, **told)


@dataclass(frozen=True, kw_only=True, slots=True)
class Owed:
    """One of many notices that are owed."""

    key: str
    recipient_id: UUID
    facts: dict[str, Any]
    target_id: UUID | None = None  # of what a tap opens


def owe_many(
    *,
    community: Community,
    kind: str,
    owed: Iterable[Owed],
    due_at: datetime,
    stale_at: datetime | None = None,
) -> None:
    """Owe many notices, streamed, in a statement for every thousand.

    A known key stays as it is, also if it was withdrawn.
    """
    rows = iter(owed)
    while some := list(islice(rows, WRITTEN_AT_ONCE)):
        Notice.objects.bulk_create(
            [
                Notice(
                    community=community,
                    key=one.key,
                    recipient_id=one.recipient_id,
                    kind=kind,
                    facts=one.facts,
                    target_id=one.target_id,
                    due_at=due_at,
                    next_at=due_at,
                    stale_at=stale_at,
                )
                for one in some
            ],
            ignore_conflicts=True,
        )


def withdraw(*, community: Community, key: str) -> None:
    """Withdraw the notice of ``key``. Idempotent; does nothing if it was delivered already."""
    Notice.objects.filter(
        community=community, key=key, delivered_at__isnull=True, withdrawn_at__isnull=True
    ).update(withdrawn_at=Now(), next_at=None, given_up_at=None)


def withdraw_many(*, community: Community, prefix: str) -> None:
    """Withdraw the notices whose keys begin with ``prefix`` and that were not delivered yet."""
    owed = Notice.objects.filter(community=community, next_at__isnull=False)
    owed.filter(key__startswith=prefix, delivered_at__isnull=True).update(
        withdrawn_at=Now(), next_at=None
    )


def mark_read(*, notice: Notice) -> Notice:
    """Record that the recipient has read the notice. Idempotent: keeps the first ``read_at``."""
    unread = Notice.objects.filter(
        community=notice.community_id, pk=notice.pk, read_at__isnull=True
    )
    if unread.update(read_at=Now()):
        notice.refresh_from_db(fields=["read_at"])
    return notice


def mark_all_read(*, recipient: User) -> None:
    """Record that the recipient has read all that was delivered. Idempotent."""
    selectors.unread_by(recipient).update(read_at=Now())


@transaction.atomic
def change_settings(
    *, user: User, switched_off: dict[str, list[str]] | None = None, **changes: Any
) -> NoticeSettings:
    """Change the wishes of ``user`` about messages. Idempotent.

    ``switched_off`` are the channels by which they want no notice of a kind; kinds that are not
    named stay as they are. Raises NoticeKindUnknown, NoticeRequired.
    """
    asked = switched_off or {}
    for name, off in asked.items():
        if name not in kinds.registered:
            raise NoticeKindUnknown(kind=name)
        if off and kinds.registered[name].is_required:
            raise NoticeRequired(kind=name)
    NoticeSettings.objects.get_or_create(user=user)
    wishes = NoticeSettings.objects.select_for_update(no_key=True).get(user=user)
    known = wishes.switched_off | {name: sorted({*off}) for name, off in asked.items()}
    changes["switched_off"] = {name: off for name, off in known.items() if off}
    for name, value in changes.items():
        setattr(wishes, name, value)
    wishes.save(update_fields=list(changes))
    return wishes
