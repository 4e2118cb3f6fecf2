"""Proposed wishes, as work that waits."""

from django.utils.translation import gettext_lazy as _

from backend.registries.work import Kind, register
from merchants.giving import selectors
from merchants.giving.models import Wish

register(
    Kind(
        name="wishes",
        title=_("Wishes to decide on"),
        address="communities/{community}/wishes?status=proposed",
        rows=lambda user, community: (
            selectors.wishes_handled_by(user)
            .filter(community=community, status=Wish.Status.PROPOSED)
            .exclude(volunteer=user)
        ),
        since="proposed_at",
    )
)
