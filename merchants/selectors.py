"""Reads about merchants, named for who is asking."""

from datetime import timedelta
from uuid import UUID

from django.db.models import F, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from backend.accounts.models import User
from backend.communities.models import Community, Role
from backend.communities.selectors import (
    HANDLES,
    WATCHES_OVER,
    communities_of,
    communities_where,
)
from merchants.models import (
    ActivityMatch,
    Cause,
    Device,
    Fair,
    FairStall,
    Gift,
    Invitation,
    ListEntry,
    Merchant,
    MerchantMember,
    Offer,
    OfferPrice,
    Partnership,
    Payout,
    Redemption,
    Refund,
    ScanAttempt,
    Spending,
    Sponsorship,
    Statement,
    StatementQuestion,
    StockMove,
    Terms,
    Wish,
)


def communities_with_causes_for(user: User) -> QuerySet[Community]:
    """Where ``user`` volunteers or works for the community."""
    return communities_where(user, (*WATCHES_OVER, Role.VOLUNTEER))


def causes_known_to(user: User) -> QuerySet[Cause]:
    """What points are or were collected for where ``user`` belongs, newest first."""
    return with_totals(Cause.objects.filter(community__in=communities_with_causes_for(user)))


def causes_open_to(user: User) -> QuerySet[Cause]:
    """Those to which ``user`` may give as a volunteer."""
    return Cause.objects.filter(community__in=communities_of(user)).select_related("community")


def causes_handled_by(user: User) -> QuerySet[Cause]:
    """Those whose points ``user`` may spend as staff."""
    return Cause.objects.filter(community__in=communities_where(user, HANDLES))


def with_totals(causes: QuerySet[Cause]) -> QuerySet[Cause]:
    """Newest first, each with ``given_points`` and ``spent_points``."""

    def total(model: type[Gift] | type[Spending]) -> Coalesce:
        of_cause = model.objects.filter(community=OuterRef("community"), cause=OuterRef("pk"))
        summed = of_cause.order_by().values("cause").annotate(total=Sum("points"))
        return Coalesce(Subquery(summed.values("total")), 0)

    return (
        causes.select_related("community")
        .annotate(given_points=total(Gift), spent_points=total(Spending))
        .order_by("-id")
    )


def pool_of(cause: Cause) -> int:
    """What was given to it and not spent."""
    given, spent = (
        rows.filter(community_id=cause.community_id).aggregate(points=Sum("points"))["points"] or 0
        for rows in (cause.gifts, cause.spendings)
    )
    return int(given - spent)


def spent_in(community: Community) -> int:
    """The points of that community's causes that were spent."""
    spent = Spending.objects.filter(community=community).aggregate(points=Sum("points"))
    return spent["points"] or 0


def gifts_of(user: User) -> QuerySet[Gift]:
    """What ``user`` gave back, newest first."""
    return Gift.objects.filter(volunteer=user).select_related("cause", "community").order_by("-id")


def spendings_of(cause: Cause) -> QuerySet[Spending]:
    """What its points were spent on, newest first."""
    return Spending.objects.filter(community_id=cause.community_id, cause=cause).order_by("-id")


def sponsorships_in(community: Community) -> QuerySet[Sponsorship]:
    """What merchants gave there, newest first."""
    return (
        Sponsorship.objects.filter(community=community)
        .select_related("partnership")
        .order_by("-id")
    )


def shops_open_to(user: User) -> QuerySet[Partnership]:
    """The active partners where ``user`` volunteers, newest first."""
    return _partners(
        Partnership.objects.filter(
            community__in=communities_of(user), state=Partnership.State.ACTIVE
        )
    )


def partners_in(community: Community) -> QuerySet[Partnership]:
    """All that are, were or may become partners there, newest first."""
    return _partners(Partnership.objects.filter(community=community))


def partners_seen_by(user: User) -> QuerySet[Partnership]:
    """Those ``user`` may read of as staff or auditor, newest first."""
    seen = communities_where(user, WATCHES_OVER)
    return _partners(Partnership.objects.filter(community__in=seen))


def partners_handled_by(user: User) -> QuerySet[Partnership]:
    """Those ``user`` agrees with as staff, newest first."""
    handled = communities_where(user, HANDLES)
    return _partners(Partnership.objects.filter(community__in=handled))


def partnerships_of(merchant: Merchant) -> QuerySet[Partnership]:
    """The merchant's contracts, newest first."""
    return _partners(Partnership.objects.filter(merchant=merchant))


def list_entries_open_to(user: User) -> QuerySet[ListEntry]:
    """What active partners need and lend where ``user`` volunteers, newest first."""
    return _list_entries(
        ListEntry.objects.filter(
            community__in=communities_of(user),
            partnership__state=Partnership.State.ACTIVE,
            closed_at__isnull=True,
        )
    )


def list_entries_of(partnership: Partnership) -> QuerySet[ListEntry]:
    """Its two lists, newest first, closed entries as well."""
    return _list_entries(
        ListEntry.objects.filter(community=partnership.community_id, partnership=partnership)
    )


def list_entries_at(merchant: Merchant) -> QuerySet[ListEntry]:
    """The same in all its communities."""
    return _list_entries(ListEntry.objects.filter(partnership__merchant=merchant))


def list_entries_handled_by(user: User) -> QuerySet[ListEntry]:
    """Those ``user`` matches to activities as staff."""
    return _list_entries(ListEntry.objects.filter(community__in=communities_where(user, HANDLES)))


def _list_entries(entries: QuerySet[ListEntry]) -> QuerySet[ListEntry]:
    current = ActivityMatch.objects.filter(ended_at__isnull=True).order_by("id")
    return (
        entries.select_related("partnership", "community")
        .prefetch_related(Prefetch("matches", current, to_attr="current_matches"))
        .order_by("-id")
    )


def fairs_open_to(user: User) -> QuerySet[Fair]:
    """Those that are or will be where ``user`` volunteers, newest first."""
    return _fairs(
        Fair.objects.filter(
            community__in=communities_of(user),
            ends_at__gt=timezone.now(),
            cancelled_at__isnull=True,
        )
    )


def fairs_with(merchant: Merchant) -> QuerySet[Fair]:
    """Those at which it has a stall, newest first."""
    its = FairStall.objects.filter(
        community__in=merchant.partnerships.values("community"), partnership__merchant=merchant
    )
    return _fairs(Fair.objects.filter(pk__in=its.values("fair")))


def fairs_in(community: Community) -> QuerySet[Fair]:
    """All that were ever announced there, newest first."""
    return _fairs(Fair.objects.filter(community=community))


def fairs_seen_by(user: User) -> QuerySet[Fair]:
    """Those of which ``user`` reads the report as staff or auditor."""
    return _fairs(Fair.objects.filter(community__in=communities_where(user, WATCHES_OVER)))


def fairs_handled_by(user: User) -> QuerySet[Fair]:
    """Those ``user`` may cancel as staff."""
    return _fairs(Fair.objects.filter(community__in=communities_where(user, HANDLES)))


def _fairs(fairs: QuerySet[Fair]) -> QuerySet[Fair]:
    return (
        fairs.select_related("community")
        .prefetch_related(Prefetch("partners", Partnership.objects.order_by("name")))
        .order_by("-id")
    )


def terms_of(partnership: Partnership) -> QuerySet[Terms]:
    """All versions of a contract, newest first."""
    return (
        Terms.objects.filter(community_id=partnership.community_id, partnership=partnership)
        .select_related("agreed_by")
        .order_by("-id")
    )


def _partners(partnerships: QuerySet[Partnership]) -> QuerySet[Partnership]:
    return (
        partnerships.select_related("merchant", "community")
        .prefetch_related("terms__agreed_by")
        .order_by("-id")
    )


def offers_known_to(user: User) -> QuerySet[Offer]:
    """All that was ever on offer in the communities where ``user`` volunteers, newest first."""
    return (
        Offer.objects.filter(
            community__in=communities_of(user),
            state__in=[Offer.State.LISTED, Offer.State.WITHDRAWN],
        )
        .exclude(kind=Offer.Kind.POINTS)
        .select_related("partnership", "community")
        .order_by("-id")
    )


def offers_open_to(user: User) -> QuerySet[Offer]:
    """What ``user`` may spend points on now, newest first; sold out ones are shown as such."""
    return offers_known_to(user).filter(
        state=Offer.State.LISTED, partnership__state=Partnership.State.ACTIVE
    )


def offers_once_listed() -> QuerySet[Offer]:
    """Those of which everybody may see the picture: somebody decided that it may be shown."""
    return Offer.objects.filter(state__in=[Offer.State.LISTED, Offer.State.WITHDRAWN])


def offers_at(merchant: Merchant) -> QuerySet[Offer]:
    """What the merchant ever offered, in all its communities, newest first."""
    return _with_partner(Offer.objects.filter(partnership__merchant=merchant))


def offers_in(community: Community) -> QuerySet[Offer]:
    """All that was ever offered or proposed there, newest first."""
    return _with_partner(Offer.objects.filter(community=community))


def offers_seen_by(user: User) -> QuerySet[Offer]:
    """All that was ever offered or proposed where ``user`` is staff or auditor, newest first."""
    return _with_partner(Offer.objects.filter(community__in=communities_where(user, WATCHES_OVER)))


def offers_handled_by(user: User) -> QuerySet[Offer]:
    """Those ``user`` decides on as staff, newest first."""
    return _with_partner(Offer.objects.filter(community__in=communities_where(user, HANDLES)))


def prices_of(offer: Offer) -> QuerySet[OfferPrice]:
    """What it cost when, newest first."""
    return (
        OfferPrice.objects.filter(community_id=offer.community_id, offer=offer)
        .select_related("set_by")
        .order_by("-id")
    )


def stock_moves_of(offer: Offer) -> QuerySet[StockMove]:
    """What was put in or taken out by hand, newest first."""
    return (
        StockMove.objects.filter(community_id=offer.community_id, offer=offer)
        .select_related("moved_by")
        .order_by("-id")
    )


def _with_partner(offers: QuerySet[Offer]) -> QuerySet[Offer]:
    return (
        offers.exclude(kind=Offer.Kind.POINTS)
        .select_related("partnership", "community", "proposed_by", "decided_by")
        .order_by("-id")
    )


def first_community_of(merchant_id: UUID) -> UUID:
    """Where it became a partner first: what belongs to no community is on record there."""
    return Partnership.objects.filter(merchant=merchant_id).earliest("since_at").community_id


def devices_of(merchant: Merchant) -> QuerySet[Device]:
    """Its tills and phones, newest first, also those that are retired."""
    return (
        Device.objects.filter(merchant=merchant)
        .select_related("registered_by", "merchant")
        .order_by("-id")
    )


def told_by(device: Device) -> QuerySet[ScanAttempt]:
    """What it scanned without signal."""
    return offline_scans_at(device.merchant).filter(device=device)


def offline_scans_at(merchant: Merchant) -> QuerySet[ScanAttempt]:
    """What its devices scanned without signal and told later, newest first."""
    return (
        ScanAttempt.objects.filter(
            community__in=merchant.partnerships.values("community"),
            merchant=merchant,
            device__isnull=False,
        )
        .select_related("device")
        .order_by("-id")
    )


def taken_by_another(attempt: ScanAttempt) -> ScanAttempt | None:
    """The scan that redeemed the voucher, where ``attempt`` came too late for it."""
    return (
        ScanAttempt.objects.filter(
            community_id=attempt.community_id,
            merchant_id=attempt.merchant_id,
            redemption_id=attempt.redemption_id,
            outcome="redeemed",
        )
        .exclude(pk=attempt.pk)
        .select_related("device")
        .first()
        if attempt.redemption_id
        else None
    )


def unknown_codes_of(clerk: User, merchant: Merchant) -> int:
    """How many codes nobody knows they tried there within the last hour."""
    return ScanAttempt.objects.filter(
        community__in=merchant.partnerships.values("community"),
        merchant=merchant,
        clerk=clerk,
        outcome="code_unknown",
        scanned_at__gt=timezone.now() - timedelta(hours=1),
    ).count()


def redemptions_of(user: User) -> QuerySet[Redemption]:
    """What ``user`` took, newest first."""
    return _with_offer(Redemption.objects.filter(volunteer=user))


def merchants_of(user: User) -> QuerySet[Merchant]:
    """Where ``user`` works; ``role`` says as what, a clerk or an owner."""
    return (
        Merchant.objects.filter(members__user=user, members__ended_at__isnull=True)
        .annotate(role=F("members__role"))
        .order_by("-id")
    )


def jobs_of(user: User) -> QuerySet[MerchantMember]:
    """The same, told as what ``user`` is there."""
    return MerchantMember.objects.filter(user=user, ended_at__isnull=True).select_related(
        "merchant"
    )


def merchants_owned_by(user: User) -> QuerySet[Merchant]:
    """What ``user`` owns."""
    return Merchant.objects.filter(
        members__user=user,
        members__role=MerchantMember.Role.OWNER,
        members__ended_at__isnull=True,
    ).order_by("-id")


def members_of(merchant: Merchant) -> QuerySet[MerchantMember]:
    """Who works there, and who did, newest first."""
    return MerchantMember.objects.filter(merchant=merchant).select_related("user").order_by("-id")


def invitations_to(merchant: Merchant) -> QuerySet[Invitation]:
    """All that its owners ever made, newest first."""
    return (
        Invitation.objects.filter(merchant=merchant)
        .select_related("invited_by", "accepted_by", "revoked_by")
        .order_by("-id")
    )


def redemptions_at(merchant: Merchant) -> QuerySet[Redemption]:
    """What was redeemed there, newest first; vouchers not yet scanned are nobody's business."""
    return _with_offer(
        Redemption.objects.filter(partnership__merchant=merchant, status=Redemption.Status.REDEEMED)
    ).select_related("redeemed_by")


def lines_of(statement: Statement) -> QuerySet[Redemption]:
    """The redemptions that the statement settles, newest first."""
    return _with_offer(
        Redemption.objects.filter(community_id=statement.community_id, statement=statement)
    ).select_related("redeemed_by")


def redemptions_handled_by(user: User) -> QuerySet[Redemption]:
    """What was redeemed where ``user`` is staff, newest first: they may refund it."""
    return _with_offer(
        Redemption.objects.filter(
            community__in=communities_where(user, HANDLES), status=Redemption.Status.REDEEMED
        )
    )


def refunds_in(statement: Statement) -> QuerySet[Refund]:
    """What the statement takes off, newest first."""
    return (
        Refund.objects.filter(community_id=statement.community_id, statement=statement)
        .select_related("redemption__offer", "refunded_by")
        .order_by("-id")
    )


def questions_about(statement: Statement) -> QuerySet[StatementQuestion]:
    """What was ever asked of its lines, newest first."""
    return (
        StatementQuestion.objects.filter(community_id=statement.community_id, statement=statement)
        .select_related("asked_by", "answered_by", "statement")
        .order_by("-id")
    )


def statements_of(merchant: Merchant) -> QuerySet[Statement]:
    """What the communities owe the merchant, newest first."""
    return _with_parties(Statement.objects.filter(partnership__merchant=merchant))


def statements_seen_by(user: User) -> QuerySet[Statement]:
    """What ``user`` may read as staff or auditor, newest first."""
    return _with_parties(
        Statement.objects.filter(community__in=communities_where(user, WATCHES_OVER))
    )


def statements_handled_by(user: User) -> QuerySet[Statement]:
    """What ``user`` may approve and pay, newest first."""
    return _with_parties(Statement.objects.filter(community__in=communities_where(user, HANDLES)))


def _with_parties(statements: QuerySet[Statement]) -> QuerySet[Statement]:
    return statements.select_related(
        "community", "partnership", "drafted_by", "approved_by", "paid_by"
    ).order_by("-id")


def _with_offer(redemptions: QuerySet[Redemption]) -> QuerySet[Redemption]:
    return redemptions.select_related("offer", "partnership", "volunteer").order_by("-id")


def wishes_of(user: User) -> QuerySet[Wish]:
    """What ``user`` wished for, newest first."""
    return _wishes(Wish.objects.filter(volunteer=user))


def wishes_open_to(user: User) -> QuerySet[Wish]:
    """What neighbours wish for where ``user`` volunteers, and what ``user`` adopted."""
    published = Q(community__in=communities_of(user), state=Wish.State.PUBLISHED)
    return _wishes(Wish.objects.filter(published | Q(donor=user, state=Wish.State.ADOPTED)))


def wishes_adopted_by(user: User) -> QuerySet[Wish]:
    """Those ``user`` is to fulfil as a neighbour."""
    return _wishes(Wish.objects.filter(donor=user))


def wishes_open_to_merchant(merchant: Merchant) -> QuerySet[Wish]:
    """What is wished for where the merchant is an active partner, and what it adopted."""
    active = merchant.partnerships.filter(state=Partnership.State.ACTIVE).values("community")
    return _wishes(
        Wish.objects.filter(
            Q(community__in=active, state=Wish.State.PUBLISHED)
            | Q(partnership__merchant=merchant, state=Wish.State.ADOPTED)
        )
    )


def wishes_in(community: Community) -> QuerySet[Wish]:
    """All of them, newest first."""
    return _wishes(Wish.objects.filter(community=community))


def wishes_handled_by(user: User) -> QuerySet[Wish]:
    """Those ``user`` decides on as staff."""
    return _wishes(Wish.objects.filter(community__in=communities_where(user, HANDLES)))


def _wishes(wishes: QuerySet[Wish]) -> QuerySet[Wish]:
    return wishes.select_related(
        "community", "partnership", "volunteer", "donor", "decided_by"
    ).order_by("-id")


def payouts_of(statement: Statement) -> QuerySet[Payout]:
    """All transfers that were to pay it, newest first."""
    return (
        Payout.objects.filter(community_id=statement.community_id, statement=statement)
        .select_related("ordered_by")
        .order_by("-id")
    )


def payouts_handled_by(user: User) -> QuerySet[Payout]:
    """Those ``user`` may cancel as staff."""
    return Payout.objects.filter(community__in=communities_where(user, HANDLES)).select_related(
        "ordered_by"
    )


def statements_to_pay(community: Community) -> list[Statement]:
    """What is approved, due and not being paid, oldest number first."""
    approved = (
        Statement.objects.filter(community=community, status=Statement.Status.APPROVED)
        .exclude(payouts__state__in=Payout.OPEN)
        .select_related("partnership__merchant__bank_account")
        .order_by("number_year", "number_in_year")
    )
    return [statement for statement in approved if statement.due_fen]
