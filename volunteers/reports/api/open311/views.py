"""Open311 GeoReport v2 at ``/open311/v2/``: the protocol's own addresses, fields and errors.

Unknown parameters are ignored, as the specification wants. What the public does not see is not read
here either: no words of a reporter, no photo, no place finer than a kilometre.
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.generic import View
from rest_framework import serializers

from backend import days
from backend.accounts.claims import SECOND_FACTOR
from backend.accounts.models import User
from backend.api.authentication import person_of
from backend.api.exceptions import status_of
from backend.api.fields import CharField, TextField
from backend.communities.models import Community
from backend.communities.selectors import tenants
from backend.errors import Refusal
from volunteers.attendance.positions import Position, wgs84
from volunteers.reports import categories, errors, selectors
from volunteers.reports.api.open311.rendering import FORMATS, Refused, answer, refusal
from volunteers.reports.models.open311 import Open311Request
from volunteers.reports.models.reports import Report
from volunteers.reports.questions import QuestionKind
from volunteers.reports.services import open311

AT_MOST, LONGEST = 1000, timedelta(days=90)  # requests in one answer, and between their dates
DATATYPES = {
    QuestionKind.TEXT: "string",
    QuestionKind.CHOICE: "singlevaluelist",
    QuestionKind.NUMBER: "number",
    QuestionKind.YES_NO: "singlevaluelist",
}
YES_NO = {"true": True, "false": False}


class Open311View(View):
    """View that answers refusals as the specification writes errors, in the format asked for."""

    def dispatch(self, request: HttpRequest, *args: Any, **named: Any) -> Any:
        form = named["form"]
        if form not in FORMATS:
            return refusal("json", Refused(404, gettext("This format is not offered.")))
        try:
            return super().dispatch(request, *args, **named)
        except Refused as refused:
            return refusal(form, refused)
        except Refusal as refused:
            code = status_of(type(refused)) or 400
            return refusal(form, Refused(code, _described(refused)))

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **named: Any) -> Any:
        refused = Refused(405, gettext("This can not be done at this address."))
        answered = refusal(named["form"], refused)
        known = [name.upper() for name in self.http_method_names if hasattr(self, name)]
        answered["Allow"] = ", ".join(known)
        return answered


def _described(refused: Refusal) -> str:
    facts = "; ".join(f"{name}: {fact}" for name, fact in refused.facts.items())
    return f"{refused.title} {facts}".strip()


def _jurisdiction(told: Any) -> Community:
    """Return the community that ``jurisdiction_id`` names, or the only one there is."""
    if code := told.get("jurisdiction_id"):
        found: Community | None = tenants().filter(code=code).first()
        if found is None:
            raise Refused(404, gettext("jurisdiction_id: There is no such community."))
        return found
    (*found_at_most_two,) = tenants()[:2]
    if len(found_at_most_two) != 1:
        raise Refused(400, gettext("jurisdiction_id was not provided."))
    return found_at_most_two[0]


# --- discovery and services -------------------------------------------------------------------
class DiscoveryView(Open311View):
    """Tell where and how this is offered: ``GET /open311/v2/discovery.json`` or ``.xml``."""

    def get(self, request: HttpRequest, form: str) -> HttpResponse:
        endpoint = {
            "specification": "http://wiki.open311.org/GeoReport_v2",
            "url": request.build_absolute_uri("/open311/v2"),
            "changeset": CHANGESET,
            "type": "production",
            "formats": list(FORMATS.values()),
        }
        told = {
            "changeset": CHANGESET,
            "contact": "",
            "key_service": gettext("Ask the community's office for a key."),
            "endpoints": [endpoint],
        }
        return answer(form, "discovery", told)


CHANGESET = "2026-11-29T00:00:00Z"  # the last change of what is offered here


class ServicesView(Open311View):
    """List the categories of reports: ``GET /open311/v2/services.json`` or ``.xml``."""

    def get(self, request: HttpRequest, form: str) -> HttpResponse:
        known = categories.categories_of(_jurisdiction(request.GET))
        told = [
            {
                "service_code": one.code,
                "service_name": str(one.name),
                "description": one.description,
                "metadata": bool(one.questions),
                # Of a confidential one a token is told, and nothing more ever.
                "type": "blackbox" if one.is_confidential else "realtime",
                "keywords": "",
                "group": str(known[one.parent].name) if one.parent in known else "",
            }
            for one in known.values()
        ]
        return answer(form, "services", told)


class ServiceView(Open311View):
    """Show a category's questions: ``GET /open311/v2/services/{service_code}.json``."""

    def get(self, request: HttpRequest, service_code: str, form: str) -> HttpResponse:
        known = _category(_jurisdiction(request.GET), service_code)
        attributes = [_attribute(order, one) for order, one in enumerate(known.questions, 1)]
        told = {"service_code": known.code, "attributes": attributes}
        return answer(form, "service_definition", told)


def _category(community: Community, code: str) -> categories.Known:
    try:
        return categories.category_of(community, code)
    except errors.CategoryUnknown as unknown:
        raise Refused(404, f"service_code: {unknown.title}") from None


def _attribute(order: int, question: dict[str, Any]) -> dict[str, Any]:
    kind = QuestionKind(question["kind"])
    choices = [(one, one) for one in question.get("choices", [])]
    if kind == QuestionKind.YES_NO:
        choices = [("true", gettext("Yes")), ("false", gettext("No"))]
    return {
        "variable": True,
        "code": question["code"],
        "datatype": DATATYPES[kind],
        "required": question["is_required"],
        "datatype_description": "",
        "order": order,
        "description": question["text"],
        "values": [{"key": key, "name": name} for key, name in choices],
    }


# --- requests ---------------------------------------------------------------------------------
class RequestsView(Open311View):
    """List the public reports, or send one: ``GET`` and ``POST /open311/v2/requests.json``."""

    def get(self, request: HttpRequest, form: str) -> HttpResponse:
        community = _jurisdiction(request.GET)
        found = selectors.public_reports(community).order_by("-submitted_at", "-id")
        if ids := request.GET.get("service_request_id"):
            found = found.filter(pk__in=_ids(ids))
        else:
            since, until = _dates(request.GET, community)
            found = found.filter(submitted_at__gte=since, submitted_at__lte=until)
            if codes := request.GET.get("service_code"):
                found = found.filter(category__in=codes.split(","))
            if statuses := request.GET.get("status"):
                found = found.filter(status__in=_statuses(statuses))
        return answer(form, "service_requests", _told(community, list(found[:AT_MOST])))

    def post(self, request: HttpRequest, form: str) -> HttpResponse:
        body = request.POST
        community = _jurisdiction(body if "jurisdiction_id" in body else request.GET)
        reporter, sender = _sender(request, community)
        facts = _facts(community, body)
        taken = open311.take(
            community=community,
            reporter=reporter,
            sender=sender,
            body={name: body.getlist(name) for name in body if name != "api_key"},
            facts=facts,
        )
        assert taken.report is not None  # it has been made
        told = {"service_notice": "", "account_id": ""}
        if taken.report.is_confidential:
            notice = gettext("Received in confidence; nothing of it is shown here.")
            told = {"token": str(taken.pk)} | told | {"service_notice": notice}
        else:
            told = {"service_request_id": str(taken.report_id)} | told
        return answer(form, "service_requests", [told], status=201)


class RequestView(Open311View):
    """Show a public report: ``GET /open311/v2/requests/{service_request_id}.json``."""

    def get(self, request: HttpRequest, request_id: str, form: str) -> HttpResponse:
        community = _jurisdiction(request.GET)
        found = selectors.public_reports(community).filter(pk__in=_ids(request_id))
        told = _told(community, list(found))
        if not told:
            raise Refused(404, gettext("service_request_id: There is no such report."))
        return answer(form, "service_requests", told)


class TokenView(Open311View):
    """Show which report a token became: ``GET /open311/v2/tokens/{token}.json``.

    Of a confidential one it tells only that it was received.
    """

    def get(self, request: HttpRequest, token: str, form: str) -> HttpResponse:
        community = _jurisdiction(request.GET)
        taken = Open311Request.objects.filter(community=community, pk__in=_ids(token)).first()
        if taken is None:
            raise Refused(404, gettext("token: It is not known."))
        told = {"token": str(taken.pk)}
        if selectors.public_reports(community).filter(pk__in=[taken.report_id]).exists():
            told = {"service_request_id": str(taken.report_id)} | told
        return answer(form, "service_requests", [told])


# --- reading ----------------------------------------------------------------------------------
def _ids(told: str) -> list[UUID]:
    """Return the ids among what is told, with commas between; there is no report of others."""
    found = []
    for one in told.split(",")[:AT_MOST]:
        try:
            found.append(UUID(one.strip()))
        except ValueError:
            continue
    return found


def _dates(told: Any, community: Community) -> tuple[datetime, datetime]:
    """Return the first and last moment that are asked for, 90 days without both."""
    start, end = (_moment(told, name, community) for name in ("start_date", "end_date"))
    if start is None:
        end = end or timezone.now()
        return end - LONGEST, end
    end = end or start + LONGEST
    if end - start > LONGEST:
        raise Refused(400, gettext("start_date and end_date: They are more than 90 days apart."))
    return start, end


def _moment(told: Any, name: str, community: Community) -> datetime | None:
    if not told.get(name):
        return None
    try:
        moment = datetime.fromisoformat(told[name].replace(" ", "+"))  # of an unquoted offset
        if not days.EARLIEST.year < moment.year < days.LATEST.year:
            raise ValueError(name)
    except ValueError:
        wrong = gettext("%(name)s: This is no moment such as 2024-03-01T08:00:00Z.")
        raise Refused(400, wrong % {"name": name}) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=community.clock)


def _statuses(told: str) -> list[str]:
    families = {"open": list(Report.OPEN), "closed": list(Report.ENDED)}
    if unknown := [one for one in told.split(",") if one not in families]:
        wrong = gettext("status: %(status)s is neither open nor closed.")
        raise Refused(400, wrong % {"status": unknown[0][:40]})
    return [status for one in told.split(",") for status in families[one]]


def _told(community: Community, reports: list[Report]) -> list[dict[str, Any]]:
    names = categories.names_of(community.pk)
    return [_shown(community, report, names) for report in reports]


def _shown(community: Community, report: Report, names: dict[str, str]) -> dict[str, Any]:
    moments = (report.accepted_at, report.made_safe_at, report.fixed_at, report.closed_at)
    latitude = longitude = None
    if report.latitude is not None and report.longitude is not None:
        at = wgs84(Position(report.latitude, report.longitude, report.coord_type))
        latitude, longitude = (round(one, selectors.PUBLIC_DECIMALS) for one in at)
    return {
        "service_request_id": str(report.pk),
        "status": "open" if report.status in Report.OPEN else "closed",
        "status_notes": report.answer,
        "service_name": names[report.category],
        "service_code": report.category,
        "description": None,
        "agency_responsible": community.name,
        "service_notice": None,
        "requested_datetime": _w3(report.submitted_at),
        "updated_datetime": _w3(max([report.submitted_at, *filter(None, moments)])),
        "expected_datetime": None,
        "address": None,
        "address_id": None,
        "zipcode": None,
        "lat": latitude,
        "long": longitude,
        "media_url": None,
    }


def _w3(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- sending ----------------------------------------------------------------------------------
class SentSerializer(serializers.Serializer[Any]):
    """The fields of a report that are read; a name, phone or e-mail is not kept."""

    description = TextField(max_length=1000)
    address_string = CharField(max_length=120, required=False, allow_blank=True)
    address_id = CharField(max_length=40, required=False, allow_blank=True)
    lat = serializers.FloatField(min_value=-90, max_value=90, required=False)
    long = serializers.FloatField(min_value=-180, max_value=180, required=False)


def _sender(request: HttpRequest, community: Community) -> tuple[User | None, str]:
    """Return the volunteer whose token this is, if it is one, and by what repeats are known."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    key = request.POST.get("api_key") or (bearer if scheme == "Bearer" else "")
    if not key:
        if not settings.OPEN311_ANONYMOUS:
            raise Refused(403, gettext("api_key was not provided."))
        return None, "anonymous"
    if found := person_of(key):
        user, claims = found
        if user.second_factor_required and SECOND_FACTOR not in claims.get("methods", []):
            raise Refused(403, gettext("api_key: A second factor is missing."))
        return user, f"person:{user.pk}"
    if known := open311.key_with(community=community, secret=key):
        return None, f"key:{known.pk}"
    raise Refused(403, gettext("api_key: It is not known, or no longer."))


def _facts(community: Community, body: Any) -> dict[str, Any]:
    if not body.get("service_code"):
        raise Refused(400, gettext("service_code was not provided."))
    known = _category(community, body["service_code"])
    given = {name: body[name] for name in SentSerializer().fields if body.get(name)}
    sent = SentSerializer(data=given)
    if not sent.is_valid():
        wrong = [f"{name}: {one}" for name, found in sent.errors.items() for one in found]
        raise Refused(400, *wrong)
    told = sent.validated_data
    if ("lat" in told) != ("long" in told):
        raise Refused(400, gettext("lat and long: One is not enough."))
    if not {"lat", "address_string", "address_id"} & told.keys():
        wanted = gettext("lat and long, address_string or address_id: None was provided.")
        raise Refused(400, wanted)
    facts = {
        "category": known.code,
        "text": told["description"],
        "place": told.get("address_string", ""),
        "answers": _answers(known, body),
    }
    if "lat" in told:
        facts |= {"latitude": told["lat"], "longitude": told["long"]}
    if "address_id" in told:
        facts["estate"] = _estate(community, told["address_id"])
    return facts


def _estate(community: Community, code: str) -> Community:
    found: Community | None = Community.objects.filter(parent=community, code=code).first()
    if found is None:
        raise Refused(400, gettext("address_id: There is no such estate."))
    return found


def _answers(known: categories.Known, body: Any) -> dict[str, Any]:
    """Return the answers among the attributes, ``attribute[code]``, as their kinds are kept."""
    read: dict[str, Callable[[str], Any]] = {
        QuestionKind.NUMBER: _number,
        QuestionKind.YES_NO: lambda told: YES_NO.get(told, told),
    }
    answers = {}
    for question in known.questions:
        if told := body.get(f"attribute[{question['code']}]"):
            answers[question["code"]] = read.get(question["kind"], str)(told)
    return answers


def _number(told: str) -> Any:
    try:
        number = float(told)
    except ValueError:
        return told
    return int(number) if math.isfinite(number) and number.is_integer() else number
