"""Points given back 公益反哺: donated into a campaign's pool, and disbursed from it by staff."""

from datetime import date
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services import guardians
from backend.audit import services as trail
from backend.communities.models import Community
from backend.communities.services import roles
from backend.locks import lock_by_id
from backend.names import of_thing
from merchants.giving import errors, selectors
from merchants.giving.models import Campaign, Disbursement, Donation, Sponsorship
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import sides
from points.kinds import AccountKind
from points.ledger import selectors as points
from points.ledger import services as ledger
from points.ledger.errors import InsufficientPoints

if TYPE_CHECKING:
    from points.models import Account


@transaction.atomic
def open_campaign(*, community: Community, title: str, by: User, description: str = "") -> Campaign:
    """Open a campaign that collects points. Raises CampaignTitleTaken."""
    lock_by_id(community.pk)
    titles = Campaign.objects.filter(community=community).values_list("title", flat=True)
    if of_thing(title) in map(of_thing, titles):
        raise errors.CampaignTitleTaken
    campaign = Campaign.objects.create(
        community=community, title=title, description=description, opened_by=by
    )
    trail.record("campaign.open", actor=by, target=campaign)
    return campaign


@transaction.atomic
def close_campaign(*, campaign: Campaign, by: User) -> Campaign:
    """Close a campaign to donations. Idempotent. The points in its pool can still be spent."""
    campaign = campaign.locked("community")
    if campaign.closed_at is None:
        campaign.save_with(closed_at=timezone.now())
        trail.record("campaign.close", actor=by, target=campaign)
    return campaign


@transaction.atomic
def donate(*, campaign: Campaign, volunteer: User, amount: int) -> Donation:
    """Donate ``amount`` points from the volunteer's wallet to the campaign's pool, for good.

    Raises NotAVolunteerHere, GuardianConsentRequired, CampaignClosed, InsufficientPoints.
    """
    roles.require_volunteer(user_id=volunteer.pk, community_id=campaign.community_id)
    guardians.require_guardian(volunteer)
    if campaign.closed_at is not None:
        raise errors.CampaignClosed
    wallet = points.wallet_of(campaign.community_id, volunteer.pk)
    if wallet is None:
        raise InsufficientPoints(available=0, needed=amount)
    donation = Donation(
        community=campaign.community, campaign=campaign, volunteer=volunteer, points=amount
    )
    _post(donation, wallet, _pool(campaign), "donation", {"campaign": campaign.title})
    return donation


@transaction.atomic
def disburse(*, campaign: Campaign, amount: int, reason: str, by: User) -> Disbursement:
    """Spend ``amount`` points of the pool; ``reason`` says what for, and is public.

    Raises PoolTooSmall.
    """
    campaign = campaign.locked("community")  # two who spend queue here
    left = selectors.pool_of(campaign)
    if amount > left:
        raise errors.PoolTooSmall(left=left)
    disbursement = Disbursement(
        community=campaign.community,
        campaign=campaign,
        points=amount,
        reason=reason,
        disbursed_by=by,
    )
    settled = ledger.account(community=campaign.community, kind=AccountKind.SETTLED)
    told = {"campaign": campaign.title, "reason": reason}
    _post(disbursement, _pool(campaign), settled, "campaign", told)
    points_left = {"points": amount, "left": left - amount}
    trail.record("campaign.disburse", actor=by, target=campaign, after=points_left)
    return disbursement


@transaction.atomic
def sponsor(
    *, partnership: Partnership, text: str, given_on: date, by: User, value_fen: int | None = None
) -> Sponsorship:
    """Record a gift of a merchant to the community, which is public.

    Raises OwnMerchant, PartnerNotAccepted, GivenLater if ``given_on`` is in the future.
    """
    sides.refuse_own(by, partnership)
    sides.refuse_unaccepted(partnership)
    if given_on > partnership.community.today:
        raise errors.GivenLater
    given = Sponsorship.objects.create(
        community=partnership.community,
        partnership=partnership,
        text=text,
        value_fen=value_fen,
        given_on=given_on,
        recorded_by=by,
    )
    facts = {"partnership": str(partnership.pk), "value_fen": value_fen}
    trail.record("sponsorship.record", actor=by, target=given, after=facts)
    return given


def _post(
    row: Donation | Disbursement,
    debit: "Account",
    credit: "Account",
    reason: str,
    explanation: dict[str, str],
) -> None:
    source = f"{row._meta.model_name}:{row.pk}"
    row.transfer_id = ledger.post(
        ledger.Movement(
            debit=debit,
            credit=credit,
            amount=row.points,
            key=source,
            reason=reason,
            source=source,
            explanation=explanation,
        )
    ).pk
    row.save(force_insert=True)


def _pool(campaign: Campaign) -> "Account":
    return ledger.account(
        community=campaign.community, kind=AccountKind.POOL, holder=f"campaign:{campaign.pk}"
    )
