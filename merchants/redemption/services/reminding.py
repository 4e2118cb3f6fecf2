"""Reminders of vouchers that expire soon."""

from django.conf import settings
from django.db import transaction
from django.db.models import CharField, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from backend.communities.models import Community
from backend.notices import services as notices
from backend.notices.selectors import was_owed
from merchants.redemption.models import Redemption

KIND = "voucher_expiring"
AT_ONCE = 1_000  # vouchers a transaction


def due() -> QuerySet[Redemption]:
    """Return the vouchers that expire within ``VOUCHER_REMINDER_LEAD`` and were not reminded of.

    Leaves out those taken within that time, because their volunteers have them in mind, and those
    that are to be cancelled.
    """
    now, lead = timezone.now(), settings.VOUCHER_REMINDER_LEAD
    return Redemption.objects.filter(
        ~was_owed(Concat(Value(f"{KIND}:"), Cast(OuterRef("pk"), CharField()))),
        status=Redemption.Status.HELD,
        expires_at__gt=now,
        expires_at__lte=now + lead,
        taken_at__lte=now - lead,
        cancel_asked_at__isnull=True,
    )


@transaction.atomic
def remind(*, community: Community) -> int:
    """Owe the volunteers of a community a reminder of each voucher that is due. Idempotent.

    A voucher that is being scanned or cancelled is left out. Returns how many were due.
    """
    vouchers = due().filter(community=community).select_related("offer", "partnership", "volunteer")
    locked = vouchers.select_for_update(of=("self",), no_key=True, skip_locked=True)
    found = list(locked.order_by("pk")[:AT_ONCE])
    for voucher in found:
        expires_at = voucher.expires_at.astimezone(community.clock)
        notices.owe(
            community=community,
            key=f"{KIND}:{voucher.pk}",
            recipient=voucher.volunteer,
            kind=KIND,
            facts={
                "offer": voucher.offer.title,
                "merchant": voucher.partnership.name,
                "until": f"{expires_at:%Y-%m-%d %H:%M}",
            },
            target_id=voucher.pk,
            due_at=timezone.now(),
            stale_at=voucher.expires_at,
        )
    return len(found)
