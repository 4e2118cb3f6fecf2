"""The spreadsheet of partners that staff keep."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.communities.models import Community
from backend.imports import cells
from backend.imports.reader import Column, Row, RowError
from backend.imports.run import BatchOutcome, Made
from backend.imports.sheet import Sheet
from backend.names import of_thing
from merchants.partners.errors import PartnerEnded
from merchants.partners.models.partnerships import Partnership, Terms
from merchants.partners.services import partnerships as partners

MERCHANT = Column(
    header="商户",
    name="merchant",
    parse=cells.name(max_length=60),
    about=gettext_lazy("Name of the shop, once"),
    example="邻里小吃店",
)


class MerchantsSheet(Sheet):
    """商户, 行业, 每积分结算(分), 公益捐赠不结算: one partner a row, identified by name.

    A command signs the contracts. Staff propose them, as they do by hand: the shop is a candidate
    until somebody else confirms what it costs.
    """

    columns = (
        MERCHANT,
        Column(
            header="行业",
            name="trade",
            parse=cells.text(max_length=30),
            about=gettext_lazy("Trade"),
            example="餐饮",
        ),
        Column(
            header="每积分结算(分)",
            name="fen_per_point",
            parse=cells.whole_number(minimum=0, maximum=1_000_000),
            about=gettext_lazy("Fen that the community pays for a point"),
            example="10",
        ),
        Column(
            header="公益捐赠不结算",
            name="is_donated",
            parse=cells.yes_no,
            about=gettext_lazy("是 (yes) if the shop donates and is paid nothing, else 否 (no)"),
            example="否",
        ),
    )

    def take(self, rows: list[Row]) -> BatchOutcome:
        known = {
            partnership.name_compared: partnership
            for partnership in partners_named(self.community, rows)
            .select_related("merchant")
            .prefetch_related("terms", "increases")
        }
        created, unchanged = 0, 0
        errors: list[RowError] = []
        made: list[Made] = []
        for row in rows:
            name, terms = row.values["merchant"], dict(row.values)
            del terms["merchant"]
            partnership = known.get(of_thing(name))
            if partnership is None:
                partnership = known[of_thing(name)] = self._sign(name, **terms)
                created += 1
                made.append(Made(row.line, "partnership", partnership.pk))
            elif partnership.status == Partnership.Status.ENDED:
                errors.append(ended(row))
            elif (of_thing(partnership.merchant.trade), _agreed(partnership)) == (
                of_thing(terms.pop("trade")),
                terms,
            ):
                unchanged += 1
            else:
                reason = _("This merchant is a partner already, on other terms.")
                errors.append(RowError(row.line, MERCHANT.header, "merchant_differs", reason))
        return BatchOutcome(created, unchanged, errors, made)

    def _sign(self, name: str, *, trade: str, fen_per_point: int, is_donated: bool) -> Partnership:
        told: dict[str, Any] = {"community": self.community, "name": name, "trade": trade}
        if self.by is None:
            return partners.sign_contract(
                **told, fen_per_point=fen_per_point, is_donated=is_donated
            )
        partnership = partners.consider(**told, by=self.by)
        partners.agree(
            partnership=partnership,
            kind=Terms.Kind.DONATED if is_donated else Terms.Kind.PER_POINT,
            by=self.by,
            valid_from=self.community.today,
            fen_per_point=fen_per_point,
        )
        return partnership


def partners_named(community: Community, rows: list[Row]) -> QuerySet[Partnership]:
    """Return the community's partners whose names stand in the rows."""
    names = {of_thing(row.values["merchant"]) for row in rows}
    return Partnership.objects.filter(community=community, name_compared__in=names)


def ended(row: Row) -> RowError:
    """Return the error of a row whose partner has ended; such a row stops no import."""
    reason = str(PartnerEnded.title)
    return RowError(row.line, MERCHANT.header, PartnerEnded.code, reason, is_left=True)


def _agreed(partnership: Partnership) -> dict[str, int | bool | None]:
    """Return the last terms as the sheet's columns, or those that wait for a second person.

    Empty for a partner without either.
    """
    kept = [terms for terms in partnership.terms.all() if terms.withdrawn_at is None]
    last = max(kept, key=lambda terms: terms.version, default=None)
    if last is not None:
        kind, fen_per_point = last.kind, last.fen_per_point
    else:
        waiting = [one.facts for one in partnership.increases.all() if one.waits_for_terms]
        if not waiting:
            return {}
        kind, fen_per_point = waiting[-1].get("kind"), waiting[-1].get("fen_per_point")
    return {"fen_per_point": fen_per_point, "is_donated": kind == Terms.Kind.DONATED}
