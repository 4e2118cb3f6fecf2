"""Payouts of which nobody knows how they ended, as work that waits."""

from django.utils.translation import gettext_lazy as _

from backend.payouts import selectors
from backend.payouts.models import Payout
from backend.registries.work import Kind, register

register(
    Kind(
        name="payouts_unclear",
        title=_("Payouts whose outcome is unclear"),
        address="communities/{community}/payouts?status=unknown",
        rows=lambda user, community: selectors.payouts_handled_by(user).filter(
            community=community, status=Payout.Status.UNKNOWN
        ),
        since="ordered_at",
    )
)
