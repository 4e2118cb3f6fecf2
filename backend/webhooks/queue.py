"""Order of deliveries, and endpoints that gave no answer. What else is owed: backend/outbox/."""

from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from backend.outbox.kinds import WAITS
from backend.outbox.services import spread
from backend.webhooks.models import Delivery, Silence

SILENCES = 4  # so many of WAITS are for receivers too: each is asked every half hour
LEASE = timedelta(minutes=1)  # longer than one try takes


def in_turn(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Return those of ``deliveries`` that may be sent: of each ``ordering_id`` only the earliest.

    Leaves out endpoints that are switched off, or left alone because they gave no answer.
    """
    earlier = Delivery.objects.filter(
        community=OuterRef("community"),
        endpoint=OuterRef("endpoint"),
        ordering_id=OuterRef("ordering_id"),
        next_at__isnull=False,
        happened_at__lt=OuterRef("happened_at"),
    )
    # Read before, for no tenant's rows are joined with a table that is on one machine.
    left_alone = Silence.objects.filter(until_at__gt=timezone.now()).values_list("pk", flat=True)
    return deliveries.filter(~Exists(earlier), endpoint__disabled_at__isnull=True).exclude(
        endpoint__in=list(left_alone)
    )


def admits(delivery: Delivery) -> bool:
    """Tell whether this worker may ask the endpoint.

    An endpoint that gave no answer the last time is asked by one worker at a time.
    """
    now = timezone.now()
    silence = Silence.objects.filter(endpoint=delivery.endpoint_id, until_at__lte=now)
    return not _silence_of(delivery) or bool(silence.update(until_at=now + LEASE))


def heed_silence(delivery: Delivery, *, is_silent: bool) -> None:
    """Leave an endpoint without an answer alone, longer each time; any answer ends that.

    Several tries at the same time count as one silence.
    """
    its = Silence.objects.filter(endpoint=delivery.endpoint_id)
    if not is_silent:
        its.delete()
        return
    times = (silence.times if (silence := _silence_of(delivery)) else 0) + 1
    until_at = timezone.now() + spread(WAITS[min(times, SILENCES) - 1], delivery.pk)
    if not its.filter(times=times - 1).update(times=times, until_at=until_at) and times == 1:
        one = Silence(endpoint_id=delivery.endpoint_id, times=1, until_at=until_at)
        Silence.objects.bulk_create([one], ignore_conflicts=True)


def here(delivery: Delivery) -> QuerySet[Delivery]:
    """Return the row of ``delivery``, by its community and id."""
    return Delivery.objects.filter(community=delivery.community_id, pk=delivery.pk)


def _silence_of(delivery: Delivery) -> Silence | None:
    return getattr(delivery.endpoint, "silence", None)
