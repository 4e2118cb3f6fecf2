"""Hours that await verification, and what is said against decisions on them."""

from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.http import Http404
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.api.serializers import PersonSerializer
from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.exceptions import problem_of
from backend.api.fields import CharField, DateTimeField, IntegerField, TextField
from backend.api.filters import (
    BooleanFilter,
    CharFilter,
    PeriodFilter,
    PersonFilter,
    TextFilter,
)
from backend.api.paging import CursorPagination
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer, ReasonSerializer
from backend.communities.api.shown import in_community, where_known
from backend.communities.models import Community
from backend.communities.selectors import BELONGS
from backend.errors import Refusal
from backend.tables import none_of
from volunteers.activities.api.shifts import ShiftInBriefSerializer
from volunteers.attendance import selectors
from volunteers.attendance.api.attendances import (
    MARKED,
    MINE,
    AttendanceFilter,
    AttendanceSerializer,
)
from volunteers.attendance.models.attendances import Attendance, Signal
from volunteers.attendance.models.objections import Correction, Evaluation, Objection
from volunteers.attendance.services import corrections, evaluations, hours, objections

VERIFIED, REJECTED = "verified", "rejected"


# --- shapes -----------------------------------------------------------------------------------
class CorrectionSerializer(ReadSerializer[Correction]):
    """Times before a correction and after it."""

    class Meta:
        model = Correction
        fields = (
            "was_in_at",
            "was_out_at",
            "checked_in_at",
            "checked_out_at",
            "reason",
            "corrected_at",
        )


class EvaluationSerializer(ReadSerializer[Evaluation]):
    """How service was. ``is_relayed``: as staff were told by the person served."""

    class Meta:
        model = Evaluation
        fields = ("stars", "words", "is_relayed", "given_at")


class OwnObjectionSerializer(ReadSerializer[Objection]):
    """An appeal of mine, or an objection to somebody else's published hours."""

    attendance_id = serializers.UUIDField(read_only=True)

    class Meta:
        model = Objection
        fields = ("id", "is_appeal", "words", "raised_at", "status", "decided_at", "answer")


class ObjectionSerializer(OwnObjectionSerializer):
    """An appeal or objection as staff see it."""

    community = CommunityInBriefSerializer(read_only=True)
    shift = ShiftInBriefSerializer(source="attendance.shift", read_only=True)
    volunteer = PersonSerializer(source="attendance.volunteer", read_only=True)
    raised_by = PersonSerializer(read_only=True)


class AttendanceInFullSerializer(AttendanceSerializer):
    """An attendance with its corrections, the volunteer's appeal, and how the service was."""

    corrections = CorrectionSerializer(many=True, read_only=True)
    appeal = OwnObjectionSerializer(read_only=True, allow_null=True)
    evaluation = EvaluationSerializer(read_only=True, allow_null=True)

    @classmethod
    def context_of(cls, *attendances: Attendance) -> dict[str, Any]:
        selectors.prefetch_what_became(attendances)
        return super().context_of(*attendances)


class HoursToVerifySerializer(AttendanceInFullSerializer):
    """An attendance that awaits verification, with what to look at. ``signals`` are no verdicts.

    ``signals`` is null until they were looked for, a minute after the check-out.
    """

    class Meta(AttendanceSerializer.Meta):
        fields = (*AttendanceSerializer.Meta.fields, "signals")


class DecideManySerializer(serializers.Serializer[Any]):
    """A decision on many attendances."""

    attendance_ids = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=hours.AT_ONCE
    )
    outcome = serializers.ChoiceField(choices=[(VERIFIED, VERIFIED), (REJECTED, REJECTED)])
    reason = TextField(
        max_length=200,
        required=False,
        help_text="Required for a rejection: the volunteer reads it.",
    )

    def validate(self, attrs: Any) -> Any:
        if attrs["outcome"] == REJECTED and "reason" not in attrs:
            required = self.fields["reason"].error_messages["required"]
            raise serializers.ValidationError({"reason": required}, code="required")
        return attrs


class DecidedSerializer(serializers.Serializer[Any]):
    """Result of one of them: ``outcome`` is its status now, or a refusal's code.

    ``problem`` is the refusal as the error of a decision on it alone would be; null if decided.
    """

    attendance_id = serializers.UUIDField(read_only=True)
    outcome = serializers.CharField(read_only=True)
    points = serializers.IntegerField(read_only=True, allow_null=True)
    problem = serializers.DictField(read_only=True, allow_null=True)


class DecidedManySerializer(serializers.Serializer[Any]):
    results = DecidedSerializer(many=True, read_only=True)


class CorrectSerializer(ReasonSerializer):
    """Times as they were, and why they are corrected."""

    checked_in_at = DateTimeField()
    checked_out_at = DateTimeField()


class WordsSerializer(serializers.Serializer[Any]):
    words = TextField(max_length=500)


class DecideObjectionSerializer(ReasonSerializer):
    """A decision on an appeal or objection, and the reason that whoever raised it reads."""

    is_upheld = serializers.BooleanField()


class EvaluateSerializer(serializers.Serializer[Any]):
    stars = IntegerField(min_value=1, max_value=5)
    words = CharField(max_length=200, required=False)


class PublishedHoursSerializer(ReadSerializer[Attendance]):
    """Hours that are public, with the volunteer's name masked."""

    shift = ShiftInBriefSerializer(read_only=True)
    volunteer = serializers.CharField(source="volunteer.masked_name", read_only=True)

    class Meta:
        model = Attendance
        fields = ("id", "checked_in_at", "checked_out_at", "worked_minutes", "published_until")


class ServiceReceivedSerializer(ReadSerializer[Attendance]):
    """Service that I received, with the volunteer's name masked, and my evaluation of it."""

    community = CommunityInBriefSerializer(read_only=True)
    shift = ShiftInBriefSerializer(read_only=True)
    volunteer = serializers.CharField(source="volunteer.masked_name", read_only=True)
    evaluation = EvaluationSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Attendance
        fields = ("id", "checked_in_at", "checked_out_at", "worked_minutes")

    @classmethod
    def context_of(cls, *attendances: Attendance) -> dict[str, Any]:
        selectors.prefetch_what_became(attendances)
        return {}


class HoursToVerifyFilter(AttendanceFilter):
    status = None
    team = filters.UUIDFilter(field_name="shift__activity__team", help_text="A team's id.")
    category = CharFilter(field_name="shift__activity__category")
    venue = filters.UUIDFilter(field_name="shift__activity__venue", help_text="A venue's id.")
    signal = filters.ChoiceFilter(
        choices=Signal.choices, method="with_signal", help_text="A reason to look closer."
    )
    backfilled = BooleanFilter(field_name="is_backfilled", label="Whether from paper.")
    appealed = BooleanFilter(method="with_appeal", label="Whether back after an appeal.")

    def with_signal(self, found: Any, name: str, value: str) -> Any:
        return found.filter(signals__contains=[value])

    def with_appeal(self, found: Any, name: str, value: bool) -> Any:
        appeals = Objection.objects.filter(
            community=OuterRef("community"), attendance=OuterRef("pk"), is_appeal=True
        )
        return found.filter(Exists(appeals) if value else none_of(appeals))


class ObjectionFilter(PeriodFilter):
    moment = "raised_at"
    status = filters.ChoiceFilter(choices=Objection.Status.choices)
    appeal = BooleanFilter(field_name="is_appeal", label="Whether an appeal.")
    attendance = filters.UUIDFilter(help_text="An attendance's id.")
    person = PersonFilter("attendance__volunteer", help_text="The volunteer's id.")
    text = TextFilter(
        "words",
        "attendance__volunteer__name",
        "attendance__shift__activity__title",
        help_text="Part of the words, the volunteer's name or the activity's title.",
    )


class OldestFirst(CursorPagination):
    max_page_size = hours.AT_ONCE  # a page is decided on at once
    ordering = ("checked_out_at", "id")  # type: ignore[assignment]


class NewestPublished(CursorPagination):
    ordering = ("-published_until", "-id")  # type: ignore[assignment]


class AttendanceView(OpenView[Attendance]):
    """Open an attendance, mine or as staff: ``GET /api/v1/attendances/{attendance_id}``."""

    serializer_class = AttendanceInFullSerializer
    finds = seen(selectors.attendances_seen_by, "attendance_id")


# --- the queue --------------------------------------------------------------------------------
_VERIFIED = below(seen(selectors.communities_verified_by), lambda places: places, "code", by="code")


def _waiting(request: Request, **names: Any) -> Any:
    """Find the attendances of a community that await the caller's verification."""
    community: Any = _VERIFIED(request, **names)
    return selectors.hours_to_verify(signed_in(request), community)


_waiting.place = _VERIFIED  # type: ignore[attr-defined]  # as backend/api/views.py says


class HoursToVerifyView(ListView[Attendance]):
    """List hours that await verification: ``GET /api/v1/communities/{code}/hours-to-verify``.

    Those that ended first come first. For staff and managers, each within their reach.
    """

    serializer_class = HoursToVerifySerializer
    filterset_class = HoursToVerifyFilter
    pagination_class = OldestFirst
    finds = _waiting

    # No key is kept: whatever was decided is answered with again.
    @writes(
        DecidedManySerializer,
        _VERIFIED,
        body=DecideManySerializer,
        keeps=False,
    )
    def post(
        self,
        user: User,
        community: Community,
        attendance_ids: list[UUID],
        outcome: str,
        reason: str = "",
    ) -> Any:
        """Verify or reject up to 200: ``POST /api/v1/communities/{code}/hours-to-verify``.

        The answer has the result of each, in the order given. A refused one has the refusal's code
        as its ``outcome`` and does not affect the others; ``not_found`` is one that the caller may
        not decide on. Idempotent.
        """
        handled = selectors.attendances_handled_by(user).filter(community=community)
        known = handled.in_bulk(attendance_ids)
        asked = [known[pk] for pk in dict.fromkeys(attendance_ids) if pk in known]
        facts: Any = {"community": community, "attendances": asked, "verifier": user}
        decided: list[Any]
        if outcome == VERIFIED:
            decided = [_verified(one) for one in hours.verify_many(**facts)]
        else:
            decided = [_told(one) for one in hours.reject_many(**facts, reason=reason)]
        told = {one.pk: result for one, result in zip(asked, decided, strict=True)}
        missing = _refused(Http404())
        return {
            "results": [{"attendance_id": pk, **told.get(pk, missing)} for pk in attendance_ids]
        }


class HoursToVerifyOneView(OpenView[Attendance]):
    """Open hours that await verification.

    ``GET /api/v1/communities/{code}/hours-to-verify/{attendance_id}``
    """

    serializer_class = HoursToVerifySerializer
    finds = below(_waiting, lambda waiting: waiting, "attendance_id")


def _verified(outcome: Any) -> dict[str, Any]:
    if isinstance(outcome, Refusal):
        return _refused(outcome)
    attendance, award = outcome
    return _told(attendance, award.amount if award else None)


def _told(outcome: Any, points: int | None = None) -> dict[str, Any]:
    if isinstance(outcome, Refusal):
        return _refused(outcome)
    return {"outcome": outcome.status, "points": points, "problem": None}


def _refused(refusal: Exception) -> dict[str, Any]:
    problem = problem_of(refusal)
    assert problem is not None
    return {"outcome": problem["code"], "points": None, "problem": problem}


class CorrectView(APIView):
    """Correct an attendance's times: ``POST /api/v1/attendances/{attendance_id}/correct``.

    Before verification, by staff or the team's leader, but not the volunteer, who is told. Minutes
    are counted anew, and whoever corrected them does not verify them. Both times stay on record.
    Idempotent.
    """

    @writes(AttendanceInFullSerializer, MARKED, body=CorrectSerializer)
    def post(self, user: User, attendance: Attendance, **facts: Any) -> Attendance:
        return corrections.correct(attendance=attendance, corrected_by=user, **facts)


# --- appeals and objections -------------------------------------------------------------------
OWN_OBJECTIONS = seen(selectors.objections_by)


class AppealView(APIView):
    """Appeal, once, my rejection or no-show: ``POST /api/v1/attendances/{attendance_id}/appeal``.

    Somebody else than who rejected it decides. Idempotent: keeps the first words.
    """

    @writes(OwnObjectionSerializer, MINE, body=WordsSerializer, shows=OWN_OBJECTIONS)
    def post(self, user: User, attendance: Attendance, words: str) -> Any:
        return objections.appeal(attendance=attendance, words=words)


class PublishedHoursView(ListView[Attendance]):
    """List hours that are public: ``GET /api/v1/communities/{code}/published-hours``.

    For everybody who belongs to the community. Names are masked.
    """

    serializer_class = PublishedHoursSerializer
    pagination_class = NewestPublished
    finds = in_community(BELONGS, selectors.hours_published_in)


class PublishedHoursOneView(OpenView[Attendance]):
    """Open hours that are public.

    ``GET /api/v1/communities/{code}/published-hours/{attendance_id}``
    """

    serializer_class = PublishedHoursSerializer
    finds = in_community(BELONGS, selectors.hours_published_in, "attendance_id")


class ObjectView(APIView):
    """Object to published hours: ``POST /api/v1/attendances/{attendance_id}/object``.

    The hours wait until somebody else than who verified them has decided. The volunteer does not
    learn who objected. Idempotent: keeps the first words.
    """

    @writes(
        OwnObjectionSerializer,
        seen(selectors.hours_objected_to_by, "attendance_id"),
        body=WordsSerializer,
        within=where_known,
        shows=OWN_OBJECTIONS,
    )
    def post(self, user: User, attendance: Attendance, words: str) -> Any:
        return objections.object_to(attendance=attendance, objector=user, words=words)


class ObjectionListView(ListView[Objection]):
    """List appeals and objections where I am staff or auditor: ``GET /api/v1/objections``."""

    serializer_class = ObjectionSerializer
    filterset_class = ObjectionFilter
    finds = seen(selectors.objections_watched_by)


class MyObjectionListView(ListView[Objection]):
    """List my appeals and objections, newest first: ``GET /api/v1/me/objections``."""

    serializer_class = OwnObjectionSerializer
    finds = seen(selectors.objections_by)


class ObjectionView(OpenView[Objection]):
    """Open an appeal or objection as staff: ``GET /api/v1/objections/{objection_id}``."""

    serializer_class = ObjectionSerializer
    finds = seen(selectors.objections_watched_by, "objection_id")


class MyObjectionView(OpenView[Objection]):
    """Open my appeal or objection: ``GET /api/v1/me/objections/{objection_id}``."""

    serializer_class = OwnObjectionSerializer
    finds = seen(selectors.objections_by, "objection_id")


class DecideObjectionView(APIView):
    """Decide on an appeal or objection: ``POST /api/v1/objections/{objection_id}/decision``.

    For staff other than who decided on the hours before. An upheld appeal puts the record back
    among those to be verified; an upheld objection rejects the hours. Idempotent.
    """

    @writes(
        ObjectionSerializer,
        seen(selectors.objections_handled_by, "objection_id"),
        body=DecideObjectionSerializer,
    )
    def post(self, user: User, objection: Objection, **facts: Any) -> Any:
        objections.decide(objection=objection, decider=user, **facts)
        return selectors.objections_handled_by(user).get(
            community=objection.community_id, pk=objection.pk
        )


# --- evaluations ------------------------------------------------------------------------------
class ServiceReceivedView(ListView[Attendance]):
    """List service that I received, newest first: ``GET /api/v1/me/service-received``."""

    serializer_class = ServiceReceivedSerializer
    finds = seen(selectors.attendances_serving)


class ServiceReceivedOneView(OpenView[Attendance]):
    """Open service that I received: ``GET /api/v1/me/service-received/{attendance_id}``."""

    serializer_class = ServiceReceivedSerializer
    finds = seen(selectors.attendances_serving, "attendance_id")


class EvaluateView(APIView):
    """Say how service was: ``POST /api/v1/attendances/{attendance_id}/evaluation``.

    Once, as the person served or, relayed, as staff. Idempotent.
    """

    @writes(
        EvaluationSerializer,
        seen(selectors.attendances_evaluated_by, "attendance_id"),
        within=where_known,
        body=EvaluateSerializer,
        shows=seen(selectors.evaluations_by),
    )
    def post(self, user: User, attendance: Attendance, **facts: Any) -> Any:
        return evaluations.evaluate(attendance=attendance, by=user, **facts)
