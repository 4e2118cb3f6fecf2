"""What a shop redeemed today, and giving it back."""

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backend.top.pages.base import Act, page, text, whole
from backend.top.pages.scan.shop import ShopPage, every

TODAY = f"{settings.SCAN_PATH}today"


class TodayView(ShopPage):
    """The redemptions of today with their sums: ``/scan/today``."""

    title = _("Today")
    tab = "today"
    template_name = "scan/today.html"

    def told(self, **names: Any) -> dict[str, Any]:
        address = f"merchants/{self.shop['id']}/redemptions"
        rows = every(self.asks, address, {"since": timezone.localdate().isoformat()})
        rows.sort(key=lambda row: str(row["redeemed_at"]), reverse=True)
        rows = [with_rest(row) for row in rows]
        return {
            "redemptions": rows,
            "pieces": sum(row["rest"] for row in rows),
            "points": sum(row["rest_points"] for row in rows),
        }


class RedemptionView(ShopPage):
    """A redemption, and giving back all or part of it: ``/scan/redemptions/{id}``."""

    title = _("Redemption")
    tab = "today"
    template_name = "scan/redemption.html"
    acts: ClassVar = {
        "refund": Act(
            "post",
            "redemptions/{redemption_id}/refunds",
            {"quantity": whole, "reason": text},
            said=_("The points are back in the volunteer's wallet."),
        )
    }

    def told(self, **names: Any) -> dict[str, Any]:
        found = with_rest(self.asks.fetch(f"redemptions/{names['redemption_id']}"))
        return {
            "redemption": found,
            "is_today": timezone.localdate(datetime.fromisoformat(found["redeemed_at"]))
            == timezone.localdate(),
        }


def with_rest(redemption: dict[str, Any]) -> dict[str, Any]:
    """Add what is left of a redemption after its refunds: ``rest`` pieces, ``rest_points``."""
    rest = redemption["quantity"] - redemption["refunded_quantity"]
    points = redemption["price_points"] * rest // redemption["quantity"]
    return {**redemption, "rest": rest, "rest_points": points}


urlpatterns = [
    page("today", TodayView, "scan-today"),
    page("redemptions/<uuid:redemption_id>", RedemptionView, "scan-redemption"),
]
