"""Reads of seals."""

from django.db.models import QuerySet

from backend.communities.models import Community
from points.seals.models import Seal, Verification


def seals_of(community: Community) -> QuerySet[Seal]:
    """Return the community's seals, newest first, without their transfers and leaves."""
    return (
        Seal.objects.filter(community=community).defer("transfer_ids", "leaves").order_by("-number")
    )


def verifications_of(community: Community) -> QuerySet[Verification]:
    """Return the community's verifications, newest first."""
    return Verification.objects.filter(community=community).order_by("-id")
