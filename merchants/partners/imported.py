"""Partners as something that an import wrote, and may take back."""

from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from backend.imports.kinds import Taken, Thing, referred_to
from merchants.partners.models.increases import Increase
from merchants.partners.models.merchants import MerchantMember
from merchants.partners.models.partnerships import Partnership, Terms
from merchants.partners.services import partnerships


def _built_on(taken: Taken) -> dict[UUID, str | Promise]:
    """Tell of partners with offers or people, and those where whoever takes them back works."""
    found = referred_to(Partnership, taken, besides={Terms: None, Increase: None})
    rows = _rows(taken)
    people = MerchantMember.objects.filter(merchant__in=[row.merchant_id for row in rows])
    employs = set(people.values_list("merchant", flat=True))
    told = _("Somebody works there.")
    return found | {row.pk: told for row in rows if row.merchant_id in employs}


def _undo(taken: Taken) -> None:
    for row in _rows(taken):
        partnerships.take_back(partnership=row, by=taken.by)


def _rows(taken: Taken) -> list[Partnership]:
    rows = Partnership.objects.filter(community=taken.community, pk__in=taken.ids)
    return list(rows.order_by("pk"))


PARTNERSHIP = Thing("partnership", _built_on, _undo)
