"""Increases that wait for a second person, as work that waits."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.communities.models import Community
from backend.registries.work import Kind, register
from merchants.partners import selectors
from merchants.partners.models.increases import Increase


def _increases(name: str, title: Any, status: Increase.Status) -> Kind:
    def rows(user: User, community: Community) -> QuerySet[Any]:
        found = selectors.increases_handled_by(user).filter(community=community, status=status)
        return found.exclude(asked_by=user)

    return Kind(
        name=name,
        title=title,
        address=f"communities/{{community}}/increases?status={status}",
        rows=rows,
        since="asked_at",
    )


register(
    _increases("increases", _("Increases to confirm"), Increase.Status.PENDING),
    _increases("increases_alone", _("Increases made alone, to look at"), Increase.Status.ALONE),
)
