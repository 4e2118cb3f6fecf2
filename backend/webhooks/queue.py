"""Queue of deliveries: what is due, who tries it, and when it is tried again.

Waits are our own because tries are counted in the row: Celery's and tenacity's live in a message or
a process, and neither lasts 62 hours.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from backend.webhooks.models import Delivery, Silence

# Seconds after the first, the second … attempt: 5 s to a day, about 62 hours in all.
WAITS = (5, 60, 300, 1_800, 7_200, 18_000, 36_000, 72_000, 86_400)
ATTEMPTS = len(WAITS) + 1
SILENCES = 4  # so many of WAITS are for receivers too: each is asked every half hour
JITTER = 0.1  # at most a tenth longer
LEASE = timedelta(minutes=1)  # longer than one try takes
SWEPT_AT_MOST = 10  # of one endpoint at once: workers are there for others too
Status = Delivery.Status


# --- whose turn it is -------------------------------------------------------------------------
def due() -> QuerySet[Delivery]:
    """Return the deliveries that may be sent now: of each ``ordering_id`` only the earliest.

    Leaves out endpoints that are switched off, or left alone because they gave no answer.
    """
    earlier = Delivery.objects.filter(
        community=OuterRef("community"),
        endpoint=OuterRef("endpoint"),
        ordering_id=OuterRef("ordering_id"),
        status=Status.PENDING,
        happened_at__lt=OuterRef("happened_at"),
    )
    now = timezone.now()
    return Delivery.objects.filter(
        ~Exists(earlier),
        Q(endpoint__silence__isnull=True) | Q(endpoint__silence__until_at__lte=now),
        status=Status.PENDING,
        next_at__lte=now,
        endpoint__disabled_at__isnull=True,
    )


def to_sweep() -> QuerySet[Delivery]:
    """Return the earliest few due deliveries of each endpoint, so that none fills the queue."""
    place = Window(RowNumber(), partition_by=F("endpoint"), order_by=[F("happened_at"), F("id")])
    return due().alias(place=place).filter(place__lte=SWEPT_AT_MOST).order_by("next_at")


@transaction.atomic
def claim(*, community_id: UUID, delivery_id: UUID) -> Delivery | None:
    """Take a delivery for the next minute; None if it is not due, or another worker has it.

    An endpoint that gave no answer the last time is asked by one worker at a time.
    """
    delivery = (
        due()
        .select_for_update(no_key=True, of=("self",), skip_locked=True)
        .select_related("endpoint__silence")
        .filter(community=community_id, pk=delivery_id)
        .first()
    )
    if delivery is None:
        return None
    now = timezone.now()
    silence = Silence.objects.filter(endpoint=delivery.endpoint_id, until_at__lte=now)
    if _silence_of(delivery) and not silence.update(until_at=now + LEASE):
        return None
    delivery.attempts += 1
    delivery.next_at = now + LEASE
    here(delivery).update(attempts=delivery.attempts, next_at=delivery.next_at)
    return delivery


# --- how a try ended --------------------------------------------------------------------------
def finish(delivery: Delivery, *, is_done: bool, **answer: Any) -> Delivery.Status:
    """Record the end of a try: delivered, pending again after a wait, or failed for good.

    Leaves a row alone that another worker has claimed since.
    """
    now, ended = timezone.now(), {**answer, "status": Status.PENDING}
    if is_done:
        ended |= {"status": Status.DELIVERED, "delivered_at": now}
    elif (wait := wait_after(delivery.attempts, delivery.pk)) is not None:
        ended |= {"next_at": now + wait}
    else:
        ended |= {"status": Status.FAILED}
    still = here(delivery).filter(status=Status.PENDING, attempts=delivery.attempts)
    still.update(**ended)
    return Status(ended["status"])


def heed_silence(delivery: Delivery, *, is_silent: bool) -> None:
    """Leave an endpoint without an answer alone, longer each time; any answer ends that.

    Several tries at the same time count as one silence.
    """
    its = Silence.objects.filter(endpoint=delivery.endpoint_id)
    if not is_silent:
        its.delete()
        return
    times = (silence.times if (silence := _silence_of(delivery)) else 0) + 1
    until_at = timezone.now() + _wait(min(times, SILENCES), delivery.pk)
    if not its.filter(times=times - 1).update(times=times, until_at=until_at) and times == 1:
        one = Silence(endpoint_id=delivery.endpoint_id, times=1, until_at=until_at)
        Silence.objects.bulk_create([one], ignore_conflicts=True)


def requeue(deliveries: QuerySet[Delivery]) -> int:
    """Make ``deliveries`` pending anew, with no tries counted. Returns the count."""
    return deliveries.update(
        status=Status.PENDING, attempts=0, next_at=timezone.now(), delivered_at=None
    )


def here(delivery: Delivery) -> QuerySet[Delivery]:
    """Return the row of ``delivery``, by its community and id."""
    return Delivery.objects.filter(community=delivery.community_id, pk=delivery.pk)


def wait_after(attempts: int, delivery_id: UUID) -> timedelta | None:
    """Return the wait after the failed try number ``attempts`` (from 1 on); None gives up."""
    return None if attempts >= ATTEMPTS else _wait(attempts, delivery_id)


def _wait(number: int, delivery_id: UUID) -> timedelta:
    # The id decides how much later, so that what failed together does not come back together. The
    # last bits of a UUIDv7 are random, the first ones are a clock.
    part = (delivery_id.int & 0xFFFF) / 0xFFFF
    return timedelta(seconds=WAITS[number - 1] * (1 + JITTER * part))


def _silence_of(delivery: Delivery) -> Silence | None:
    return getattr(delivery.endpoint, "silence", None)
