"""Reads about payouts; newest first."""

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_where
from backend.payouts import subjects
from backend.payouts.models import Payout

# A payout that somebody has to look at before its subject is paid otherwise.
IS_UNCLEAR = Q(status=Payout.Status.UNKNOWN) | Q(given_up_at__isnull=False) | ~Q(difference="")


def payouts_in(community: Community) -> QuerySet[Payout]:
    return _payouts(Q(community=community))


def payouts_of(community_id: UUID, subject: str) -> QuerySet[Payout]:
    return _payouts(Q(community=community_id, subject=subject))


def payouts_seen_by(user: User) -> QuerySet[Payout]:
    """Return the payouts ``user`` may read, as staff or auditor, or by what they are for."""
    watched = Q(community__in=communities_where(user, WATCHES_OVER))
    return _payouts(watched | subjects.seen_by(user))


def payouts_handled_by(user: User) -> QuerySet[Payout]:
    """Return the payouts ``user`` may cancel as staff."""
    return _payouts(Q(community__in=communities_where(user, HANDLES)))


def under_way(community_id: UUID, subject: Any) -> QuerySet[Payout]:
    """Return the payout of the subject that is under way, or whose end is not told yet."""
    is_owed = Q(next_at__isnull=False) | Q(given_up_at__isnull=False)
    return Payout.objects.filter(is_owed, community=community_id, subject=subject)


def _payouts(which: Q) -> QuerySet[Payout]:
    return Payout.objects.filter(which).select_related("ordered_by").order_by("-id")
