"""Points given back 公益反哺: into a campaign's pool, and out of it by staff, in public."""

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
from merchants.giving.models import Campaign, Disbursement, Donation, Sponsorship
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
def open_campaign(*, community: Community, title: str, by: User, description: str = "") -> Campaign:
    """Collect points for something. Raises CampaignTitleTaken."""
    Community.objects.select_for_update(no_key=True).get(pk=community.pk)
    titles = Campaign.objects.filter(community=community).values_list("title", flat=True)
    if of_thing(title) in map(of_thing, titles):
        raise errors.CampaignTitleTaken
    campaign = Campaign.objects.create(
        community=community, title=title, description=description, opened_by=by
    )
    campaign.refresh_from_db(fields=["opened_at"])  # the database's own time
    trail.record("campaign.open", actor=by, community=community, target=campaign)
    return campaign


@transaction.atomic
def close_campaign(*, campaign: Campaign, by: User) -> Campaign:
    """Close a campaign to donations. Idempotent. What is in its pool can still be spent."""
    campaign = _locked(campaign)
    if campaign.closed_at is None:
        campaign.closed_at = timezone.now()
        campaign.save(update_fields=["closed_at"])
        trail.record("campaign.close", actor=by, community=campaign.community, target=campaign)
    return campaign


@transaction.atomic
def donate(*, campaign: Campaign, volunteer: User, amount: int) -> Donation:
    """``amount`` points of the volunteer's go into the campaign's pool, for good.

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
        id=new_id(),
        community_id=campaign.community_id,
        campaign=campaign,
        volunteer=volunteer,
        points=amount,
    )
    donation.transfer_id = ledger.post(
        ledger.Movement(
            debit=wallet,
            credit=_pool(campaign),
            amount=amount,
            key=f"donation:{donation.pk}",
            reason="donation",
            source=f"donation:{donation.pk}",
            explanation={"campaign": campaign.title},
        )
    ).pk
    donation.save(force_insert=True)
    donation.refresh_from_db(fields=["donated_at"])  # the database's own time
    return donation


@transaction.atomic
def disburse(*, campaign: Campaign, amount: int, reason: str, by: User) -> Disbursement:
    """Use ``amount`` points of the pool; ``reason`` say for what, for everybody to read.

    Raises PoolTooSmall.
    """
    campaign = _locked(campaign)  # two who spend queue here
    left = selectors.pool_of(campaign)
    if amount > left:
        raise errors.PoolTooSmall(left=left)
    disbursement = Disbursement(
        id=new_id(),
        community_id=campaign.community_id,
        campaign=campaign,
        points=amount,
        reason=reason,
        disbursed_by=by,
    )
    disbursement.transfer_id = ledger.post(
        ledger.Movement(
            debit=_pool(campaign),
            credit=ledger.account(community=campaign.community, kind=AccountKind.SETTLED),
            amount=amount,
            key=f"disbursement:{disbursement.pk}",
            reason="campaign",
            source=f"disbursement:{disbursement.pk}",
            explanation={"campaign": campaign.title, "reason": reason},
        )
    ).pk
    disbursement.save(force_insert=True)
    disbursement.refresh_from_db(fields=["disbursed_at"])  # the database's own time
    trail.record(
        "campaign.disburse",
        actor=by,
        community=campaign.community,
        target=campaign,
        after={"points": amount, "left": left - amount},
    )
    return disbursement


@transaction.atomic
def sponsor(
    *, partnership: Partnership, text: str, given_on: date, by: User, value_fen: int | None = None
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
        text=text,
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


def _pool(campaign: Campaign) -> "Account":
    return ledger.account(
        community=campaign.community, kind=AccountKind.POOL, holder=f"campaign:{campaign.pk}"
    )


def _locked(campaign: Campaign) -> Campaign:
    return (
        Campaign.objects.select_for_update(no_key=True, of=("self",))
        .select_related("community")
        .get(pk=campaign.pk)
    )
