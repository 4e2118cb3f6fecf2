"""The spreadsheet of offers that staff keep."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.errors import Refusal
from backend.imports import cells
from backend.imports.reader import Column, Row, RowError
from backend.imports.run import BatchOutcome, Made
from backend.imports.sheet import Sheet
from backend.names import of_thing
from merchants.catalogue.errors import OfferCodeReserved
from merchants.catalogue.models import PIECES_AT_MOST, Offer
from merchants.catalogue.services import offers as catalogue
from merchants.partners.models.partnerships import Partnership
from merchants.partners.sheets import MERCHANT, ended, partners_named

CODE = "编号"


class OffersSheet(Sheet):
    """编号, 商户, 商品, 积分, 库存: one offer a row, identified by its code.

    ``库存`` is the initial stock. It is not compared for an offer that exists, since pieces may be
    gone. A command lists the offers. Staff propose them, as by hand, and somebody else decides.
    """

    @property
    def columns(self) -> Sequence[Column]:
        most = cells.INTEGER_MAX if self.by is None else PIECES_AT_MOST
        return (
            Column(
                header=CODE,
                name="code",
                parse=cells.code(max_length=30),
                about=gettext_lazy("Number or code of the offer, once"),
                example="A001",
            ),
            MERCHANT,
            Column(
                header="商品",
                name="title",
                parse=cells.text(max_length=60),
                about=gettext_lazy("What is to be had"),
                example="豆浆油条一份",
            ),
            Column(
                header="积分",
                name="price_points",
                parse=cells.points,
                about=gettext_lazy("Price in points, at least 1"),
                example="30",
            ),
            Column(
                header="库存",
                name="stock",
                parse=cells.whole_number(minimum=0, maximum=most),
                about=gettext_lazy("Pieces there are at first"),
                example="100",
            ),
        )

    def take(self, rows: list[Row]) -> BatchOutcome:
        partnerships = {
            partnership.name_compared: partnership
            for partnership in partners_named(self.community, rows).filter(
                accepted_at__isnull=False
            )
        }
        known = {
            offer.code: offer
            for offer in Offer.objects.filter(
                community=self.community, code__in=[row.values["code"] for row in rows]
            )
        }
        created, unchanged = 0, 0
        errors: list[RowError] = []
        made: list[Made] = []
        for row in rows:
            terms = dict(row.values)
            partnership = partnerships.get(of_thing(terms.pop("merchant")))
            offer = known.get(terms["code"])
            wrong: list[RowError] = []
            if partnership is None:
                reason = _("No merchant of this name is a partner of this community.")
                wrong.append(RowError(row.line, MERCHANT.header, "merchant_unknown", reason))
            elif partnership.status == Partnership.Status.ENDED:
                wrong.append(ended(row))
            if catalogue.is_reserved(terms["code"]):
                wrong.append(_error(row, OfferCodeReserved()))
            if wrong or partnership is None:
                errors.extend(wrong)
            elif offer is None:
                try:
                    offer = known[terms["code"]] = self._offer(partnership, terms)
                except Refusal as refusal:
                    errors.append(_error(row, refusal))
                    continue
                created += 1
                made.append(Made(row.line, "offer", offer.pk))
            elif (offer.partnership_id, of_thing(offer.title), offer.price_points) == (
                partnership.pk,
                of_thing(terms["title"]),
                terms["price_points"],
            ):
                unchanged += 1
            else:
                reason = _("This code is on offer already, as something else.")
                errors.append(RowError(row.line, CODE, "offer_differs", reason))
        return BatchOutcome(created, unchanged, errors, made)

    def _offer(self, partnership: Partnership, terms: dict[str, Any]) -> Offer:
        if self.by is None:
            return catalogue.offer(partnership=partnership, **terms)
        return catalogue.propose(partnership=partnership, by=self.by, is_staff=True, **terms)


def _error(row: Row, refusal: Refusal) -> RowError:
    return RowError(row.line, CODE, refusal.code, str(refusal.title))
