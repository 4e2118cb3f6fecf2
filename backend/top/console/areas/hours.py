"""Hours: verified one by one or many at once, with what is said for and against them."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from backend.top.calls import Caller
from backend.top.console.pages import Action, Facts, Group, Page, Section, add, has_status

WHO = Section(
    _("Attendance"),
    ("volunteer", "community", "shift", "status", "worked_minutes", "points", "reason"),
)
PRESENCE = Section(
    _("Presence"),
    (
        *("signed_up_at", "checked_in_at", "checked_out_at", "counts_until", "cut_by", "proof"),
        *("is_walk_in", "is_backfilled", "was_offline", "check_out_was_forgotten"),
    ),
)
EVIDENCE = Section(
    _("What the phone told"),
    (
        *("position_mark", "distance_metres", "accuracy_metres"),
        *("check_in_claimed_at", "check_in_mark", "check_out_claimed_at", "check_out_mark"),
        "refused_claims",
    ),
    if_told=True,
)
OUTCOME = Section(
    _("What became of it"),
    (
        *("verified_at", "published_until", "voided_at"),
        *("corrections", "appeal", "evaluation"),
    ),
    if_told=True,
)


def _served(facts: Facts) -> bool:
    return (
        has_status("checked_out", "published", "verified")(facts)
        and facts.get("evaluation") is None
    )


ACTIONS = (
    Action(
        address="attendances/{id}/verify",
        title=_("Verify"),
        icon="check",
        style="primary",
        when=has_status("checked_out"),
    ),
    Action(
        address="attendances/{id}/correct",
        title=_("Correct the times"),
        initial={"checked_in_at": "checked_in_at", "checked_out_at": "checked_out_at"},
        when=has_status("checked_out"),
    ),
    Action(
        address="attendances/{id}/reject",
        title=_("Reject"),
        style="danger",
        fields=("reason",),
        when=has_status("checked_out"),
    ),
    Action(
        address="attendances/{id}/void",
        title=_("Void"),
        style="danger",
        fields=("reason",),
        when=has_status("verified"),
        confirm=_("What these hours earned is taken back, and the volunteer is told why."),
    ),
    Action(
        address="attendances/{id}/evaluation",
        title=_("Note how the service was"),
        when=_served,
    ),
)
MEANINGS = {  # of signals, for whoever looks at one record
    "shared_device": _("One phone checked several people in to this shift."),
    "impossible_speed": _("Nobody gets from one venue to the next as quickly as this."),
    "far_from_venue": _("The code was used far from the venue."),
    "told_late": _("The phone was offline and told this later."),
    "elsewhere_too": _("The volunteer was checked in in another community at that time."),
    "always_there": _("The leader marks everybody present at every shift."),
    "forgotten_check_out": _("The check-out was forgotten; the end of the shift counts."),
}
QUEUE = ("volunteer", "shift", "checked_in_at", "checked_out_at", "worked_minutes", "signals")
FILTERS = ("text", "since", "until", "estate", "category", "signal", "backfilled", "appealed")


def _signals(
    caller: Caller, names: Mapping[str, Any], attendance: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return the signals of hours that the caller is to verify, which their own page tells."""
    if not attendance or attendance["status"] != "checked_out":
        return {}
    code = attendance["community"]["code"]
    waiting = caller.read(f"communities/{code}/hours-to-verify/{attendance['id']}")
    found = (waiting.data["signals"] or ()) if waiting.is_good else ()
    return {"signals": [MEANINGS.get(one, one) for one in found]}


add(
    Page(
        route="communities/<slug:code>/hours-to-verify",
        title=_("Hours to verify"),
        group=Group.HOURS,
        icon="pending_actions",
        rank=1,
        explains=_(
            "Hours that ended first come first. A signal is a reason to look closer, no verdict."
            " Nobody verifies their own hours, or hours that they marked or corrected."
        ),
        columns=QUEUE,
        rows=200,  # as many as are decided on at once
        opens="attendances/{id}",
        filters=FILTERS,
        actions=(
            Action(
                address="communities/{code}/hours-to-verify",
                title=_("Verify"),
                icon="check",
                style="primary",
                fixed={"outcome": "verified"},
                fields=(),
                batch=True,
                many="attendance_ids",
            ),
            Action(
                address="communities/{code}/hours-to-verify",
                title=_("Reject"),
                style="danger",
                fixed={"outcome": "rejected"},
                fields=("reason",),
                batch=True,
                many="attendance_ids",
            ),
        ),
    ),
    Page(
        route="communities/<slug:code>/hours-to-verify/<uuid:attendance_id>",
        title=_("Hours to verify"),
        named="volunteer.name",
        sections=(
            Section(WHO.title, (*WHO.fields, "signals")),
            *(PRESENCE, EVIDENCE, OUTCOME),
        ),
        actions=ACTIONS,
    ),
    Page(
        route="attendances",
        title=_("All attendances"),
        group=Group.HOURS,
        icon="how_to_reg",
        rank=3,
        columns=("volunteer", "shift", "status", "worked_minutes", "points"),
        opens="attendances/{id}",
        filters=("text", "status", "since", "until", "estate", "marked"),
    ),
    Page(
        route="attendances/<uuid:attendance_id>",
        title=_("Attendance"),
        named="volunteer.name",
        sections=(WHO, PRESENCE, EVIDENCE, OUTCOME),
        actions=ACTIONS,
        template="console/attendance.html",
        adds=_signals,
    ),
    Page(
        route="communities/<slug:code>/published-hours",
        title=_("Hours on public display"),
        group=Group.HOURS,
        icon="campaign",
        rank=4,
        explains=_("Verified hours earn once nobody has objected to them until the day shown."),
        columns=("volunteer", "shift", "worked_minutes", "published_until"),
        opens="attendances/{id}",
    ),
    Page(
        route="objections",
        title=_("Appeals and objections"),
        group=Group.HOURS,
        icon="balance",
        rank=3,
        columns=("raised_at", "is_appeal", "volunteer", "shift", "words", "status"),
        opens="objections/{id}",
        filters=("text", "status", "appeal", "since", "until"),
        defaults={"status": "open"},
    ),
    Page(
        route="objections/<uuid:objection_id>",
        title=_("Appeal or objection"),
        named="volunteer.name",
        sections=(
            Section(_("What was said"), ("is_appeal", "words", "raised_by", "raised_at")),
            Section(_("About"), ("volunteer", "shift", "attendance_id", "community")),
            Section(_("Decision"), ("status", "answer", "decided_at")),
        ),
        actions=(
            Action(
                address="objections/{id}/decision",
                title=_("Uphold"),
                style="primary",
                fixed={"is_upheld": True},
                fields=("reason",),
                when=has_status("open"),
                confirm=_(
                    "After an appeal the hours wait for verification again; after an objection they"
                    " are rejected. Whoever raised it reads your reason."
                ),
            ),
            Action(
                address="objections/{id}/decision",
                title=_("Dismiss"),
                fixed={"is_upheld": False},
                fields=("reason",),
                when=has_status("open"),
                confirm=_("The first decision stays. Whoever raised it reads your reason."),
            ),
        ),
    ),
    Page(
        route="refused-claims",
        title=_("Refused check-ins"),
        group=Group.HOURS,
        icon="phonelink_erase",
        rank=4,
        explains=_("What phones told later and could not be counted. Correct the hours where due."),
        columns=("told_at", "volunteer", "shift", "act", "claimed_at", "refused_because"),
        opens="refused-claims/{id}",
        filters=("text", "since", "until"),
    ),
    Page(
        route="refused-claims/<uuid:claim_id>",
        title=_("Refused check-in"),
        named="volunteer.name",
        sections=(
            Section(
                _("What the phone told"),
                ("act", "claimed_at", "volunteer", "shift", "attendance_id", "community"),
            ),
            Section(_("Why it was refused"), ("refused_because", "told_at", "told_by", "nonce")),
        ),
    ),
)
