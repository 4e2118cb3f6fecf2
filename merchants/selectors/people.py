"""Reads about who works for a merchant."""

from datetime import date, datetime
from uuid import UUID

from django.db.models import BooleanField, DateField, F, Func, Q, QuerySet, Value

from backend.accounts.models import User
from merchants.models import Invitation, Merchant, MerchantMember, Partnership


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
