"""Tables of the app, by slice."""

from volunteers.activities.models import Activity, ServicePolicy, Shift, ShiftPattern
from volunteers.attendance.models import (
    Attendance,
    CallOut,
    Correction,
    Evaluation,
    Gate,
    Objection,
    RefusedClaim,
    WaitingPlace,
)
from volunteers.people.models import JoinRequest, Volunteer
from volunteers.reports.models import Report
from volunteers.teams.models import Team, TeamMember
