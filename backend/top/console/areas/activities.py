"""Activities, their series, shifts and people, and the teams that plan them."""

from django.utils.translation import gettext_lazy as _

from backend.top.console.pages import (
    Action,
    Choices,
    Facts,
    Group,
    Page,
    Related,
    Section,
    Text,
    add,
    has_status,
)

TEAMS = Choices("teams")
VENUES = Choices("communities/{code}/venues")
CLOSED = {"closed_at": _("No longer used since")}
SERIES = Choices("communities/{code}/series", label="title")
PLANNED = has_status("planned")
ACTIVITY = (
    *("title", "category", "description", "team_id", "venue_id", "place", "is_public"),
    *("check_in_mode", "geofence_metres", "walk_ins", "min_age", "skills"),
    *("longest_minutes", "most_minutes"),
)
SHIFT = ("starts_at", "ends_at", "places_taken", "capacity", "wanted", "waiting", "status")
TAKING_PART = ("title", "category", "team", "venue", "place", "status")
VENUE = ("name", "address", "latitude", "longitude", "coord_type", "opening_hours")


def _is_open(facts: Facts) -> bool:
    return facts.get("closed_at") is None


def _goes_on(facts: Facts) -> bool:
    return facts.get("ended_at") is None


def _exists(facts: Facts) -> bool:
    return facts.get("dissolved_at") is None


def _leads(facts: Facts) -> bool:
    return has_status("member")(facts) and bool(facts.get("is_leader"))


def _follows(facts: Facts) -> bool:
    return has_status("member")(facts) and not facts.get("is_leader")


def _cancel(address: str, title: Text, told: Text) -> Action:
    return Action(address=address, title=title, style="danger", when=PLANNED, confirm=told)


add(
    # --- activities ---------------------------------------------------------------------------
    Page(
        route="activities",
        title=_("Activities"),
        group=Group.HOURS,
        icon="volunteer_activism",
        rank=2,
        columns=TAKING_PART,
        opens="activities/{id}",
        filters=("text", "status", "category", "since", "until", "estate"),
        actions=(
            Action(
                address="communities/{code}/activities",
                title=_("Plan an activity"),
                icon="add",
                style="primary",
                fields=(*ACTIVITY, "series_id"),
                choices={"team_id": TEAMS, "venue_id": VENUES, "series_id": SERIES},
                opens="activities/{id}",
            ),
        ),
    ),
    Page(
        route="activities/<uuid:activity_id>",
        title=_("Activity"),
        named="title",
        sections=(
            Section(
                _("Activity"),
                (
                    *("title", "category", "description", "status", "reason", "community"),
                    *("estate", "team", "series", "venue", "place", "is_public"),
                ),
            ),
            Section(
                _("Taking part"),
                (
                    *("check_in_mode", "geofence_metres", "walk_ins", "min_age", "skills"),
                    *("longest_minutes", "most_minutes"),
                ),
            ),
        ),
        actions=(
            Action(
                address="activities/{id}",
                method="patch",
                title=_("Edit"),
                fields=ACTIVITY,
                choices={"team_id": TEAMS, "venue_id": VENUES},
                when=PLANNED,
            ),
            Action(
                address="activities/{id}/patterns",
                method="put",
                title=_("Set recurring shifts"),
                when=lambda facts: bool(facts.get("series")),
            ),
            _cancel(
                "activities/{id}/cancel",
                _("Cancel the activity"),
                _("Whoever signed up for coming shifts is told the reason."),
            ),
        ),
        related=(Related("activities/{id}/shifts"), Related("activities/{id}/patterns")),
    ),
    Page(
        route="activities/<uuid:activity_id>/patterns",
        title=_("Recurring shifts"),
        explains=_("By the community's clock; each occurrence of the series has them."),
        columns=("from_time", "until_time", "capacity", "wanted"),
        sections=(Section("", ("patterns",)),),
    ),
    # --- shifts -------------------------------------------------------------------------------
    Page(
        route="activities/<uuid:activity_id>/shifts",
        title=_("Shifts"),
        columns=SHIFT,
        opens="shifts/{id}",
        actions=(
            Action(
                address="activities/{activity_id}/shifts",
                title=_("Plan a shift"),
                icon="add",
                style="primary",
            ),
        ),
    ),
    Page(
        route="shifts",
        title=_("Shifts"),
        group=Group.HOURS,
        icon="calendar_month",
        rank=2,
        explains=_("Shifts to come; choose days to see those that are over."),
        columns=("activity", *SHIFT),
        opens="shifts/{id}",
        filters=("text", "since", "until", "status", "wants_people", "category", "estate"),
    ),
    Page(
        route="shifts/<uuid:shift_id>",
        title=_("Shift"),
        named="activity.title",
        sections=(
            Section(
                _("Shift"), ("activity", "community", "starts_at", "ends_at", "status", "reason")
            ),
            Section(_("Places"), ("places_taken", "capacity", "wanted", "waiting")),
        ),
        actions=(
            Action(address="shifts/{id}", method="patch", title=_("Edit"), when=PLANNED),
            Action(
                address="shifts/{id}/call-outs",
                title=_("Call out volunteers"),
                icon="campaign",
                fields=("message", "team_id", "kind", "skill"),
                choices={"team_id": TEAMS},
                when=PLANNED,
            ),
            Action(
                address="shifts/{id}/gate",
                title=_("Page for the door"),
                icon="qr_code_2",
                when=PLANNED,
                opens="shifts/{shift_id}/gate",
            ),
            _cancel(
                "shifts/{id}/cancel",
                _("Cancel the shift"),
                _("Whoever signed up is told the reason; who has checked in keeps the hours."),
            ),
        ),
        related=(
            Related("shifts/{id}/attendances"),
            Related("shifts/{id}/waiting-places"),
            Related("shifts/{id}/call-outs"),
        ),
        files={
            "shifts/{id}/roster.xlsx": _("Roster (XLSX)"),
            "shifts/{id}/roster.csv": _("Roster (CSV)"),
        },
    ),
    Page(
        route="shifts/<uuid:shift_id>/attendances",
        title=_("Roster"),
        columns=(
            *("volunteer", "status", "checked_in_at", "checked_out_at", "worked_minutes"),
            *("proof", "position_mark"),
        ),
        opens="attendances/{id}",
        filters=("text", "status", "marked"),
    ),
    Page(
        route="shifts/<uuid:shift_id>/waiting-places",
        title=_("Waiting list"),
        columns=("position", "volunteer", "status", "since_at", "ended_at"),
        filters=("status",),
    ),
    Page(
        route="waiting-places/<uuid:waiting_place_id>",
        title=_("Place on the waiting list"),
        named="volunteer.name",
        sections=(
            Section("", ("volunteer", "shift", "position", "status", "since_at", "ended_at")),
        ),
    ),
    Page(
        route="shifts/<uuid:shift_id>/gate",
        title=_("Page for the door"),
        explains=_(
            "Open the link on a screen at the door. It needs no log-in, shows the code to check in"
            " by, and ends with the shift."
        ),
        labels={"opened_at": _("Shown from"), "closed_at": _("Shown until")},
        sections=(Section("", ("path", "opened_at", "closed_at", "shift_id")),),
        actions=(
            Action(
                address="shifts/{shift_id}/gate",
                method="delete",
                title=_("End the link"),
                style="danger",
                opens="shifts/{shift_id}",
            ),
        ),
    ),
    # --- call-outs ----------------------------------------------------------------------------
    Page(
        route="call-outs",
        title=_("Call-outs"),
        group=Group.HOURS,
        icon="notifications_active",
        columns=("called_at", "shift", "message", "told", "called_by", "ended_at"),
        opens="call-outs/{id}",
        filters=("text", "ended", "since", "until"),
    ),
    Page(
        route="shifts/<uuid:shift_id>/call-outs",
        title=_("Call-outs"),
        columns=("called_at", "message", "told", "called_by", "ended_at"),
        opens="call-outs/{id}",
    ),
    Page(
        route="call-outs/<uuid:call_out_id>",
        title=_("Call-out"),
        sections=(
            Section(_("Call-out"), ("shift", "message", "told", "called_by", "called_at")),
            Section(_("Who is called"), ("team", "estate", "kind", "skill", "ended_at")),
        ),
        actions=(
            Action(
                address="call-outs/{id}/end",
                title=_("End the call-out"),
                style="danger",
                when=_goes_on,
                confirm=_("Whoever was not told yet is not told any more."),
            ),
        ),
    ),
    # --- series and venues --------------------------------------------------------------------
    Page(
        route="communities/<str:code>/series",
        title=_("Series"),
        group=Group.HOURS,
        icon="event_repeat",
        rank=6,
        columns=("title", "theme", "recurrence", "from_time", "until_time", "venue", "status"),
        opens="series/{id}",
        filters=("text", "status", "theme", "estate"),
        actions=(
            Action(
                address="communities/{code}/series",
                title=_("Plan a series"),
                icon="add",
                style="primary",
                fields=(
                    *("title", "theme", "recurrence", "starts_on", "ends_on"),
                    *("from_time", "until_time", "venue_id"),
                ),
                choices={"venue_id": VENUES},
                opens="series/{id}",
            ),
        ),
    ),
    Page(
        route="series/<uuid:series_id>",
        title=_("Series"),
        named="title",
        sections=(
            Section(
                _("Series"),
                (
                    *("title", "theme", "community", "estate", "venue", "recurrence"),
                    *("from_time", "until_time", "starts_on", "ends_on", "status", "reason"),
                ),
            ),
        ),
        actions=(
            Action(
                address="series/{id}",
                method="patch",
                title=_("Edit"),
                choices={"venue_id": VENUES},
                when=PLANNED,
            ),
            _cancel(
                "series/{id}/cancel",
                _("Cancel the series"),
                _("All occurrences to come are cancelled, and whoever signed up is told."),
            ),
        ),
        related=(Related("series/{id}/occurrences"),),
    ),
    Page(
        route="series/<uuid:series_id>/occurrences",
        title=_("Occurrences"),
        columns=("day", "starts_at", "ends_at", "status", "reason"),
        opens="occurrences/{id}",
        filters=("since", "until", "status"),
    ),
    Page(
        route="occurrences/<uuid:occurrence_id>",
        title=_("Occurrence"),
        named="series.title",
        sections=(Section("", ("series", "day", "starts_at", "ends_at", "status", "reason")),),
        actions=(
            Action(address="occurrences/{id}", method="patch", title=_("Move"), when=PLANNED),
            _cancel(
                "occurrences/{id}/cancel",
                _("Cancel the occurrence"),
                _("Its shifts and its fair are cancelled, and whoever signed up is told."),
            ),
        ),
    ),
    Page(
        route="communities/<str:code>/venues",
        title=_("Venues"),
        group=Group.HOURS,
        icon="location_on",
        rank=7,
        columns=("name", "address", "estate", "opening_hours", "closed_at"),
        labels=CLOSED,
        opens="venues/{id}",
        filters=("text", "closed", "estate"),
        actions=(
            Action(
                address="communities/{code}/venues",
                title=_("Add a venue"),
                icon="add",
                style="primary",
                opens="venues/{id}",
            ),
        ),
    ),
    Page(
        route="venues/<uuid:venue_id>",
        title=_("Venue"),
        named="name",
        labels=CLOSED,
        sections=(Section("", (*VENUE, "community", "estate", "closed_at")),),
        actions=(
            Action(address="venues/{id}", method="patch", title=_("Edit"), when=_is_open),
            Action(
                address="venues/{id}/close",
                title=_("Close for good"),
                style="danger",
                when=_is_open,
                confirm=_("Nothing new is planned there; what is planned stays."),
            ),
        ),
    ),
    # --- teams --------------------------------------------------------------------------------
    Page(
        route="teams",
        title=_("Service teams"),
        group=Group.PEOPLE,
        icon="groups",
        rank=4,
        columns=("name", "kind", "estate", "people", "is_open", "founded_at", "dissolved_at"),
        opens="teams/{id}",
        filters=("text", "kind", "is_dissolved", "estate"),
        actions=(
            Action(
                address="communities/{code}/teams",
                title=_("Found a team"),
                icon="add",
                style="primary",
                opens="teams/{id}",
            ),
        ),
    ),
    Page(
        route="teams/<uuid:team_id>",
        title=_("Team"),
        named="name",
        sections=(
            Section(
                _("Team"),
                (
                    *("name", "kind", "description", "community", "estate", "people"),
                    *("is_open", "founded_at", "dissolved_at"),
                ),
            ),
        ),
        actions=(
            Action(address="teams/{id}", method="patch", title=_("Edit"), when=_exists),
            Action(
                address="teams/{id}/dissolve",
                title=_("Dissolve"),
                style="danger",
                when=_exists,
                confirm=_("Its members are told the reason. Its hours stay on record."),
            ),
        ),
        related=(Related("teams/{id}/members"),),
    ),
    Page(
        route="teams/<uuid:team_id>/members",
        title=_("Members"),
        columns=("volunteer", "status", "is_leader", "asked_at", "joined_at", "left_at"),
        opens="teams/{team_id}/members/{id}",
        filters=("text", "status", "is_leader"),
        actions=(
            Action(
                address="teams/{team_id}/members/{id}/accept",
                title=_("Take in"),
                style="primary",
                when=has_status("asked"),
                batch=True,
            ),
        ),
    ),
    Page(
        route="teams/<uuid:team_id>/members/<uuid:team_member_id>",
        title=_("Team member"),
        named="volunteer.name",
        sections=(
            Section(
                "",
                (
                    *("volunteer", "team", "status", "is_leader"),
                    *("asked_at", "joined_at", "left_at", "reason"),
                ),
            ),
        ),
        actions=(
            Action(
                address="teams/{team_id}/members/{id}/accept",
                title=_("Take in"),
                style="primary",
                when=has_status("asked"),
            ),
            Action(
                address="teams/{team_id}/members/{id}/reject",
                title=_("Reject"),
                style="danger",
                when=has_status("asked"),
            ),
            Action(
                address="teams/{team_id}/members/{id}/appoint",
                title=_("Make a leader"),
                when=_follows,
            ),
            Action(
                address="teams/{team_id}/members/{id}/dismiss",
                title=_("Dismiss as leader"),
                when=_leads,
            ),
            Action(
                address="teams/{team_id}/members/{id}/remove",
                title=_("Remove"),
                style="danger",
                when=_follows,
            ),
        ),
    ),
)
