"""Points given back 公益反哺: into a cause's pool, and out of it by staff, in public."""

from datetime import date
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services import guardians
from backend.audit import services as trail
from backend.communities.models import Community
from backend.communities.services import roles
from backend.ids import new_id
from backend.names import of_thing
from merchants.giving import errors, selectors
from merchants.giving.models.campaigns import Cause, Gift, Spending, Sponsorship
from merchants.partners.errors import PartnerNotAccepted
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import sides
from points.kinds import AccountKind
from points.ledger import selectors as points
from points.ledger import services as ledger
from points.ledger.errors import InsufficientPoints

if TYPE_CHECKING:
    from points.models import Account


@transaction.atomic
def open_cause(*, community: Community, title: str, by: User, description: str = "") -> Cause:
    """Collect points for something. Raises CauseTitleTaken."""
    Community.objects.select_for_update(no_key=True).get(pk=community.pk)
    titles = Cause.objects.filter(community=community).values_list("title", flat=True)
    if of_thing(title) in map(of_thing, titles):
        raise errors.CauseTitleTaken
    cause = Cause.objects.create(
        community=community, title=title, description=description, opened_by=by
    )
    cause.refresh_from_db(fields=["opened_at"])  # the database's own time
    trail.record("cause.open", actor=by, community=community, target=cause)
    return cause


@transaction.atomic
def close_cause(*, cause: Cause, by: User) -> Cause:
    """It takes no more; again changes nothing. What is in its pool can still be spent."""
    cause = _locked(cause)
    if cause.closed_at is None:
        cause.closed_at = timezone.now()
        cause.save(update_fields=["closed_at"])
        trail.record("cause.close", actor=by, community=cause.community, target=cause)
    return cause


@transaction.atomic
def give(*, cause: Cause, volunteer: User, amount: int) -> Gift:
    """``amount`` points of the volunteer's go into the cause's pool, for good.

    Raises NotAVolunteerHere, GuardianConsentRequired, CauseClosed, InsufficientPoints.
    """
    roles.require_volunteer(user_id=volunteer.pk, community_id=cause.community_id)
    guardians.require_guardian(volunteer)
    if cause.closed_at is not None:
        raise errors.CauseClosed
    wallet = points.wallet_of(cause.community_id, volunteer.pk)
    if wallet is None:
        raise InsufficientPoints(available=0, needed=amount)
    gift = Gift(
        id=new_id(),
        community_id=cause.community_id,
        cause=cause,
        volunteer=volunteer,
        points=amount,
    )
    gift.transfer_id = ledger.post(
        ledger.Movement(
            debit=wallet,
            credit=_pool(cause),
            amount=amount,
            key=f"gift:{gift.pk}",
            reason="gift",
            source=f"gift:{gift.pk}",
            explanation={"cause": cause.title},
        )
    ).pk
    gift.save(force_insert=True)
    gift.refresh_from_db(fields=["given_at"])  # the database's own time
    return gift


@transaction.atomic
def spend(*, cause: Cause, amount: int, words: str, by: User) -> Spending:
    """Use ``amount`` points of the pool; ``words`` say for what, for everybody to read.

    Raises PoolTooSmall.
    """
    cause = _locked(cause)  # two who spend queue here
    left = selectors.pool_of(cause)
    if amount > left:
        raise errors.PoolTooSmall(left=left)
    spending = Spending(
        id=new_id(),
        community_id=cause.community_id,
        cause=cause,
        points=amount,
        words=words,
        spent_by=by,
    )
    spending.transfer_id = ledger.post(
        ledger.Movement(
            debit=_pool(cause),
            credit=ledger.account(community=cause.community, kind=AccountKind.SETTLED),
            amount=amount,
            key=f"spending:{spending.pk}",
            reason="cause",
            source=f"spending:{spending.pk}",
            explanation={"cause": cause.title, "words": words},
        )
    ).pk
    spending.save(force_insert=True)
    spending.refresh_from_db(fields=["spent_at"])  # the database's own time
    trail.record(
        "cause.spend",
        actor=by,
        community=cause.community,
        target=cause,
        after={"points": amount, "left": left - amount},
    )
    return spending


@transaction.atomic
def sponsor(
    *, partnership: Partnership, words: str, given_on: date, by: User, value_fen: int | None = None
) -> Sponsorship:
    """Put on record what a merchant gave, for everybody to read.

    Raises OwnMerchant, PartnerNotAccepted, GivenLater.
    """
    sides.refuse_own(by, partnership)
    if partnership.accepted_at is None:
        raise PartnerNotAccepted
    if given_on > partnership.community.today:
        raise errors.GivenLater
    given = Sponsorship.objects.create(
        community_id=partnership.community_id,
        partnership=partnership,
        words=words,
        value_fen=value_fen,
        given_on=given_on,
        recorded_by=by,
    )
    trail.record(
        "sponsorship.record",
        actor=by,
        community=partnership.community,
        target=given,
        after={"partnership": str(partnership.pk), "value_fen": value_fen},
    )
    return given


def _pool(cause: Cause) -> "Account":
    return ledger.account(
        community=cause.community, kind=AccountKind.POOL, holder=f"cause:{cause.pk}"
    )


def _locked(cause: Cause) -> Cause:
    return (
        Cause.objects.select_for_update(no_key=True, of=("self",))
        .select_related("community")
        .get(pk=cause.pk)
    )
