"""Around a report that is being made: near ones, relaying, adding, withdrawing, confirming."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.fields import CharField
from backend.api.parsers import JSONParser, PhotoFormParser
from backend.api.views import below, seen, writes
from backend.communities.api.serializers import ReasonSerializer
from backend.communities.api.shown import reached_place, tenant
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Community, CoordType
from backend.communities.selectors import HANDLES
from volunteers.attendance.positions import Position
from volunteers.people.selectors import estate_in, volunteers_in
from volunteers.reports import selectors
from volunteers.reports.api.handling import HANDLED
from volunteers.reports.api.public import PublicReportSerializer
from volunteers.reports.api.reports import (
    ReportSerializer,
    SubmitReportFormSerializer,
    SubmitReportSerializer,
)
from volunteers.reports.models.reports import Report, Source
from volunteers.reports.near import near
from volunteers.reports.services import confirming, correcting, screening, submitting

MINE = seen(selectors.reports_of, "report_id")


class PlaceSerializer(serializers.Serializer[Any]):
    """A category and where somebody stands: all three, or nothing is near."""

    category = serializers.SlugField(max_length=40, required=False)
    latitude = serializers.FloatField(min_value=-90, max_value=90, required=False)
    longitude = serializers.FloatField(min_value=-180, max_value=180, required=False)
    coord_type = serializers.ChoiceField(choices=CoordType.choices, default=CoordType.WGS84)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        missing = [name for name in ("category", "latitude", "longitude") if name not in attrs]
        if 0 < len(missing) < 3:
            required = self.fields[missing[0]].error_messages["required"]
            raise serializers.ValidationError(
                {name: [required] for name in missing}, code="required"
            )
        return attrs


class NearReportSerializer(PublicReportSerializer):
    """An open report near a place, and how many metres away it is."""

    metres = serializers.SerializerMethodField()

    def get_metres(self, report: Report) -> int:
        metres: int = self.context["metres"][report.pk]
        return metres


class PhotosSerializer(serializers.Serializer[Any]):
    """Photos to add to a report."""

    photos = serializers.ListField(
        child=serializers.FileField(),
        min_length=1,
        help_text="JPEG, PNG or WebP images; a report has nine at most.",
    )


class WithdrawSerializer(serializers.Serializer[Any]):
    """Why a report is withdrawn, if its reporter says."""

    reason = CharField(max_length=200, required=False, allow_blank=True)


class NearReportsView(APIView):
    """List open reports near a place, nearest first: ``GET …/communities/{code}/reports/near``.

    For volunteers, before they report it as well: 20 at most, of one ``category``, within the
    community's ``near_metres``. Never confidential ones, nor those of children.
    """

    @extend_schema(parameters=[PlaceSerializer], responses=NearReportSerializer(many=True))
    def get(self, request: Request, **names: Any) -> Response:
        community = tenant(request, **names)
        if not volunteers_in(community).filter(user=signed_in(request)).exists():
            raise NotAVolunteerHere
        asked = PlaceSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        place = dict(asked.validated_data)
        category = place.pop("category", "")
        metres = near(community, category, Position(**place)) if category else {}
        rows = selectors.public_reports(community).in_bulk(list(metres))
        found = [rows[pk] for pk in metres if pk in rows]
        context = PublicReportSerializer.context_of(*found) | {"metres": metres}
        return Response(NearReportSerializer(found, many=True, context=context).data)


class RelayReportView(APIView):
    """Report what somebody says by phone or in person.

    ``POST /api/v1/communities/{code}/reports/relayed``. For staff and managers of the community or
    estate that ``code`` names. The report has no reporter, and earns nothing. Who told it is not
    kept: what staff need to find them again they write down elsewhere.
    """

    parser_classes = (JSONParser, PhotoFormParser)

    @extend_schema(
        request={
            JSONParser.media_type: SubmitReportSerializer,
            PhotoFormParser.media_type: SubmitReportFormSerializer,
        }
    )
    @writes(
        ReportSerializer,
        reached_place(HANDLES),
        body=SubmitReportFormSerializer,
        shows=seen(selectors.reports_handled_by),
        needs_key=True,
        status=201,
    )
    def post(self, user: User, desk: Community, **facts: Any) -> Report:
        is_estate = desk.kind != Community.Kind.COMMUNITY
        community = desk.parent if is_estate else desk
        assert community is not None
        facts["estate"] = desk if is_estate else None
        if (estate_id := facts.pop("estate_id", None)) and not is_estate:
            facts["estate"] = estate_in(community, estate_id)
        return submitting.submit(
            community=community, reporter=None, source=Source.RELAYED, relayed_by=user, **facts
        )


class AddPhotosView(APIView):
    """Add photos to my report until it is accepted: ``POST /api/v1/reports/{report_id}/photos``."""

    parser_classes = (PhotoFormParser,)

    @extend_schema(request={PhotoFormParser.media_type: PhotosSerializer})
    @writes(ReportSerializer, MINE, body=PhotosSerializer, needs_key=True)
    def post(self, user: User, report: Report, photos: list[Any]) -> Report:
        return correcting.add_photos(report=report, reporter=user, photos=photos)


class WithdrawView(APIView):
    """Withdraw my report until it is accepted: ``POST /api/v1/reports/{report_id}/withdraw``.

    Idempotent.
    """

    @writes(ReportSerializer, MINE, body=WithdrawSerializer)
    def post(self, user: User, report: Report, **facts: Any) -> Report:
        return correcting.withdraw(report=report, reporter=user, **facts)


class ConfirmView(APIView):
    """Say "me too": ``POST /api/v1/communities/{code}/reports/{report_id}/confirm``.

    For volunteers, about an open report of somebody else. Idempotent.
    """

    @writes(PublicReportSerializer, below(tenant, selectors.public_reports, "report_id"))
    def post(self, user: User, report: Report) -> Report:
        confirming.confirm(report=report, confirmer=user)
        return report


class ReleaseView(APIView):
    """Show a report that the safety check holds back: ``POST …/reports/{report_id}/release``.

    For staff and managers, who say why.
    """

    @writes(ReportSerializer, HANDLED, body=ReasonSerializer, needs_key=True)
    def post(self, user: User, report: Report, reason: str) -> Report:
        return screening.release(report=report, by=user, reason=reason)
