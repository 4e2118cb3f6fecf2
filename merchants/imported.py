"""The lists that merchants take as imports."""

from django.utils.translation import gettext_lazy as _

from backend.imports.kinds import Kind, register
from merchants.catalogue.imported import OFFER
from merchants.catalogue.sheets import OffersSheet
from merchants.partners.imported import PARTNERSHIP
from merchants.partners.sheets import MerchantsSheet

KINDS = {
    "merchants": Kind(title=_("Merchants"), sheet=MerchantsSheet, things=[PARTNERSHIP]),
    "offers": Kind(title=_("Offers"), sheet=OffersSheet, things=[OFFER]),
}


def register_all() -> None:
    """Register the kinds when the app is ready."""
    for name, kind in KINDS.items():
        register(name, kind)
