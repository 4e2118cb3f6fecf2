"""Tables of the app, by slice."""

from volunteers.activities.models import Activity, ServicePolicy, Shift, ShiftPattern
from volunteers.attendance.models.attendances import Attendance, RefusedClaim
from volunteers.attendance.models.gates import Gate
from volunteers.attendance.models.objections import Correction, Evaluation, Objection
from volunteers.attendance.models.places import CallOut, WaitingPlace
from volunteers.people.models import JoinRequest, Volunteer
from volunteers.reports.models import Report
from volunteers.teams.models import Team, TeamMember
