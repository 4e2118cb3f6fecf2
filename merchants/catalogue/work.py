"""Proposed offers, as work that waits."""

from django.utils.translation import gettext_lazy as _

from backend.registries.work import Kind, register
from merchants.catalogue import selectors
from merchants.catalogue.models import Offer

register(
    Kind(
        name="offers",
        title=_("Offers to decide on"),
        address="communities/{community}/offers?status=proposed",
        rows=lambda user, community: (
            selectors.offers_handled_by(user)
            .filter(community=community, status=Offer.Status.PROPOSED)
            .exclude(proposed_by=user)
        ),
    )
)
