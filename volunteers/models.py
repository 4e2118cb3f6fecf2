"""Tables of the app, by slice."""

from volunteers.activities.models import Activity, ServicePolicy, Shift, ShiftPattern
from volunteers.attendance.models.attendances import Attendance, RefusedClaim
from volunteers.attendance.models.gates import Gate
from volunteers.attendance.models.objections import Correction, Evaluation, Objection
from volunteers.attendance.models.places import CallOut, WaitingPlace
from volunteers.people.models import CellMember, JoinRequest, Volunteer
from volunteers.reports.models.categories import ReportCategory, ReportPolicy
from volunteers.reports.models.confirmations import Confirmation
from volunteers.reports.models.contributions import Contribution
from volunteers.reports.models.groups import ReporterGroup, ReporterGroupMember
from volunteers.reports.models.hand_payments import HandPayment, RewardPayout
from volunteers.reports.models.handling import (
    FormerWords,
    ReportComment,
    ReportPause,
    ReportReferral,
)
from volunteers.reports.models.inspections import Inspection, InspectionPlan
from volunteers.reports.models.mediations import Mediation, MediationSession
from volunteers.reports.models.open311 import Open311Key, Open311Request
from volunteers.reports.models.patrols import (
    Patrol,
    PatrolCount,
    PatrolOutcome,
    PatrolPhoto,
    PatrolReport,
)
from volunteers.reports.models.photos import ReportPhoto
from volunteers.reports.models.publicity import (
    Bulletin,
    BulletinComment,
    ConfidentialTold,
    ReportTally,
)
from volunteers.reports.models.reports import Report
from volunteers.reports.models.screenings import Screening
from volunteers.reports.models.surveys import Survey
from volunteers.teams.models import Team, TeamMember
