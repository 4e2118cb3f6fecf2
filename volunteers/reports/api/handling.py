"""Handling of reports by staff and grid cells, and what reporters say to it."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.serializers import ColleagueSerializer
from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.fields import CharField, DateField, IntegerField, TextField, TimeOfDayField
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer, ReasonSerializer
from backend.communities.api.shown import community, managed_community, tenant
from backend.communities.models import Community
from backend.communities.selectors import WATCHES_OVER, person_to_appoint
from backend.replica import from_replica
from volunteers.people.models import CellMember
from volunteers.reports import errors, selectors, timeline
from volunteers.reports.api.reports import ClosedReportSerializer, ReportSerializer
from volunteers.reports.models import moves
from volunteers.reports.models.categories import Colour, ReportPolicy
from volunteers.reports.models.handling import FormerWords, ReportComment, ReportReferral
from volunteers.reports.models.reports import Report
from volunteers.reports.services import deadlines, handling, reading, routing, wording

MOST_MINUTES = 129_600  # of a clock: ninety days
STEPS = {
    "accepted": handling.accept,
    "made_safe": handling.make_safe,
    "fixed": handling.fix,
    "closed": handling.close,
    "rejected": handling.reject,
    "duplicate": handling.mark_duplicate,
    "not_ours": handling.mark_not_ours,
}
BY_STATUS = {move.to: move for move in moves.MOVES if move.act != "reopen"}
STATUSES = [choice for choice in Report.Status.choices if choice[0] in STEPS]

HANDLED = seen(selectors.reports_handled_by, "report_id")
WORKED_ON = seen(selectors.reports_worked_on_by, "report_id")
SEEN = seen(selectors.reports_seen_by, "report_id")


# --- shapes -----------------------------------------------------------------------------------
class MoveReportSerializer(serializers.Serializer[Any]):
    """The next status of a report. ``answer`` is public; a rejection and ``not_ours`` need one."""

    status = serializers.ChoiceField(choices=STATUSES)
    answer = TextField(max_length=500, allow_blank=True, default="")
    duplicate_of_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="The other report; for a ``duplicate`` alone."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if BY_STATUS[attrs["status"]].needs_answer and not attrs["answer"]:
            raise serializers.ValidationError(
                {"answer": [_("Say why it ends like this.")]}, code="required"
            )
        if (attrs["status"] == "duplicate") != bool(attrs.get("duplicate_of_id")):
            raise serializers.ValidationError(
                {"duplicate_of_id": [_("A duplicate names the other report, nothing else does.")]},
                code="required",
            )
        return attrs


class ColourSerializer(ReasonSerializer):
    """Another urgency, and why; staff alone read the reason."""

    colour = serializers.ChoiceField(choices=Colour.choices)


class AssignSerializer(serializers.Serializer[Any]):
    assignee_id = serializers.UUIDField(
        allow_null=True, help_text="Staff, or somebody of the community's cells; null: nobody."
    )


class AssigneeSerializer(serializers.Serializer[Any]):
    """An assignee of a report; staff have no ``function`` in an ``estate``."""

    id = serializers.UUIDField(source="user.pk", read_only=True)
    name = serializers.CharField(source="user.shown_name", read_only=True)
    function = serializers.ChoiceField(
        choices=CellMember.Function.choices, read_only=True, allow_null=True
    )
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)


class CommentSerializer(ReadSerializer[ReportComment]):
    """A comment. ``text`` is empty once it was erased."""

    author = ColleagueSerializer(read_only=True)

    class Meta:
        model = ReportComment
        fields = ("id", "text", "is_internal", "written_at")


class WriteCommentSerializer(serializers.Serializer[Any]):
    text = TextField(max_length=500)
    is_internal = serializers.BooleanField(default=False, help_text="Whether staff alone read it.")


class ReferralSerializer(ReadSerializer[ReportReferral]):
    """Where a report was passed on to: ``is_up`` to the street, else to a ``party`` in words."""

    sent_by = ColleagueSerializer(read_only=True)

    class Meta:
        model = ReportReferral
        fields = ("id", "is_up", "party", "note", "due_on", "sent_at", "answer", "answered_at")


class ForwardSerializer(serializers.Serializer[Any]):
    party = CharField(
        max_length=80, allow_blank=True, default="", help_text="Who; left out: up to the street."
    )
    note = TextField(max_length=200, allow_blank=True, default="")
    due_on = DateField(required=False, allow_null=True)


class ReferralAnswerSerializer(serializers.Serializer[Any]):
    answer = TextField(max_length=500)


class FormerWordsSerializer(ReadSerializer[FormerWords]):
    """Words that stood in a report or a comment before they were taken out."""

    taken_out_by = ColleagueSerializer(read_only=True)

    class Meta:
        model = FormerWords
        fields = ("id", "stood_in", "comment_id", "words", "taken_out_at")


class TakeOutSerializer(serializers.Serializer[Any]):
    words = TextField(max_length=200, help_text="Exactly as they stand there.")


class TimelineEntrySerializer(serializers.Serializer[Any]):
    """Something that happened to a report.

    ``what`` is the status it came to, or ``comment``, ``reopen``, ``assign``, ``colour``,
    ``pause``, ``resume``, ``escalate``, ``forward``, ``answer`` or ``redact``. ``facts`` are those
    of the audit trail. Both ``by`` and ``facts`` are for staff.
    """

    at = serializers.DateTimeField(read_only=True)
    what = serializers.CharField(read_only=True)
    text = serializers.CharField(read_only=True)
    is_internal = serializers.BooleanField(read_only=True)
    by = ColleagueSerializer(read_only=True, allow_null=True)
    facts = serializers.DictField(read_only=True)


class TimelineSerializer(serializers.Serializer[Any]):
    """Steps of a report and words about it, oldest first."""

    report_id = serializers.UUIDField(read_only=True)
    entries = TimelineEntrySerializer(many=True, read_only=True)


class MinutesSerializer(serializers.Serializer[Any]):
    """Minutes until each step is due; null: no clock. A step that is left out stays as it is."""

    acknowledge = IntegerField(min_value=1, max_value=MOST_MINUTES, allow_null=True, required=False)
    make_safe = IntegerField(min_value=1, max_value=MOST_MINUTES, allow_null=True, required=False)
    fix = IntegerField(min_value=1, max_value=MOST_MINUTES, allow_null=True, required=False)


class ClocksSerializer(serializers.Serializer[Any]):
    """The clocks of each colour. Those of red always run, the others in office hours."""

    red = MinutesSerializer(required=False)
    yellow = MinutesSerializer(required=False)
    blue = MinutesSerializer(required=False)


class ReportPolicySerializer(ReadSerializer[ReportPolicy]):
    """Decisions of a community about reports.

    Open reports within ``near_metres`` are shown to whoever reports. A closed or rejected one is
    opened again within ``reopen_days``. ``office_days`` are weekdays, Monday is 1. Whoever saw a
    thing is asked how it was dealt with ``survey_weeks`` after the fix; 0: nobody is.
    """

    community = CommunityInBriefSerializer(read_only=True)
    clocks = ClocksSerializer(read_only=True)
    office_from = TimeOfDayField(read_only=True)
    office_until = TimeOfDayField(read_only=True)

    class Meta:
        model = ReportPolicy
        fields = ("near_metres", "reopen_days", "survey_weeks", "office_days")


class ChangeReportPolicySerializer(serializers.Serializer[Any]):
    """Fields that are left out stay as they are; clocks are given all together."""

    near_metres = IntegerField(min_value=0, max_value=5_000)
    reopen_days = IntegerField(min_value=0, max_value=365)
    survey_weeks = IntegerField(min_value=0, max_value=52)
    clocks = ClocksSerializer()
    office_days = serializers.ListField(
        child=IntegerField(min_value=1, max_value=7), min_length=1, max_length=7
    )
    office_from = TimeOfDayField()
    office_until = TimeOfDayField()


# --- decisions --------------------------------------------------------------------------------
class StatusView(APIView):
    """Move a report on: ``POST /api/v1/reports/{report_id}/status``.

    Steps may be skipped, none is taken back. Staff and managers may do all; the leader and the
    worker of the report's cell ``accepted``, ``made_safe`` and ``fixed`` (else ``staff_only``).
    ``closed`` may earn; of a report that was opened again, its other ends take back what it earned.
    Refused as ``own_report`` to its reporter. Idempotent: a status that it has already changes
    nothing.
    """

    @writes(ClosedReportSerializer, WORKED_ON, body=MoveReportSerializer, needs_key=True)
    def post(
        self,
        user: User,
        report: Report,
        status: str,
        answer: str,
        duplicate_of_id: UUID | None = None,
    ) -> Report:
        if not BY_STATUS[status].by_cell and not selectors.is_staff_of(user, report):
            raise errors.StaffOnly
        if duplicate_of_id is not None:
            among = selectors.reports_watched_by(user).filter(community=report.community_id)
            original = among.filter(pk=duplicate_of_id).first()
            if original is None:
                raise errors.OriginalUnknown
            return handling.mark_duplicate(
                report=report, original=original, handler=user, answer=answer
            )
        step: Any = STEPS[status]
        done = step(report=report, handler=user, answer=answer)
        moved: Report = done[0] if isinstance(done, tuple) else done
        return moved


class ReopenView(APIView):
    """Open a closed or rejected report again: ``POST /api/v1/reports/{report_id}/reopen``.

    For its reporter and for staff, within the ``reopen_days`` of the community's report policy
    (``reopening_too_late``). The reason is a comment. A reward that was not paid yet is frozen, and
    a second closing earns nothing more. Idempotent.
    """

    @writes(
        ReportSerializer,
        seen(selectors.reports_answered_for_by, "report_id"),
        body=ReasonSerializer,
        needs_key=True,
    )
    def post(self, user: User, report: Report, reason: str) -> Report:
        return handling.reopen(report=report, reopener=user, reason=reason)


class VoidView(APIView):
    """Void a closed report, with a reason: ``POST /api/v1/reports/{report_id}/void``.

    For staff other than who closed it. Takes back what it earned; what was spent of it is repaid
    by what the reporter earns next, who gets a notice. Idempotent: keeps the first reason.
    """

    @writes(ReportSerializer, HANDLED, body=ReasonSerializer, needs_key=True)
    def post(self, user: User, report: Report, **facts: Any) -> Report:
        return handling.void(report=report, voider=user, **facts)


class ColourView(APIView):
    """Change how urgent an open report is: ``POST /api/v1/reports/{report_id}/colour``.

    For staff and managers. Its clocks follow. ``already_earned`` once it was closed. Idempotent.
    """

    @writes(ReportSerializer, HANDLED, body=ColourSerializer)
    def post(self, user: User, report: Report, **facts: Any) -> Report:
        return deadlines.change_colour(report=report, handler=user, **facts)


class AssignView(APIView):
    """Give an open report to somebody: ``POST /api/v1/reports/{report_id}/assign``.

    For staff and managers; to staff, or to somebody with a function in the community's cells
    (``assignee_unfit``), who may then read it even if it is confidential. Idempotent.
    """

    @writes(ReportSerializer, HANDLED, body=AssignSerializer)
    def post(self, user: User, report: Report, assignee_id: UUID | None) -> Report:
        assignee = None if assignee_id is None else person_to_appoint(assignee_id)
        return routing.assign(report=report, handler=user, assignee=assignee)


class AssigneesView(APIView):
    """List to whom a report may be given: ``GET /api/v1/reports/{report_id}/assignees``.

    For staff and managers: by name, the staff of the report's places first, then people of the
    community's cells.
    """

    @extend_schema(responses=AssigneeSerializer(many=True))
    def get(self, request: Request, **named: Any) -> Response:
        report: Any = HANDLED(request, **named)
        found = selectors.assignees_of(report)
        return Response(AssigneeSerializer(found, many=True).data)


class PauseView(APIView):
    """Stop an open report's clocks, with a reason: ``POST /api/v1/reports/{report_id}/pause``.

    For staff and its cell. ``clock_status_wrong`` if they stand still already.
    """

    @writes(ReportSerializer, WORKED_ON, body=ReasonSerializer)
    def post(self, user: User, report: Report, **facts: Any) -> Report:
        return deadlines.pause(report=report, handler=user, **facts)


class ResumeView(APIView):
    """Let an open report's clocks run on: ``POST /api/v1/reports/{report_id}/resume``.

    For staff and its cell. ``clock_status_wrong`` if they run.
    """

    @writes(ReportSerializer, WORKED_ON)
    def post(self, user: User, report: Report) -> Report:
        return deadlines.resume(report=report, handler=user)


# --- words ------------------------------------------------------------------------------------
def _commented(request: Request, **named: Any) -> Any:
    """Find a report on which the caller may comment: theirs, or one that they work on."""
    report = selectors.reports_of(signed_in(request)).filter(pk=named["report_id"]).first()
    return report or WORKED_ON(request, **named)


class CommentView(APIView):
    """Comment on a report: ``POST /api/v1/reports/{report_id}/comments``.

    For its reporter, staff and its cell. Everybody reads what staff do not keep internal; what the
    reporter writes is for staff. All of it is read in the timeline.
    """

    @writes(
        CommentSerializer,
        _commented,
        body=WriteCommentSerializer,
        shows=below(_commented, selectors.comments_on),
        needs_key=True,
        status=201,
    )
    def post(self, user: User, report: Report, **facts: Any) -> ReportComment:
        return wording.comment(report=report, author=user, **facts)


class FormerWordsListView(ListView[FormerWords]):
    """List what stood in a report: ``GET /api/v1/reports/{report_id}/redactions``.

    For managers and auditors, newest first; empty once it was erased.
    """

    serializer_class = FormerWordsSerializer
    finds = below(seen(selectors.reports_audited_by, "report_id"), selectors.former_words_of)

    @writes(
        ReportSerializer,
        seen(selectors.reports_answered_for_by, "report_id"),
        body=TakeOutSerializer,
        needs_key=True,
    )
    def post(self, user: User, report: Report, words: str) -> Report:
        """Take words out of a report and its comments.

        ``POST /api/v1/reports/{report_id}/redactions``. Each character becomes a █, wherever the
        words stand. For its reporter, in the text, the place and their own comments; for staff,
        also in the answer and all comments. ``words_not_found`` if they stand nowhere.
        """
        wording.take_out(report=report, by=user, words=words)
        report.refresh_from_db()
        return report


class FormerWordsView(OpenView[FormerWords]):
    """Open one of them: ``GET /api/v1/reports/{report_id}/redactions/{redaction_id}``."""

    serializer_class = FormerWordsSerializer
    finds = below(
        seen(selectors.reports_audited_by, "report_id"),
        selectors.former_words_of,
        "redaction_id",
    )


class ReferralListView(ListView[ReportReferral]):
    """List where a report was passed on to: ``GET /api/v1/reports/{report_id}/referrals``.

    For staff, auditors and its cell, newest first.
    """

    serializer_class = ReferralSerializer
    finds = below(seen(selectors.reports_watched_by, "report_id"), selectors.referrals_of)

    @writes(ReferralSerializer, HANDLED, body=ForwardSerializer, creates=selectors.referrals_of)
    def post(self, user: User, report: Report, **facts: Any) -> ReportReferral:
        """Pass an open report on: ``POST /api/v1/reports/{report_id}/referrals``.

        For staff and managers. Its status stays. ``no_street`` if there is none above. Answers with
        the first referral as long as that party has not answered.
        """
        return routing.forward(report=report, handler=user, **facts)


class ReferralView(OpenView[ReportReferral]):
    """Open one of them: ``GET /api/v1/reports/{report_id}/referrals/{referral_id}``."""

    serializer_class = ReferralSerializer
    finds = below(
        seen(selectors.reports_watched_by, "report_id"), selectors.referrals_of, "referral_id"
    )


class ReferralAnswerView(APIView):
    """Note an answer: ``POST /api/v1/reports/{report_id}/referrals/{referral_id}/answer``.

    For staff and managers. ``referral_answered`` if another answer was noted.
    """

    @writes(
        ReferralSerializer,
        below(HANDLED, selectors.referrals_of, "referral_id"),
        body=ReferralAnswerSerializer,
    )
    def post(self, user: User, referral: ReportReferral, answer: str) -> ReportReferral:
        return routing.note_answer(referral=referral, handler=user, answer=answer)


# --- the timeline -----------------------------------------------------------------------------
class TimelineView(APIView):
    """Show what happened to a report: ``GET /api/v1/reports/{report_id}/timeline``.

    Staff, auditors and its cell read all; its reporter the steps, what staff wrote for the public,
    and their own comments.
    """

    @extend_schema(responses=TimelineSerializer)
    def get(self, request: Request, **named: Any) -> Response:
        user, report = signed_in(request), SEEN(request, **named)
        assert isinstance(report, Report)
        reading.note_reading(reader=user, reports=[report])
        told = timeline.told_to(user, report)
        return Response(TimelineSerializer({"report_id": report.pk, "entries": told}).data)


@from_replica
class PublicTimelineView(APIView):
    """Show a report's steps and what staff wrote for the public.

    ``GET /api/v1/communities/{code}/reports/{report_id}/timeline``. Public.
    """

    permission_classes = (AllowAny,)

    @extend_schema(responses=TimelineSerializer)
    def get(self, request: Request, **named: Any) -> Response:
        report = below(tenant, selectors.public_reports, "report_id")(request, **named)
        assert isinstance(report, Report)
        told = timeline.told_to(None, report)
        return Response(TimelineSerializer({"report_id": report.pk, "entries": told}).data)


# --- what a community decides -----------------------------------------------------------------
def _policy(request: Request, **names: Any) -> ReportPolicy:
    return selectors.policy_of(community(WATCHES_OVER)(request, **names))


def _managed_policy(request: Request, **names: Any) -> ReportPolicy:
    return selectors.policy_of(managed_community(request, **names))


class ReportPolicyView(OpenView[ReportPolicy]):
    """Show what a community decides: ``GET /api/v1/communities/{code}/report-policy``.

    For staff, managers and auditors.
    """

    serializer_class = ReportPolicySerializer
    finds = _policy

    @writes(
        ReportPolicySerializer,
        managed_community,
        body=ChangeReportPolicySerializer,
        shows=_managed_policy,
    )
    def patch(self, user: User, place: Community, **changes: Any) -> ReportPolicy:
        """Change it: ``PATCH /api/v1/communities/{code}/report-policy``. For managers.

        New clocks count for a report from its next step on. ``office_hours_invalid`` if the office
        would close before it opens.
        """
        return deadlines.change_policy(community=place, by=user, changes=changes)
