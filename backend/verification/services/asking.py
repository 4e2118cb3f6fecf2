"""Asking for verifications, by people and by the clock, and stopping them."""

from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.registries.heads import places
from backend.sql import constraint_of
from backend.verification import selectors
from backend.verification.errors import VerificationOver, VerificationUnderWay
from backend.verification.models import EVERYTHING, Verification

NOT_BEFORE = timedelta(minutes=1)  # so long a worker leaves it to whoever asked
Status = Verification.Status


@transaction.atomic
def ask(
    *,
    community: Community,
    kind: str,
    is_whole: bool,
    asked_by: User | None = None,
    is_due: bool = True,
) -> Verification:
    """Owe a verification of ``kind``, which a worker runs; not at once unless it ``is_due``.

    Of everything, or of what is new since the last that was finished; without one, of everything.
    Raises VerificationUnderWay while one of the kind waits or runs in the community.
    """
    since = None if is_whole else selectors.base_of(community, kind)
    now = timezone.now()
    verification = Verification(
        community=community,
        kind=kind,
        is_whole=since is None,
        since=since,
        asked_by=asked_by,
        next_at=now if is_due else now + NOT_BEFORE,
    )
    try:
        with transaction.atomic():
            verification.save(force_insert=True)
    except IntegrityError as error:
        if constraint_of(error) != "verification_one_of_a_kind_at_a_time":
            raise
        raise VerificationUnderWay from None
    if asked_by is not None:
        after = {"kind": kind, "is_whole": verification.is_whole}
        trail.record("verification.ask", actor=asked_by, target=verification, after=after)
    verification.refresh_from_db(fields=["asked_at"])
    return verification


def ask_tonight(*, now: datetime | None = None) -> int:
    """Owe a verification of everything in every place with seals that has none under way.

    Most are of what is new. Each community has its day to be read whole, every so many days
    (``VERIFY_WHOLE_DAYS``), so that not all of them are on one night; one whose day was missed is
    read whole the next night. Returns the count.
    """
    now, asked = now or timezone.now(), 0
    for community in places().filter(moved_at__isnull=True).order_by("pk"):
        with suppress(VerificationUnderWay):
            ask(community=community, kind=EVERYTHING, is_whole=_is_due_whole(community, now))
            asked += 1
    return asked


def _is_due_whole(community: Community, now: datetime) -> bool:
    days = settings.VERIFY_WHOLE_DAYS
    if (now.toordinal() + community.pk.int) % days == 0:
        return True
    last = selectors.last_whole(community)
    return last is None or last.asked_at < now - timedelta(days=days, hours=-1)


@transaction.atomic
def stop(*, verification: Verification, by: User) -> Verification:
    """Stop a verification: at once if it waits, else when its worker notices, within seconds.

    What it has found stays. Idempotent: keeps the first who stopped it. Raises VerificationOver.
    """
    verification = verification.locked()
    if verification.status == Status.STOPPED or verification.stopped_by_id:
        return verification
    if verification.status not in Verification.UNDER_WAY:
        raise VerificationOver
    over = {"status": Status.STOPPED, "finished_at": timezone.now(), "next_at": None}
    verification.save_with(stopped_by=by, **(over if verification.status == Status.WAITING else {}))
    trail.record("verification.stop", actor=by, target=verification)
    return verification
