"""The public's pages of reports: one report, the figures of all, the funds, and bulletins."""

from datetime import date, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backend.communities.models import Community
from backend.communities.selectors import tenants
from backend.top.pages.kept import KeptPage
from volunteers.models import Bulletin, BulletinComment, Report
from volunteers.people.selectors import FEWEST_TOLD
from volunteers.reports import figures, fund_figures
from volunteers.reports.categories import names_of
from volunteers.reports.models.categories import Colour
from volunteers.reports.progress import steps_of
from volunteers.reports.reward_states import RewardState, reward_states
from volunteers.reports.selectors import confirmation_counts, public_reports, with_superseded

COMMENTS_SHOWN = 100
WORDS = {  # a public report's status, as people call it
    Report.Status.SUBMITTED.value: _("Submitted"),
    Report.Status.ACCEPTED.value: _("Being handled"),
    Report.Status.MADE_SAFE.value: _("Made safe"),
    Report.Status.FIXED.value: _("Fixed"),
    Report.Status.CLOSED.value: _("Verified and dealt with"),
    Report.Status.REJECTED.value: _("Not confirmed"),
    Report.Status.DUPLICATE.value: _("Reported before"),
    Report.Status.NOT_OURS.value: _("Not ours to handle"),
    Report.Status.WITHDRAWN.value: _("Withdrawn"),
    Report.Status.VOIDED.value: _("Voided"),
}
COLOURS = {Colour.RED: _("Red"), Colour.YELLOW: _("Yellow"), Colour.BLUE: _("Blue")}
REWARDS = {  # nothing is said of NONE
    RewardState.WAITING_APPROVAL: _("The reward waits for approval."),
    RewardState.FUND_EXHAUSTED: _("The reward waits until there is money in the fund."),
    RewardState.FROZEN: _("The reward waits, as the report was reopened."),
    RewardState.RESERVED: _("The reward is on its way."),
    RewardState.UNCLAIMED: _("The reward was not collected yet."),
    RewardState.PAID: _("The reward was paid."),
    RewardState.TAKEN_BACK: _("The reward was taken back."),
}


def _community(code: str) -> Community:
    found: Community = get_object_or_404(tenants(), code=code)
    return found


class ReportView(KeptPage):
    """The page of one report: ``/c/{code}/reports/{report_id}``."""

    template_name = "board/report.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        community = _community(kwargs["code"])
        report = get_object_or_404(public_reports(community), pk=kwargs["report_id"])
        confirmations = confirmation_counts(report).get(report.pk, 0)
        state = reward_states(community.pk, [report]).get(report.pk, RewardState.NONE)
        return {
            "community": community,
            "report": report,
            "category": names_of(community.pk)[report.category],
            "colour": COLOURS[Colour(report.colour)],
            "status": WORDS[report.status],
            "steps": [(WORDS[step["status"]], step["at"]) for step in steps_of(report)],
            "confirmations": confirmations if confirmations >= FEWEST_TOLD else None,
            "has_confirmations": confirmations > 0,
            "reward": REWARDS.get(state),
        }


# --- figures ----------------------------------------------------------------------------------
class FiguresView(KeptPage):
    """The page of figures: ``/c/{code}/figures/{year}``, or of this year without it."""

    template_name = "board/figures.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        community = _community(kwargs["code"])
        this_year = community.today.year
        year = kwargs.get("year", this_year)
        if not 2000 <= year <= this_year:
            raise Http404
        whole, months = (
            figures.told(figures.of_year(community, year, by))
            for by in (figures.By.YEAR, figures.By.MONTH)
        )
        return {
            "community": community,
            "year": year,
            "years": [one for one in range(this_year, this_year - 3, -1) if one != year],
            "whole": _shown(whole["periods"][0]) if whole["periods"] else None,
            "months": [_shown(one) for one in months["periods"]],
            "confidential": _told(whole["confidential"]),
        }


def _shown(period: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a period with what a page shows beside them."""
    for one in [period["total"], *period["categories"]]:
        one["statuses"] = [(WORDS[of["status"]], of["reports"]) for of in one["by_status"]]
        one["median"] = _within(one["median_within_hours"])
        one["in_a_week"] = one["fixed"] and round(100 * one["fixed_within_a_week"] / one["fixed"])
    return period | {"month": period["since"][:7]}


def _within(hours: int | None) -> str:
    if hours is None:
        return ""
    if hours <= 48:
        return gettext("within %(hours)d h") % {"hours": hours}
    return gettext("within %(days)d days") % {"days": hours // 24}


def _told(confidential: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the confidential reports with the first and the last month of their period."""
    return [
        one
        | {
            "first": one["since"][:7],
            "last": f"{date.fromisoformat(one['until']) - timedelta(days=1):%Y-%m}",
        }
        for one in confidential
    ]


# --- funds ------------------------------------------------------------------------------------
class FundsView(KeptPage):
    """The page of the funds: ``/c/{code}/funds``."""

    template_name = "board/funds.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        community = _community(kwargs["code"])
        return {
            "community": community,
            "funds": [_amounts(fund) for fund in fund_figures.told(community)],
        }


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


def _amounts(fund: dict[str, Any]) -> dict[str, Any]:
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


# --- bulletins --------------------------------------------------------------------------------
def bulletins_of(community: Community) -> QuerySet[Bulletin]:
    """Return the latest version of each bulletin that is public, newest period first."""
    found: Any = _published(community)
    latest: QuerySet[Bulletin] = found.filter(is_superseded=False)
    return latest.order_by("-starts_on", "-id")


def _published(community: Community) -> QuerySet[Bulletin]:
    published = Bulletin.objects.filter(community=community, status=Bulletin.Status.PUBLISHED)
    return with_superseded(published, whose=community)


class BulletinView(KeptPage):
    """The page of a bulletin: ``/c/{code}/bulletins/{bulletin_id}``, whatever version."""

    template_name = "board/bulletin.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        community = _community(kwargs["code"])
        bulletin = get_object_or_404(_published(community), pk=kwargs["bulletin_id"])
        comments = BulletinComment.objects.filter(
            community=community, bulletin=bulletin, status=BulletinComment.Status.SHOWN
        ).exclude(text="")
        told = bulletin.figures
        return {
            "community": community,
            "bulletin": bulletin,
            "period": _shown(told["periods"][0]) if told["periods"] else None,
            "confidential": _told(told["confidential"]),
            "funds": [_amounts(fund) for fund in told["funds"]],
            "comments": comments.order_by("-id")[:COMMENTS_SHOWN],
        }
