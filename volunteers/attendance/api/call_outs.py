"""Call-outs for volunteers."""

from typing import Any

from rest_framework import serializers
from rest_framework.views import APIView

from backend.accounts.api.serializers import PersonSerializer
from backend.accounts.models import User
from backend.api.fields import CharField, MarkField
from backend.api.filters import BooleanFilter, PeriodFilter, TextFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer
from volunteers.activities.api.shifts import ShiftInBriefSerializer
from volunteers.activities.models import Shift
from volunteers.activities.selectors import shifts_handled_by, shifts_watched_by, team_in
from volunteers.attendance import selectors
from volunteers.attendance.models.places import CallOut
from volunteers.attendance.services import call_outs
from volunteers.people.models import Volunteer
from volunteers.people.selectors import estate_in
from volunteers.teams.api import TeamInBriefSerializer


class MakeCallOutSerializer(serializers.Serializer[Any]):
    """A call-out. Without any of the conditions it is to all volunteers of the community."""

    message = CharField(max_length=200, help_text="What people read of it.")
    team_id = serializers.UUIDField(required=False, allow_null=True, help_text="Only its members.")
    estate_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="Only people who live or ride there."
    )
    kind = serializers.ChoiceField(choices=Volunteer.Kind.choices, required=False)
    skill = CharField(max_length=20, required=False, help_text="Only people who have this skill.")


class CallOutSerializer(ReadSerializer[CallOut]):
    """A call-out and whom it told: ``told`` people."""

    community = CommunityInBriefSerializer(read_only=True)
    shift = ShiftInBriefSerializer(read_only=True)
    team = TeamInBriefSerializer(read_only=True, allow_null=True)
    estate = CommunityInBriefSerializer(read_only=True, allow_null=True)
    kind = MarkField(choices=Volunteer.Kind.choices)
    called_by = PersonSerializer(read_only=True)

    class Meta:
        model = CallOut
        fields = ("id", "message", "skill", "told", "called_at", "ended_at")


class CallOutFilter(PeriodFilter):
    moment = "called_at"
    ended = BooleanFilter(
        field_name="ended_at", lookup_expr="isnull", exclude=True, label="Whether it has ended."
    )
    text = TextFilter(
        "message",
        "shift__activity__title",
        help_text="Part of the message or the activity's title.",
    )


class ShiftCallOutsView(ListView[CallOut]):
    """List the call-outs for a shift, newest first: ``GET /api/v1/shifts/{shift_id}/call-outs``.

    For staff, managers and auditors.
    """

    serializer_class = CallOutSerializer
    finds = below(seen(shifts_watched_by, "shift_id"), selectors.call_outs_at)

    @writes(
        CallOutSerializer,
        seen(shifts_handled_by, "shift_id"),
        body=MakeCallOutSerializer,
        creates=selectors.call_outs_at,
    )
    def post(
        self,
        user: User,
        shift: Shift,
        *,
        team_id: Any = None,
        estate_id: Any = None,
        **facts: Any,
    ) -> CallOut:
        """Call out volunteers for a shift: ``POST /api/v1/shifts/{shift_id}/call-outs``.

        Tells everybody who could come; the first who sign up are in, and the others may wait.
        People who have a place or wait, are in another shift then, or are too young, are not
        called.
        """
        if team_id:
            facts["team"] = team_in(shift.community_id, team_id)
        if estate_id:
            facts["estate"] = estate_in(shift.community, estate_id)
        return call_outs.call_out(shift=shift, called_by=user, **facts)


class CallOutListView(ListView[CallOut]):
    """List call-outs where I am staff or auditor, newest first: ``GET /api/v1/call-outs``."""

    serializer_class = CallOutSerializer
    filterset_class = CallOutFilter
    finds = seen(selectors.call_outs_watched_by)


class CallOutView(OpenView[CallOut]):
    """Open a call-out: ``GET /api/v1/call-outs/{call_out_id}``."""

    serializer_class = CallOutSerializer
    finds = seen(selectors.call_outs_watched_by, "call_out_id")


class EndCallOutView(APIView):
    """End a call-out: ``POST /api/v1/call-outs/{call_out_id}/end``.

    Whoever was not told yet is not told any more. Idempotent.
    """

    @writes(CallOutSerializer, seen(selectors.call_outs_handled_by, "call_out_id"))
    def post(self, user: User, call_out: CallOut) -> CallOut:
        return call_outs.end(call_out=call_out, ended_by=user)
