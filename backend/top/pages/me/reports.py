"""A volunteer's pages: what they reported, and reporting."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from django.http import Http404, QueryDict
from django.utils.translation import gettext_lazy as _

from backend.api.policies import Need
from backend.top.calls import Caller
from backend.top.pages.base import Act, number, page, text, whole, yes
from backend.top.pages.files import FileView
from backend.top.pages.me.home import MyPage

TONES = {
    "submitted": "open",
    "accepted": "blue",
    "made_safe": "blue",
    "fixed": "done",
    "closed": "done",
}
REWARDS = {
    "waiting_approval": _("A second person looks at it before it is paid."),
    "fund_exhausted": _("The fund is empty at present. You keep your place in the queue."),
    "frozen": _("It waits because the report was opened again."),
    "reserved": _("It is on its way."),
    "unclaimed": _("It was not taken in time and went back. Ask for it again."),
    "paid": _("It has arrived."),
    "taken_back": _("It was taken back."),
}
KEPT = ("/me/reports/new",)
FILES = ("pages/reports.js", "pages/reporting.js")


# --- what a form sends ------------------------------------------------------------------------
def cleared(typed: QueryDict, name: str) -> Any:
    """Read a text that may be emptied."""
    return typed.get(name, "").strip()


def answers(typed: QueryDict, name: str) -> Any:
    """Read the answers to a category's questions, whose fields are ``answer:<kind>:<code>``."""
    told: dict[str, Any] = {}
    for field in typed:
        mark, _colon, rest = field.partition(":")
        kind, _colon, code = rest.partition(":")
        if mark == "answer" and (value := typed.get(field, "").strip()):
            told[code] = _answer(kind, value)
    return json.dumps(told)


def _answer(kind: str, value: str) -> Any:
    if kind == "yes_no":
        return value == "yes"
    try:
        return float(value) if kind == "number" else value
    except ValueError:
        return value  # the API says what is wrong


SAID = {"category": text, "answers": answers, "text": text, "estate_id": text}


# --- reporting --------------------------------------------------------------------------------
def to_choose(asks: Caller, code: str, filled: Mapping[str, Any]) -> dict[str, Any]:
    """Return the categories with their questions, and the estates, of the community ``code``.

    ``filled`` has what stands in the form already, each answer by its field.
    """
    rows = [
        row for row in asks.fetch(f"communities/{code}/report-categories") if not row["is_retired"]
    ]
    for row in rows:
        for question in row["questions"]:
            question["field"] = f"answer:{question['kind']}:{question['code']}"
            question["value"] = filled.get(question["field"], "")
    return {
        "tree": list(_tree(rows)),
        "categories": rows,
        "estates": asks.fetch(f"communities/{code}/contact")["below"],
        "filled": filled,
    }


def _tree(
    rows: list[dict[str, Any]], above: str = "", indent: str = ""
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each category below the one of the code ``above``, and how far it is set in."""
    codes = {row["code"] for row in rows}
    for row in rows:
        if (row["parent"] if row["parent"] in codes else "") == above:
            yield indent, row
            yield from _tree(rows, row["code"], f"{indent}\u3000")


class NewReportView(MyPage):
    """Report something: ``/me/reports/new``, in the community that ``?community=`` names."""

    title = _("Report something")
    tab = "reports"
    template_name = "me/report_new.html"
    needs: ClassVar[frozenset[Need]] = MyPage.needs | {Need.GEOLOCATION, Need.PREVIEW}
    acts: ClassVar[Mapping[str, Act]] = {
        "report": Act(
            "POST",
            "communities/{community}/reports",
            SAID
            | {
                "place": text,
                "latitude": number,
                "longitude": number,
                "coord_type": text,
            },
            files=("photos",),
            said=_("Thank you. Your report has arrived."),
            then="/me/reports/{id}",
        )
    }

    def told(self, **names: Any) -> dict[str, Any]:
        here = self.asks.fetch("me/volunteers", {"has_left": "false"})["results"]
        if not here:
            return {"here": here}
        asked = self.request.POST.get("community") or self.request.GET.get("community")
        mine = next((one for one in here if one["community"]["code"] == asked), here[0])
        consents = {one["purpose"]: one for one in self.asks.fetch("me/consents")}
        text_of_place = next(
            one for one in self.asks.fetch("consents") if one["purpose"] == "location"
        )
        own = {"estate_id": (mine["estate"] or {}).get("id", "")}
        filled = self.request.POST.dict() or own | self.request.GET.dict()
        return {
            "here": here,
            "community": mine["community"],
            "may_locate": consents.get("location", {}).get("in_force", False),
            "text_of_place": text_of_place,
            "statuses": TONES,
            **to_choose(self.asks, mine["community"]["code"], filled),
        }


class CorrectView(MyPage):
    """Correct what I reported, until it is accepted: ``/me/reports/{report_id}/correct``."""

    title = _("Correct my report")
    tab = "reports"
    template_name = "me/report_correct.html"
    needs: ClassVar[frozenset[Need]] = MyPage.needs
    acts: ClassVar[Mapping[str, Act]] = {
        "correct": Act(
            "PATCH",
            "reports/{report_id}",
            SAID | {"place": cleared},
            said=_("Your report was corrected."),
            then="/me/reports/{report_id}",
        )
    }

    def told(self, **names: Any) -> dict[str, Any]:
        found = self.asks.read(f"reports/{names['report_id']}")
        if not found.is_good:
            raise Http404
        report = found.data
        code = report["community"]["code"]
        stood = {"category": report["category"], "text": report["text"], "place": report["place"]}
        stood["estate_id"] = (report["estate"] or {}).get("id", "")
        chosen = to_choose(self.asks, code, self.request.POST.dict() or stood)
        if not self.request.POST:
            for category in chosen["categories"]:
                for question in category["questions"]:
                    value = report["answers"].get(question["code"], "")
                    words = {True: "yes", False: "no"}
                    question["value"] = words[value] if isinstance(value, bool) else value
        return {"report": report, "match": found.etag, **chosen}


# --- what was reported ------------------------------------------------------------------------
class ReportsView(MyPage):
    """My reports, newest first: ``/me/reports``."""

    title = _("My reports")
    tab = "reports"
    template_name = "me/reports.html"

    def told(self, **names: Any) -> dict[str, Any]:
        reports = self.asks.fetch("me/reports", self.request.GET.urlencode())
        for report in reports["results"]:
            report["tone"] = TONES.get(report["status"], "")
        return {"reports": reports}


class ReportView(MyPage):
    """A report, its steps and what became of it: ``/me/reports/{report_id}``."""

    title = _("Report")
    tab = "reports"
    template_name = "me/report.html"
    needs: ClassVar[frozenset[Need]] = MyPage.needs | {Need.PREVIEW}
    acts: ClassVar[Mapping[str, Act]] = {
        "photos": Act(
            "POST", "reports/{report_id}/photos", files=("photos",), said=_("Thank you.")
        ),
        "withdraw": Act(
            "POST",
            "reports/{report_id}/withdraw",
            {"reason": text},
            said=_("Your report was withdrawn."),
        ),
        "comment": Act(
            "POST", "reports/{report_id}/comments", {"text": text}, said=_("Staff read it.")
        ),
        "reopen": Act(
            "POST",
            "reports/{report_id}/reopen",
            {"reason": text},
            said=_("It was opened again."),
        ),
    }

    def told(self, **names: Any) -> dict[str, Any]:
        address = f"reports/{names['report_id']}"
        report = self.asks.fetch(address)
        me = self.asks.fetch("me")
        is_mine = (report["reporter"] or {}).get("id") == me["id"]
        asked = self.asks.fetch("me/surveys", {"report": report["id"]})["results"]
        reward = report["reward"]
        return {
            "title": report["category_name"],
            "report": report | {"tone": TONES.get(report["status"], "")},
            "is_mine": is_mine,
            "timeline": self.asks.fetch(f"{address}/timeline")["entries"],
            "survey": next(iter(asked), None),
            "reward_says": REWARDS.get(reward["state"], "") if reward else "",
        }


class PhotoView(FileView):
    """A photo of a report, for whoever may see it."""

    address = "reports/{report_id}/photos/{photo_id}"


class ThumbnailView(FileView):
    """A small one."""

    address = "reports/{report_id}/photos/{photo_id}/thumbnail"


class SurveyView(MyPage):
    """How a report was dealt with: ``/me/surveys/{survey_id}``, answered once."""

    title = _("How was it dealt with?")
    tab = "reports"
    template_name = "me/survey.html"
    acts: ClassVar[Mapping[str, Act]] = {
        "answer": Act(
            "POST",
            "surveys/{survey_id}/answer",
            {"score": whole, "words": text},
            said=_("Thank you for your answer."),
        )
    }

    def told(self, **names: Any) -> dict[str, Any]:
        return {"survey": self.asks.fetch(f"surveys/{names['survey_id']}"), "scores": range(1, 6)}


class ContributionView(MyPage):
    """What I gave for a report, and whether I am thanked in public for it."""

    title = _("What you gave")
    tab = "mine"
    template_name = "me/contribution.html"
    acts: ClassVar[Mapping[str, Act]] = {
        "agree": Act(
            "POST",
            "contributions/{contribution_id}/agreement",
            {"agrees": yes},
            said=_("It is noted."),
        )
    }

    def told(self, **names: Any) -> dict[str, Any]:
        return {"contribution": self.asks.fetch(f"contributions/{names['contribution_id']}")}


REPORT = "reports/<uuid:report_id>"
PHOTO = f"{REPORT}/photos/<uuid:photo_id>"
urlpatterns = [
    page("reports", ReportsView, "me-reports"),
    page("reports/new", NewReportView, "me-report-new"),
    page(REPORT, ReportView, "me-report"),
    page(f"{REPORT}/correct", CorrectView, "me-report-correct"),
    page(PHOTO, PhotoView, "me-report-photo"),
    page(f"{PHOTO}/thumbnail", ThumbnailView, "me-report-thumbnail"),
    page("surveys/<uuid:survey_id>", SurveyView, "me-survey"),
    page("contributions/<uuid:contribution_id>", ContributionView, "me-contribution"),
]
