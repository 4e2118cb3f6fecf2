"""The spreadsheet of partners that staff keep."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from backend.communities.models import Community
from backend.imports import cells
from backend.imports.reader import Column, Row, RowError
from backend.imports.run import BatchOutcome
from backend.imports.sheet import Sheet
from backend.names import of_thing
from merchants.partners.errors import PartnerEnded
from merchants.partners.models.partnerships import Partnership, Terms
from merchants.partners.services import partnerships as partners

MERCHANT = Column(header="商户", name="merchant", parse=cells.name(max_length=60))


class MerchantsSheet(Sheet):
    """商户, 行业, 每积分结算(分), 公益捐赠不结算: one partner a row, identified by name."""

    columns = (
        MERCHANT,
        Column(header="行业", name="trade", parse=cells.text(max_length=30)),
        Column(
            header="每积分结算(分)",
            name="fen_per_point",
            parse=cells.whole_number(minimum=0, maximum=1_000_000),
        ),
        Column(header="公益捐赠不结算", name="is_donated", parse=cells.yes_no),
    )

    def take(self, rows: list[Row]) -> BatchOutcome:
        known = {
            partnership.name_compared: partnership
            for partnership in partners_named(self.community, rows)
            .select_related("merchant")
            .prefetch_related("terms")
        }
        created, unchanged = 0, 0
        errors: list[RowError] = []
        for row in rows:
            name, terms = row.values["merchant"], dict(row.values)
            del terms["merchant"]
            partnership = known.get(of_thing(name))
            if partnership is None:
                known[of_thing(name)] = partners.sign_contract(
                    community=self.community, name=name, **terms
                )
                created += 1
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
        return created, unchanged, errors


def partners_named(community: Community, rows: list[Row]) -> QuerySet[Partnership]:
    """Return the community's partners whose names stand in the rows."""
    names = {of_thing(row.values["merchant"]) for row in rows}
    return Partnership.objects.filter(community=community, name_compared__in=names)


def ended(row: Row) -> RowError:
    """Return the error of a row whose partner has ended; such a row stops no import."""
    reason = str(PartnerEnded.title)
    return RowError(row.line, MERCHANT.header, PartnerEnded.code, reason, is_left=True)


def _agreed(partnership: Partnership) -> dict[str, int | bool | None]:
    """Return the last terms as the sheet's columns; empty for a partner without a contract."""
    kept = [terms for terms in partnership.terms.all() if terms.withdrawn_at is None]
    last = max(kept, key=lambda terms: terms.version, default=None)
    if last is None:
        return {}
    return {
        "fen_per_point": last.fen_per_point,
        "is_donated": last.kind == Terms.Kind.DONATED,
    }
