"""Claims on funds that a second person has to approve, as work that waits."""

from django.utils.translation import gettext_lazy as _

from backend.registries.work import Kind, register
from points.funds import selectors

register(
    Kind(
        name="claims_to_approve",
        title=_("Claims on funds to approve"),
        address="communities/{community}/fund-claims?awaits_approval=true",
        rows=selectors.claims_to_approve,
        since="claimed_at",
    )
)
