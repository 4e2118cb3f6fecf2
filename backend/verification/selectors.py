"""Reads about verifications and findings, and who hears of them."""

from django.db.models import F, QuerySet

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import (
    AUDITS,
    MANAGES,
    WATCHES_OVER,
    communities_where,
)
from backend.registries import checks
from backend.registries.checks import Check
from backend.verification.models import EVERYTHING, Finding, Verification

DECIDES = AUDITS + MANAGES  # who ask for verifications, stop them and sign findings off


def verifications_of(community: Community) -> QuerySet[Verification]:
    """Return the community's verifications, newest first."""
    return (
        Verification.objects.filter(community=community)
        .select_related("community", "asked_by", "stopped_by")
        .order_by("-id")
    )


def verifications_decided_by(user: User) -> QuerySet[Verification]:
    """Return the verifications of the communities that ``user`` audits or manages."""
    return Verification.objects.filter(
        community__in=communities_where(user, DECIDES)
    ).select_related("community", "asked_by", "stopped_by")


def findings_of(community: Community) -> QuerySet[Finding]:
    """Return all that was ever found in the community, newest first."""
    return _shown(Finding.objects.filter(community=community))


def findings_at(verification: Verification) -> QuerySet[Finding]:
    """Return what stood when ``verification`` ran, of the checks that it made, newest first."""
    return findings_of(verification.community).filter(
        check_name__in=[one["check"] for one in verification.checks],
        first_found_by__lte=verification.pk,
        last_seen_by__gte=verification.pk,
    )


def findings_seen_by(user: User) -> QuerySet[Finding]:
    """Return what was found in the communities whose staff, manager or auditor ``user`` is."""
    seen = communities_where(user, WATCHES_OVER)
    return _shown(Finding.objects.filter(community__in=seen))


def findings_decided_by(user: User) -> QuerySet[Finding]:
    """Return what was found in the communities that ``user`` audits or manages."""
    decided = communities_where(user, DECIDES)
    return _shown(Finding.objects.filter(community__in=decided))


def checks_of(kind: str) -> list[Check]:
    """Return the checks that a verification of ``kind`` makes, in their order."""
    return checks.registered(None if kind == EVERYTHING else checks.Kind(kind))


def base_of(community: Community, kind: str) -> Verification | None:
    """Return the last finished verification that made all checks of ``kind``, None if none did."""
    finished = Verification.objects.filter(
        community=community,
        kind__in={kind, EVERYTHING},
        status=Verification.Status.FINISHED,
    )
    return finished.order_by(F("started_at").desc()).first()


def last_whole(community: Community) -> Verification | None:
    """Return the last verification that read everything to its end."""
    finished = Verification.objects.filter(
        community=community,
        kind=EVERYTHING,
        is_whole=True,
        status=Verification.Status.FINISHED,
    )
    return finished.order_by("-id").first()


def _shown(findings: QuerySet[Finding]) -> QuerySet[Finding]:
    return findings.select_related("community", "signed_off_by").order_by("-id")
