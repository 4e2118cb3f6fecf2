"""Reports: what waits and how long yet, one report with all around it, and rounds."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from backend.api.labels import label_of
from backend.top.calls import Caller
from backend.top.console import report_map
from backend.top.console.pages import (
    Action,
    Choices,
    Facts,
    Group,
    Page,
    Related,
    Section,
    add,
    has_status,
)
from backend.top.console.values import Reader, clock_of, link_to
from volunteers.reports.models.categories import Colour
from volunteers.reports.models.reports import Level, Report

OPEN = ("submitted", "accepted", "made_safe", "fixed")
STEPS = {  # to where: what it is called, from where, and how it looks
    "accepted": (_("Accept"), OPEN[:1], "primary"),
    "made_safe": (_("Made safe"), OPEN[:2], "default"),
    "fixed": (_("Fixed"), OPEN[:3], "default"),
    "closed": (_("Close as done"), OPEN, "primary"),
    "rejected": (_("Reject"), OPEN, "danger"),
    "not_ours": (_("Not ours"), OPEN, "danger"),
}
CATEGORIES = {"category": Choices("communities/{code}/report-categories", value="code")}
LIST = ("colour", "category_name", "text", "place", "status", "due_at", "assigned_to")
FILTERS = (
    *("text", "colour", "status", "category", "open", "is_overdue", "is_screened", "estate"),
    *("source", "since", "until"),
)
TOLD = {  # of a timeline: what happened
    "submitted": _("Was reported"),
    "accepted": pgettext_lazy("ReportStatus", "Accepted"),
    "made_safe": _("Made safe"),
    "fixed": _("Fixed"),
    "closed": pgettext_lazy("ReportStatus", "Closed"),
    "rejected": _("Rejected"),
    "duplicate": _("Found to be a duplicate"),
    "not_ours": _("Found not to be ours"),
    "withdrawn": _("Withdrawn"),
    "voided": _("Voided"),
    "comment": _("Comment"),
    "reopen": _("Opened again"),
    "assign": _("Given to somebody"),
    "colour": _("Urgency changed"),
    "pause": _("Clock stopped"),
    "resume": _("Clock runs on"),
    "escalate": _("Overdue: passed up"),
    "forward": _("Passed on"),
    "answer": _("Answer noted"),
    "redact": _("Words taken out"),
    "release": _("Shown after the safety check"),
}
IS_OPEN = has_status(*OPEN)

DECIDE_COMMENT = (
    Action(
        address="bulletins/{bulletin_id}/comments/{id}/decision",
        title=_("Show to everybody"),
        style="primary",
        fixed={"is_shown": True},
        when=has_status("waiting", "hidden"),
    ),
    Action(
        address="bulletins/{bulletin_id}/comments/{id}/decision",
        title=_("Hide"),
        style="danger",
        fixed={"is_shown": False},
        when=has_status("waiting", "shown"),
    ),
)


def _all(*conditions: Callable[[Facts], bool]) -> Callable[[Facts], bool]:
    return lambda facts: all(condition(facts) for condition in conditions)


def _has(name: str, *values: Any) -> Callable[[Facts], bool]:
    return lambda facts: facts.get(name) in values


def _step(status: str) -> Action:
    title, of, style = STEPS[status]
    return Action(
        address="reports/{id}/status",
        title=title,
        style=style,
        fixed={"status": status},
        fields=("answer",),
        when=has_status(*of),
    )


def late(report: Facts) -> str:
    """Return the mark of a report whose step is overdue."""
    due = report.get("due_at")
    return "danger" if due and datetime.fromisoformat(due) < timezone.now() else ""


def _detail(facts: Facts) -> str:
    """Return in words what the trail tells beside an act: the colour, or how far it climbed."""
    if "colour" in facts:
        return label_of(facts["colour"], dict(Colour.choices))
    if "level" in facts:
        return label_of(facts["level"], dict(Level.choices))
    return ""


def _around(
    caller: Caller, names: Mapping[str, Any], report: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return what a report's page shows besides its answer: what is near, and what happened."""
    address = f"reports/{report['id']}"
    near, told = caller.read(f"{address}/near"), caller.read(f"{address}/timeline")
    around = [
        {
            **one,
            "link": link_to("reports/{id}", one),
            "told_status": label_of(one["status"], dict(Report.Status.choices)),
        }
        for one in (near.data if near.is_good else ())
    ]
    entries = told.data["entries"] if told.is_good else []
    reader = Reader(clock_of(report["community"]["code"]))
    stops = [one["what"] for one in entries if one["what"] in ("pause", "resume")]
    return {
        "around": around,
        "map": report_map.drawn(report, around),
        "is_late": bool(late(report)),
        "is_paused": report["status"] in OPEN and stops[-1:] == ["pause"],
        "timeline": [
            {
                **one,
                "at": reader.moment(one["at"]),
                "what": TOLD.get(one["what"], one["what"]),
                "detail": _detail(one["facts"]),
            }
            for one in entries
        ],
    }


add(
    # --- the queues ---------------------------------------------------------------------------
    Page(
        route="reports/due",
        title=_("Reports by what is due"),
        group=Group.REPORTS,
        icon="timer",
        rank=1,
        explains=_("Open reports whose clock runs, the first due first. Overdue ones are marked."),
        columns=LIST,
        opens="reports/{id}",
        filters=("text", "colour", "status", "category", "is_overdue", "estate"),
        choices=CATEGORIES,
        marks={"due_at": late},
    ),
    Page(
        route="reports",
        title=_("All reports"),
        group=Group.REPORTS,
        icon="report",
        rank=2,
        columns=("submitted_at", *LIST),
        opens="reports/{id}",
        filters=FILTERS,
        choices=CATEGORIES,
        marks={"due_at": late},
        actions=(
            Action(
                address="communities/{code}/reports/relayed",
                title=_("Report for somebody"),
                icon="add",
                style="primary",
                fields=("category", "text", "place", "photos"),
                choices=CATEGORIES,
                opens="reports/{id}",
            ),
        ),
    ),
    # --- one report ---------------------------------------------------------------------------
    Page(
        route="reports/<uuid:report_id>",
        title=_("Report"),
        named="category_name",
        template="console/report.html",
        adds=_around,
        sections=(
            Section(
                _("Report"),
                (
                    *("category_name", "colour", "status", "text", "place", "answers"),
                    *("source", "reporter", "confirmations", "estate", "assigned_to", "community"),
                ),
            ),
            Section(
                _("Progress"),
                (
                    *("submitted_at", "accepted_at", "made_safe_at", "fixed_at", "closed_at"),
                    *("reopened_at", "due_at", "escalated_to", "answer", "duplicate_of_id"),
                    *("voided_at", "reason"),
                ),
                if_told=True,
            ),
            Section(_("Reward"), ("points", "reward"), if_told=True),
        ),
        actions=(
            *map(_step, STEPS),
            Action(
                address="reports/{id}/status",
                title=_("Duplicate of another"),
                fixed={"status": "duplicate"},
                fields=("duplicate_of_id", "answer"),
                choices={"duplicate_of_id": Choices("reports/{id}/near", label="text")},
                when=IS_OPEN,
            ),
            Action(
                address="reports/{id}/assign",
                title=_("Give to somebody"),
                icon="person_add",
                choices={"assignee_id": Choices("reports/{id}/assignees")},
                initial={"assignee_id": "assigned_to"},
                when=IS_OPEN,
            ),
            Action(
                address="reports/{id}/colour",
                title=_("Change the urgency"),
                initial={"colour": "colour"},
                when=IS_OPEN,
            ),
            Action(
                address="reports/{id}/pause",
                title=_("Stop the clock"),
                when=_all(IS_OPEN, lambda facts: facts.get("due_at") is not None),
            ),
            Action(
                address="reports/{id}/resume",
                title=_("Let the clock run"),
                when=_all(IS_OPEN, _has("due_at", None)),
            ),
            Action(address="reports/{id}/referrals", title=_("Pass on"), when=IS_OPEN),
            Action(address="reports/{id}/comments", title=_("Comment")),
            Action(
                address="reports/{id}/mediation",
                title=_("Open a mediation"),
                when=_all(
                    _has("is_confidential", True), has_status("accepted", "made_safe", "fixed")
                ),
                opens="mediations/{id}",
            ),
            Action(
                address="reports/{id}/contributions",
                title=_("Record a contribution"),
                fields=("what", "quantity", "giver_name", "reference", "agreed", "given_on"),
                when=has_status("accepted", "made_safe", "fixed", "closed"),
                opens="reports/{report_id}",
            ),
            Action(
                address="reports/{id}/release",
                title=_("Show it all the same"),
                when=_has("is_screened", False),
            ),
            Action(
                address="reports/{id}/redactions",
                title=_("Take words out"),
                confirm=_(
                    "Each character becomes a █ wherever the words stand. Managers and auditors can"
                    " still read what stood there."
                ),
            ),
            Action(
                address="reports/{id}/reopen",
                title=_("Open again"),
                fields=("reason",),
                when=has_status("closed", "rejected"),
            ),
            Action(
                address="reports/{id}/void",
                title=_("Void"),
                style="danger",
                fields=("reason",),
                when=has_status("closed"),
                confirm=_("What it earned is taken back, and the reporter is told why."),
            ),
        ),
        related=(
            Related("reports/{id}/referrals", if_any=True),
            Related("mediations?report={id}", if_any=True),
            Related("contributions?report={id}", if_any=True),
            Related("surveys?report={id}", if_any=True),
            Related("reports/{id}/redactions", if_any=True),
        ),
    ),
    Page(
        route="reports/<uuid:report_id>/near",
        title=_("Reported near it"),
        columns=("metres", "colour", "category_name", "text", "status", "submitted_at"),
        opens="reports/{id}",
    ),
    Page(
        route="reports/<uuid:report_id>/assignees",
        title=_("To whom it may be given"),
        columns=("name", "function", "estate"),
        labels={"name": _("Name")},
    ),
    Page(
        route="reports/<uuid:report_id>/referrals",
        title=_("Passed on to"),
        columns=("party", "note", "sent_by", "sent_at", "due_on", "answer", "answered_at"),
        opens="reports/{report_id}/referrals/{id}",
    ),
    Page(
        route="reports/<uuid:report_id>/referrals/<uuid:referral_id>",
        title=_("Passed on"),
        named="party",
        sections=(
            Section(
                "",
                (
                    *("party", "is_up", "note", "due_on", "sent_by", "sent_at"),
                    *("answer", "answered_at"),
                ),
            ),
        ),
        actions=(
            Action(
                address="reports/{report_id}/referrals/{id}/answer",
                title=_("Note the answer"),
                style="primary",
                when=_has("answered_at", None),
            ),
        ),
    ),
    Page(
        route="reports/<uuid:report_id>/redactions",
        title=_("Words taken out"),
        columns=("stood_in", "words", "taken_out_by", "taken_out_at"),
    ),
    # --- mediations ---------------------------------------------------------------------------
    Page(
        route="mediations",
        title=_("Mediations"),
        group=Group.REPORTS,
        icon="handshake",
        rank=3,
        columns=("opened_at", "parties", "status", "opened_by", "ended_at"),
        opens="mediations/{id}",
        filters=("status", "since", "until", "estate"),
    ),
    Page(
        route="mediations/<uuid:mediation_id>",
        title=_("Mediation"),
        explains=_("Names and notes are emptied three years after the end. Every look is noted."),
        sections=(
            Section(
                _("Mediation"),
                (
                    *("status", "parties", "report_id", "community"),
                    *("opened_by", "opened_at", "ended_by", "ended_at"),
                ),
            ),
            Section("", ("sessions",)),
        ),
        actions=(
            Action(
                address="mediations/{id}/sessions",
                title=_("Record a session"),
                style="primary",
                fields=("held_at", "note"),
                when=has_status("open"),
            ),
            Action(
                address="mediations/{id}",
                method="patch",
                title=_("Name the parties"),
                when=has_status("open"),
            ),
            Action(address="mediations/{id}/end", title=_("End"), when=has_status("open")),
        ),
    ),
    # --- inspections --------------------------------------------------------------------------
    Page(
        route="inspections",
        title=_("Inspections"),
        group=Group.REPORTS,
        icon="fact_check",
        rank=3,
        columns=("due_at", "place", "status", "problems", "inspected_by", "report_id"),
        opens="inspections/{id}",
        filters=("text", "status", "overdue", "since", "until", "estate"),
        marks={"due_at": lambda row: late(row) if row["status"] == "due" else ""},
    ),
    Page(
        route="inspections/<uuid:inspection_id>",
        title=_("Inspection"),
        named="place",
        sections=(
            Section(
                _("What is inspected"),
                ("place", "items", "due_at", "status", "community", "estate", "plan_id"),
            ),
            Section(
                _("Outcome"),
                (
                    *("problems", "note", "inspected_by", "inspected_at"),
                    *("report_id", "follows_id"),
                ),
                if_told=True,
            ),
        ),
        actions=(
            Action(
                address="inspections/{id}/outcome",
                title=_("Tell the outcome"),
                style="primary",
                choices={
                    "category": Choices(
                        "communities/{community[code]}/report-categories", value="code"
                    )
                },
                when=has_status("due"),
            ),
        ),
    ),
    Page(
        route="communities/<str:code>/inspection-plans",
        title=_("Inspection plans"),
        group=Group.REPORTS,
        icon="checklist",
        rank=7,
        columns=("place", "items", "estate", "reinspect_days", "series_id"),
        opens="inspection-plans/{id}",
        actions=(
            Action(
                address="communities/{code}/inspection-plans",
                title=_("Plan inspections"),
                icon="add",
                style="primary",
                choices={"series_id": Choices("communities/{code}/series", label="title")},
                opens="inspection-plans/{id}",
            ),
        ),
    ),
    Page(
        route="inspection-plans/<uuid:inspection_plan_id>",
        title=_("Inspection plan"),
        named="place",
        sections=(
            Section(
                "",
                (
                    *("place", "items", "reinspect_days", "series_id"),
                    *("community", "estate", "planned_at"),
                ),
            ),
        ),
        related=(Related("inspections?plan={id}"),),
    ),
    # --- patrols ------------------------------------------------------------------------------
    Page(
        route="patrols",
        title=_("Patrols"),
        group=Group.REPORTS,
        icon="directions_walk",
        rank=4,
        columns=("started_at", "ended_at", "walker", "people", "counts", "estate"),
        opens="patrols/{id}",
        filters=("text", "ended", "since", "until", "estate"),
    ),
    Page(
        route="patrols/<uuid:patrol_id>",
        title=_("Patrol"),
        named="walker.name",
        template="console/patrol.html",
        sections=(
            Section(
                _("Patrol"),
                (
                    *("walker", "people", "community", "estate", "started_at", "ended_at"),
                    *("note", "attendance_id", "report_ids"),
                ),
            ),
            Section("", ("counts",)),
        ),
    ),
    # --- surveys, contributions ---------------------------------------------------------------
    Page(
        route="surveys",
        title=_("Surveys"),
        group=Group.REPORTS,
        icon="reviews",
        rank=4,
        columns=("answered_at", "score", "words", "respondent", "report_id"),
        opens="surveys/{id}",
        filters=("text", "since", "until"),
    ),
    Page(
        route="surveys/<uuid:survey_id>",
        title=_("Survey"),
        sections=(
            Section(
                "",
                (
                    *("score", "words", "respondent", "report_id"),
                    *("community", "asked_at", "answered_at"),
                ),
            ),
        ),
    ),
    Page(
        route="contributions",
        title=_("Contributions"),
        group=Group.REPORTS,
        icon="redeem",
        columns=("given_on", "what", "quantity", "giver", "giver_name", "agreed_at", "report_id"),
        opens="contributions/{id}",
        filters=("text", "agreed"),
    ),
    Page(
        route="contributions/<uuid:contribution_id>",
        title=_("Contribution"),
        named="what",
        sections=(
            Section(
                "",
                (
                    *("what", "quantity", "giver", "giver_name", "reference", "given_on"),
                    *("agreed_at", "recorded_at", "report_id", "community"),
                ),
            ),
        ),
        actions=(
            Action(
                address="contributions/{id}/agreement",
                title=_("Thank in public"),
                fixed={"agrees": True},
                when=_has("agreed_at", None),
            ),
            Action(
                address="contributions/{id}/agreement",
                title=_("No longer thank in public"),
                fixed={"agrees": False},
                when=lambda facts: facts.get("agreed_at") is not None,
            ),
        ),
    ),
    # --- bulletins ----------------------------------------------------------------------------
    Page(
        route="communities/<str:code>/bulletins",
        title=_("Bulletins"),
        group=Group.REPORTS,
        icon="newspaper",
        columns=("starts_on", "period", "title", "version", "status", "published_at"),
        opens="bulletins/{id}",
        filters=("period", "status"),
        actions=(
            Action(
                address="communities/{code}/bulletins",
                title=_("Draft a bulletin"),
                icon="add",
                style="primary",
                opens="bulletins/{id}",
            ),
        ),
    ),
    Page(
        route="bulletins/<uuid:bulletin_id>",
        title=_("Bulletin"),
        named="title",
        template="console/bulletin.html",
        sections=(
            Section(
                _("Bulletin"),
                (
                    *("title", "words", "period", "starts_on", "version", "status"),
                    *("is_superseded", "drafted_at", "published_at", "community"),
                ),
            ),
        ),
        actions=(
            Action(
                address="bulletins/{id}",
                method="patch",
                title=_("Edit"),
                when=has_status("draft"),
            ),
            Action(
                address="bulletins/{id}/publish",
                title=_("Publish"),
                style="primary",
                when=has_status("draft"),
                confirm=_("A published bulletin is read by everybody and never changed."),
            ),
        ),
        related=(Related("bulletins/{id}/comments", if_any=True),),
    ),
    Page(
        route="bulletins/<uuid:bulletin_id>/comments",
        title=_("Comments"),
        columns=("written_at", "text", "status"),
        opens="bulletins/{bulletin_id}/comments/{id}",
        filters=("status",),
    ),
    Page(
        route="bulletins/<uuid:bulletin_id>/comments/<uuid:comment_id>",
        title=_("Comment"),
        sections=(Section("", ("text", "written_at", "status")),),
        actions=DECIDE_COMMENT,
    ),
    Page(
        route="communities/<str:code>/comments",
        title=_("Comments on bulletins"),
        group=Group.REPORTS,
        icon="forum",
        rank=6,
        columns=("written_at", "bulletin_title", "text", "status"),
        opens="bulletins/{bulletin_id}/comments/{id}",
        filters=("status",),
        defaults={"status": "waiting"},
    ),
)
