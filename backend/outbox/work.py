"""Dead letters, as work that waits."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, communities_where
from backend.outbox import kinds, selectors
from backend.registries.work import Kind, register


def _given_up(user: User, community: Community) -> QuerySet[Any]:
    """Return what was given up there, of all kinds, for whoever may retry it."""
    handled = communities_where(user, HANDLES)
    first, *others = (
        selectors.given_up(kind, community=community, community__in=handled)
        .order_by()
        .values("given_up_at")
        for kind in kinds.registered.values()
        if kind.is_tenants
    )
    return first.union(*others, all=True)


register(
    Kind(
        name="dead_letters",
        title=_("Sendings that were given up"),
        address="communities/{community}/outbox",
        rows=_given_up,
        since="given_up_at",
    )
)
