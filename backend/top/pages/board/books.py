"""The public's pages of points and funds, as of a seal, and the page that checks a receipt."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from backend.top.pages.board.frame import CommunityPage
from points.seals.selectors import reconciled
from volunteers.reports import fund_figures

SUMS = [
    ("budget", _("Budget")),
    ("topped_up", _("Topped up")),
    ("carried_in", _("From the year before")),
    ("paid", _("Paid")),
    ("reserved", _("Reserved")),
    ("ended", _("Carried over or returned")),
    ("left", _("Left")),
]
ONLY_IF_ANY = ("carried_in", "ended")


class PointsView(CommunityPage):
    """The page of points, reconciled as of the last seal: ``/c/{code}/points``."""

    template_name = "board/points.html"
    tab = "points"

    def told(self, **names: Any) -> dict[str, Any]:
        books = reconciled(self.community)
        parts: list[tuple[str | Promise, int]] = []
        if books:
            parts = [
                (_("In wallets"), books.in_wallets),
                (_("Redeemed with shops, or spent out of what was given"), books.redeemed),
                (_("Expired"), books.expired),
                (_("Given back, and not spent yet"), books.given),
            ]
        return {"books": books, "parts": parts}


class FundsView(CommunityPage):
    """The page of the funds: ``/c/{code}/funds``."""

    template_name = "board/funds.html"
    tab = "funds"

    def told(self, **names: Any) -> dict[str, Any]:
        return {"funds": [amounts_of(fund) for fund in fund_figures.told(self.community)]}


class CheckView(CommunityPage):
    """The page that checks a receipt within the browser: ``/c/{code}/check``."""

    template_name = "board/check.html"
    tab = "check"


def amounts_of(fund: dict[str, Any]) -> dict[str, Any]:
    """Return a fund's figures with its amounts as people read them."""
    is_money = fund["unit"] == "fen"

    def amount(number: int | None) -> str:
        if number is None:
            return "–"
        return f"{number / 100:,.2f}" if is_money else f"{number:,}"

    return {
        "name": fund["name"],
        "year": fund["year"],
        "is_money": is_money,
        "number": fund["seal_number"],
        "head": fund["seal_head"][:16],
        "sums": [
            (words, amount(fund[name]))
            for name, words in SUMS
            if fund[name] or name not in ONLY_IF_ANY
        ],
        "unsealed": amount(fund["unsealed"]) if fund["unsealed"] else "",
        "categories": fund["categories"]
        and [
            (one["name"], amount(one["paid"]), amount(one["reserved"]))
            for one in fund["categories"]
        ],
    }
