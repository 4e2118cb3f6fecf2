"""Reads about who works for a merchant."""

from collections.abc import Callable
from datetime import date, datetime
from uuid import UUID

from django.db.models import (
    BooleanField,
    DateField,
    F,
    Func,
    Prefetch,
    Q,
    QuerySet,
    Value,
)

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import (
    HANDLES,
    MANAGES,
    WATCHES_OVER,
    communities_of,
    communities_where,
)
from merchants.partners.models.increases import Increase
from merchants.partners.models.lists import ActivityMatch, ListEntry
from merchants.partners.models.merchants import Invitation, Merchant, MerchantMember
from merchants.partners.models.partnerships import Partnership, Terms


class WorkedAt(Func):
    """Whether somebody is on the merchant's side, as the database's triggers ask it too.

    Of a community, a partnership there, a person, and the first day of the period concerned or
    ``None``: they work for the merchant, or did within 90 days, or from that day on.
    """

    function = "merchants_worked_at"
    arity = 4
    output_field = BooleanField()


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


def works_at(user: User, merchant_id: UUID) -> bool:
    """Whether ``user`` works there now."""
    return jobs_of(user).filter(merchant=merchant_id).exists()


def worked_at(user: User, partnership: Partnership, since: date | None = None) -> bool:
    """Whether ``user`` works for that merchant, or did within 90 days, or from ``since`` on."""
    its = Partnership.objects.filter(community=partnership.community_id, pk=partnership.pk)
    theirs = WorkedAt(
        F("community_id"), F("pk"), Value(user.pk), Value(since, output_field=DateField())
    )
    return its.filter(theirs).exists()


def worked_at_then(user: User, merchant: Merchant, moment: datetime) -> bool:
    """Whether ``user`` worked there at ``moment``, whatever they do now."""
    jobs = MerchantMember.objects.filter(merchant=merchant, user=user, since_at__lte=moment)
    return jobs.filter(Q(ended_at__isnull=True) | Q(ended_at__gt=moment)).exists()


def owners_of(merchant_id: UUID) -> QuerySet[MerchantMember]:
    """Who owns it now, the one of longest standing first."""
    owners = MerchantMember.objects.filter(
        merchant=merchant_id, role=MerchantMember.Role.OWNER, ended_at__isnull=True
    )
    return owners.order_by("since_at", "pk")


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


def accepted(merchant_id: UUID) -> QuerySet[Partnership]:
    """Where it is or was a partner with its owner's yes: only there anything of it is known."""
    return Partnership.objects.filter(merchant=merchant_id, accepted_at__isnull=False)


_counts_while: list[Callable[[], Q]] = []


def counts_while(condition: Callable[[], Q]) -> None:
    """Register a condition on partnerships that one that has ended still meets, such as a debt."""
    if condition not in _counts_while:
        _counts_while.append(condition)


def communities_told_of(merchant_id: UUID) -> QuerySet[Community]:
    """Communities whose auditors read what concerns no one community.

    A partnership that has ended counts for as long as a registered condition holds of it.
    """
    counts = ~Q(state=Partnership.State.ENDED)
    for condition in _counts_while:
        counts |= condition()
    told = accepted(merchant_id).filter(counts)
    communities: QuerySet[Community] = Community.objects.filter(pk__in=told.values("community"))
    return communities.order_by("pk")


def terms_of(partnership: Partnership) -> QuerySet[Terms]:
    """All versions of a contract, newest first."""
    return (
        Terms.objects.filter(community_id=partnership.community_id, partnership=partnership)
        .select_related("agreed_by", "withdrawn_by")
        .order_by("-id")
    )


def first_community_of(merchant_id: UUID) -> UUID:
    """Where it became a partner first: what belongs to no community is on record there."""
    return accepted(merchant_id).earliest("since_at").community_id


def _partners(partnerships: QuerySet[Partnership]) -> QuerySet[Partnership]:
    return (
        partnerships.select_related("merchant", "community")
        .prefetch_related("terms__agreed_by")
        .order_by("-id")
    )


def increases_in(community: Community) -> QuerySet[Increase]:
    """All that was ever asked for there, newest first."""
    return _increases(Increase.objects.filter(community=community))


def increases_handled_by(user: User) -> QuerySet[Increase]:
    """What ``user`` may confirm as staff, there or in a place above; a limit as a manager."""
    return _increases(
        Increase.objects.filter(
            Q(community__in=communities_where(user, MANAGES))
            | Q(
                ~Q(kind=Increase.Kind.LIMIT),
                community__in=communities_where(user, HANDLES),
            )
        )
    )


def _increases(increases: QuerySet[Increase]) -> QuerySet[Increase]:
    return increases.select_related(
        "community", "partnership", "offer", "wish", "asked_by", "decided_by"
    ).order_by("-id")


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


def matches_of(entry: ListEntry) -> QuerySet[ActivityMatch]:
    """Which activities serve it, or did."""
    return ActivityMatch.objects.filter(community=entry.community_id, entry=entry)


def _list_entries(entries: QuerySet[ListEntry]) -> QuerySet[ListEntry]:
    current = ActivityMatch.objects.filter(ended_at__isnull=True).order_by("id")
    return (
        entries.select_related("partnership", "community")
        .prefetch_related(Prefetch("matches", current, to_attr="current_matches"))
        .order_by("-id")
    )
