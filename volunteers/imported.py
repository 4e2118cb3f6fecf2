"""The lists that volunteers take as imports."""

from django.utils.translation import gettext_lazy as _

from backend.imports.kinds import Kind, register
from volunteers.activities.imported import ACTIVITY, ACTIVITY_OF_HOURS, SHIFT, SHIFT_OF_HOURS
from volunteers.activities.sheets import ActivitiesSheet
from volunteers.attendance.imported import HOURS, SIGN_UP
from volunteers.attendance.sheets import HoursSheet, SignUpsSheet
from volunteers.people.imported import VOLUNTEER
from volunteers.people.sheets import VolunteersSheet
from volunteers.reports.imported import REPORT
from volunteers.reports.sheets import ReportsSheet
from volunteers.teams.imported import MEMBER, TEAM
from volunteers.teams.sheets import TeamsSheet

KINDS = {
    "volunteers": Kind(title=_("Volunteers"), sheet=VolunteersSheet, things=[VOLUNTEER]),
    "teams": Kind(title=_("Teams and their members"), sheet=TeamsSheet, things=[TEAM, MEMBER]),
    "activities": Kind(
        title=_("Activities and their shifts"), sheet=ActivitiesSheet, things=[ACTIVITY, SHIFT]
    ),
    "sign_ups": Kind(title=_("Sign-ups for shifts"), sheet=SignUpsSheet, things=[SIGN_UP]),
    "hours": Kind(
        title=_("Hours"), sheet=HoursSheet, things=[ACTIVITY_OF_HOURS, SHIFT_OF_HOURS, HOURS]
    ),
    "reports": Kind(title=_("Reports"), sheet=ReportsSheet, things=[REPORT]),
}


def register_all() -> None:
    """Register the kinds when the app is ready."""
    for name, kind in KINDS.items():
        register(name, kind)
