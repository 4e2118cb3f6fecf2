"""Open311 GeoReport v2: what the specification asks of each address, in both formats."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from xml.etree import ElementTree

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from backend.accounts.models import Consent
from backend.accounts.services import consents
from backend.communities.models import Community
from points.models import Award
from volunteers.models import Open311Request, Report, ReportCategory
from volunteers.reports.services import handling, open311

LIGHT = {
    "service_code": "hazard",
    "description": "路灯不亮，王小明说的",
    "address_string": "3 栋 2 单元门口",
    "lat": "30.528371",
    "long": "114.317264",
}


@pytest.fixture
def key(lake):
    return open311.make_key(community=lake, name="12345")


def tree_of(answer):
    return ElementTree.fromstring(answer.content)  # noqa: S314  # our own


def get(path, **asked):
    return Client().get(f"/open311/v2/{path}", {"jurisdiction_id": "lake"} | asked)


def post(body, form="json", client=None, **headers):
    sent = {"jurisdiction_id": "lake"} | body
    return (client or Client()).post(f"/open311/v2/requests.{form}", sent, headers=headers)


def errors_of(answer):
    (told,) = answer.json()
    assert told["code"] == answer.status_code
    return answer.status_code, told["description"]


@pytest.fixture
def token(logged_in, wang):
    """王小明's access token."""
    return logged_in(wang).defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer ")


# --- discovery and services -------------------------------------------------------------------
def test_discovery_names_the_endpoint_and_its_formats(db):
    told = Client().get("/open311/v2/discovery.json").json()
    (endpoint,) = told["endpoints"]

    assert endpoint["url"] == "http://testserver/open311/v2"
    assert endpoint["formats"] == ["application/json", "text/xml"]
    tree = tree_of(Client().get("/open311/v2/discovery.xml"))
    assert tree.tag == "discovery"
    assert tree.findtext("endpoints/endpoint/url") == endpoint["url"]
    assert [one.text for one in tree.iter("format")] == endpoint["formats"]


def test_services_are_the_communitys_categories_in_both_formats(lake):
    answer, as_xml = get("services.json"), get("services.xml")
    told = {one["service_code"]: one for one in answer.json()}

    assert answer["Content-Type"] == "application/json; charset=utf-8"
    assert as_xml["Content-Type"] == "text/xml; charset=utf-8"
    assert told["facility"] == {
        "service_code": "facility",
        "service_name": "设施损坏",
        "description": "",
        "metadata": False,
        "type": "realtime",
        "keywords": "",
        "group": "",
    }
    assert told["dispute"]["type"] == "blackbox"
    tree = tree_of(as_xml)
    assert tree.tag == "services"
    assert [one.findtext("service_code") for one in tree.iter("service")] == list(told)
    assert tree.findtext("service/metadata") == "false"


QUESTIONS = [
    {"code": "lamp", "text": "灯杆编号", "kind": "number", "is_required": True, "choices": []},
    {
        "code": "where",
        "text": "位置",
        "kind": "choice",
        "is_required": False,
        "choices": ["门", "路"],
    },
    {"code": "dark", "text": "全黑", "kind": "yes_no", "is_required": False, "choices": []},
    {"code": "said", "text": "说明", "kind": "text", "is_required": False, "choices": []},
]


@pytest.fixture
def lamps(lake):
    ReportCategory.objects.create(
        community=lake, code="lamps", name="路灯", parent="facility", questions=QUESTIONS
    )


def test_a_definition_asks_the_categorys_questions(lamps):
    told = get("services/lamps.json").json()

    assert told["service_code"] == "lamps"
    lamp, where, dark, said = told["attributes"]
    assert lamp == {
        "variable": True,
        "code": "lamp",
        "datatype": "number",
        "required": True,
        "datatype_description": "",
        "order": 1,
        "description": "灯杆编号",
        "values": [],
    }
    assert where["values"] == [{"key": "门", "name": "门"}, {"key": "路", "name": "路"}]
    assert (where["datatype"], dark["datatype"]) == ("singlevaluelist",) * 2
    assert [one["key"] for one in dark["values"]] == ["true", "false"]
    assert said["datatype"] == "string"
    tree = tree_of(get("services/lamps.xml"))
    assert tree.tag == "service_definition"
    assert [one.text for one in tree.findall("attributes/attribute/values/value/key")] == [
        *("门", "路", "true", "false")
    ]
    services = {one["service_code"]: one for one in get("services.json").json()}
    assert (services["lamps"]["metadata"], services["lamps"]["group"]) == (True, "设施损坏")


def test_answers_are_kept_by_their_kinds_and_unknown_ones_ignored(lamps, key):
    body = LIGHT | {"service_code": "lamps", "api_key": key, "attribute[nonsense]": "x"}
    answers = {"attribute[lamp]": "17", "attribute[where]": "门", "attribute[dark]": "true"}

    assert post(body | answers).status_code == 201
    assert Report.objects.get().answers == {"lamp": 17, "where": "门", "dark": True}
    code, said = errors_of(post(body | {"attribute[where]": "天"}))
    assert code == 400
    assert "lamp" in said
    assert "where" in said


# --- sending ----------------------------------------------------------------------------------
def test_a_volunteers_token_sends_a_report_of_theirs_that_earns(lake, wang, zhao, token):
    consents.give(user=wang, purpose=Consent.Purpose.LOCATION, version=1)
    answer = post(LIGHT | {"api_key": token, "email": "w@example.com", "nonsense": "1"})

    report = Report.objects.get()
    assert answer.status_code == 201
    assert answer.json() == [
        {"service_request_id": str(report.pk), "service_notice": "", "account_id": ""}
    ]
    assert (report.reporter, report.source) == (wang, "open311")
    assert (report.text, report.place) == (LIGHT["description"], LIGHT["address_string"])
    assert (report.latitude, report.coord_type) == (30.528371, "wgs84")
    handling.close(report=report, handler=zhao, answer="已修好")
    award = Award.objects.get(community=lake, source=f"report:{report.pk}")
    assert award.account.holder == f"person:{wang.pk}"


def test_a_systems_key_sends_a_report_of_nobody(lake, key):
    answer = post(LIGHT | {"api_key": key}, form="xml")

    tree = tree_of(answer)
    report = Report.objects.get()
    assert (answer.status_code, tree.tag) == (201, "service_requests")
    assert tree.findtext("request/service_request_id") == str(report.pk)
    assert (report.reporter, report.source) == (None, "open311")


def test_a_bearer_token_is_as_good_as_the_parameter(lake, token, wang):
    assert post(LIGHT, Authorization=f"Bearer {token}").status_code == 201
    assert Report.objects.get().reporter == wang


def test_anybody_sends_where_that_is_allowed(lake, settings):
    assert errors_of(post(LIGHT))[0] == 403
    settings.OPEN311_ANONYMOUS = True
    assert post(LIGHT).status_code == 201
    assert Report.objects.get().reporter is None


def test_a_key_ends_with_the_next_of_its_system_and_is_of_one_community(lake, hill, key, capsys):
    call_command("open311_key", "12345", community="lake")
    later = capsys.readouterr().out.strip()

    assert errors_of(post(LIGHT | {"api_key": key}))[0] == 403
    assert errors_of(post(LIGHT | {"api_key": later, "jurisdiction_id": "hill"}))[0] == 403
    assert post(LIGHT | {"api_key": later}).status_code == 201


@pytest.mark.parametrize(
    ("change", "code", "names"),
    [
        ({"api_key": "wrong"}, 403, "api_key"),
        ({"jurisdiction_id": "nowhere"}, 404, "jurisdiction_id"),
        ({"jurisdiction_id": ""}, 400, "jurisdiction_id"),
        ({"service_code": ""}, 400, "service_code"),
        ({"service_code": "ufo"}, 404, "service_code"),
        ({"description": ""}, 400, "description"),
        ({"description": "x" * 1001}, 400, "description"),
        ({"lat": "91"}, 400, "lat"),
        ({"lat": "nan"}, 400, "lat"),
        ({"long": ""}, 400, "long"),
        ({"lat": "", "long": "", "address_string": ""}, 400, "address_string"),
        ({"address_id": "nowhere"}, 400, "address_id"),
    ],
)
@pytest.mark.parametrize("form", ["json", "xml"])
def test_what_is_wrong_with_a_request_is_said_as_the_specification_says(
    lake, hill, key, change, code, names, form
):
    answer = post(LIGHT | {"api_key": key} | change, form=form)

    assert answer.status_code == code
    if form == "json":
        assert names in errors_of(answer)[1]
    else:
        tree = tree_of(answer)
        assert (tree.tag, tree.findtext("error/code")) == ("errors", str(code))
        assert names in tree.findtext("error/description")
    assert not Report.objects.exists()
    assert not Open311Request.objects.exists()


def test_who_is_no_volunteer_of_the_community_is_refused(lake, hill, token):
    assert errors_of(post(LIGHT | {"api_key": token, "jurisdiction_id": "hill"}))[0] == 403


def test_a_place_may_be_an_estate_alone(lake, key):
    estate = Community.objects.create(name="东苑", code="east", kind="estate", parent=lake)
    body = {name: LIGHT[name] for name in ("service_code", "description")}

    assert post(body | {"address_id": "east", "api_key": key}).status_code == 201
    assert Report.objects.get().estate == estate


# --- the same again ---------------------------------------------------------------------------
def test_a_repeat_within_a_day_is_the_first_whatever_token_the_person_has_by_then(
    lake, wang, key, logged_in
):
    first = post(LIGHT | {"api_key": key})
    assert post(LIGHT | {"api_key": key}).json() == first.json()
    assert Report.objects.count() == 1
    for body in (
        {"api_key": key, "description": "另一盏"},
        {"api_key": open311.make_key(community=lake, name="other")},
    ):
        assert post(LIGHT | body).json() != first.json()
    assert Report.objects.count() == 3

    Open311Request.objects.update(taken_at=timezone.now() - timedelta(hours=23, minutes=59))
    assert post(LIGHT | {"api_key": key}).json() == first.json()
    Open311Request.objects.update(taken_at=timezone.now() - timedelta(hours=24))
    assert post(LIGHT | {"api_key": key}).json() != first.json()


@pytest.mark.django_db(transaction=True)
def test_the_same_sent_four_times_at_once_is_one_report(lake, key, at_once):
    told = at_once(4, lambda _: post(LIGHT | {"api_key": key}).content)

    assert len(set(told)) == 1
    assert Report.objects.count() == Open311Request.objects.count() == 1


# --- reading ----------------------------------------------------------------------------------
@pytest.fixture
def reported(lake, wang):
    def report(category="hazard", days_ago=1, **facts):
        return Report.objects.create(
            community=lake,
            reporter=wang,
            category=category,
            is_confidential=category in ("dispute", "assistance"),
            colour="yellow",
            text="王小明家门口的路灯",
            place="3 栋",
            submitted_at=timezone.now() - timedelta(days=days_ago),
            **facts,
        )

    return report


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [one["service_request_id"] for one in answer.json()]


def test_a_request_is_shown_as_the_public_sees_the_report(lake, zhao, reported):
    report = reported(latitude=30.528371, longitude=114.317264)
    handling.close(report=report, handler=zhao, answer="已修好")
    report.refresh_from_db()

    def w3(moment):
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    (told,) = get(f"requests/{report.pk}.json").json()
    assert told == {
        "service_request_id": str(report.pk),
        "status": "closed",
        "status_notes": "已修好",
        "service_name": "安全隐患",
        "service_code": "hazard",
        "description": None,
        "agency_responsible": lake.name,
        "service_notice": None,
        "requested_datetime": w3(report.submitted_at),
        "updated_datetime": w3(report.closed_at),
        "expected_datetime": None,
        "address": None,
        "address_id": None,
        "zipcode": None,
        "lat": 30.53,
        "long": 114.32,
        "media_url": None,
    }
    tree = tree_of(get("requests.xml"))
    assert tree.findtext("request/service_request_id") == str(report.pk)
    assert tree.findtext("request/lat") == "30.53"
    assert "王小明" not in get("requests.xml").content.decode()


def test_requests_are_those_of_90_days_newest_first_unless_asked_otherwise(reported):
    new, light = reported("environment", 1), reported(days_ago=80)
    old = reported(days_ago=91)
    Report.objects.filter(pk=light.pk).update(status="accepted")

    def day(ago):
        return (timezone.now() - timedelta(days=ago)).strftime("%Y-%m-%dT%H:%M:%SZ")

    both = [str(new.pk), str(light.pk)]
    assert ids(get("requests.json")) == both
    assert ids(get("requests.json", service_code="environment,ufo")) == both[:1]
    assert ids(get("requests.json", status="open")) == both
    assert ids(get("requests.json", status="closed")) == []
    assert ids(get("requests.json", status="open,closed")) == both
    assert ids(get("requests.json", start_date=day(95))) == [str(light.pk), str(old.pk)]
    assert ids(get("requests.json", end_date=day(85))) == [str(old.pk)]
    asked = {"start_date": day(92), "end_date": day(90)}
    assert ids(get("requests.json", **asked)) == [str(old.pk)]
    several = f"{old.pk},{uuid4()},x"
    assert ids(get("requests.json", service_request_id=several, status="closed")) == [str(old.pk)]
    assert ids(get("requests.json", nonsense="1")) == both
    for wrong in (
        {"start_date": day(95), "end_date": day(1)},
        {"start_date": "yesterday"},
        {"end_date": "9999-12-31T23:59:59Z"},
        {"status": "new"},
    ):
        assert errors_of(get("requests.json", **wrong))[0] == 400


def test_an_answer_holds_a_thousand(lake, wang, reported):
    one = reported()
    rows = [
        Report(
            community=lake,
            reporter=wang,
            category="facility",
            is_confidential=False,
            colour="blue",
            text="灯",
            submitted_at=one.submitted_at,
        )
        for _ in range(1000)
    ]
    Report.objects.bulk_create(rows)

    assert len(get("requests.json").json()) == 1000


@pytest.mark.parametrize("category", ["dispute", "assistance"])
def test_a_confidential_report_is_taken_and_never_shown(lake, key, category):
    (told,) = post(LIGHT | {"service_code": category, "api_key": key}).json()
    report = Report.objects.get()

    assert "service_request_id" not in told
    assert str(report.pk) not in str(told)
    assert get(f"tokens/{told['token']}.json").json() == [{"token": told["token"]}]
    assert get("requests.json").json() == []
    assert get("requests.json", service_request_id=str(report.pk)).json() == []
    assert get("requests.json", service_code=category).json() == []
    assert errors_of(get(f"requests/{report.pk}.json"))[0] == 404


def test_a_token_becomes_a_request(lake, key):
    (told,) = post(LIGHT | {"api_key": key}).json()
    token = str(Open311Request.objects.get().pk)

    assert get(f"tokens/{token}.json").json() == [
        {"service_request_id": told["service_request_id"], "token": token}
    ]
    tree = tree_of(get(f"tokens/{token}.xml"))
    assert tree.findtext("request/token") == token
    for unknown in (uuid4(), "x"):
        assert errors_of(get(f"tokens/{unknown}.json"))[0] == 404


@pytest.mark.parametrize("hidden", [{"is_screened": False}, {"is_by_child": True}, {"text": ""}])
def test_what_is_not_public_is_not_read(reported, hidden):
    report = reported()
    Report.objects.filter(pk=report.pk).update(**hidden)

    assert get("requests.json").json() == []
    assert errors_of(get(f"requests/{report.pk}.json"))[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("get", "services.yml", 404),
        ("get", "services/ufo.json", 404),
        ("get", "requests/x.json", 404),
        ("post", "services.json", 405),
        ("delete", "requests.json", 405),
    ],
)
def test_other_addresses_and_methods_are_errors_too(lake, method, path, code):
    answer = getattr(Client(), method)(f"/open311/v2/{path}?jurisdiction_id=lake")

    assert errors_of(answer)[0] == code


def test_without_a_jurisdiction_the_only_community_is_meant(lake):
    assert Client().get("/open311/v2/services.json").status_code == 200
    Community.objects.create(name="又一个", code="other", kind="community")
    assert Client().get("/open311/v2/services.json").status_code == 400


def test_a_date_without_an_offset_is_by_the_communitys_clock(lake, reported):
    report = reported()
    at = datetime(2026, 3, 1, 16, 30, tzinfo=UTC)  # half past midnight
    Report.objects.filter(pk=report.pk).update(submitted_at=at)

    asked = {"start_date": "2026-03-02T00:00:00", "end_date": "2026-03-02T01:00:00"}
    assert ids(get("requests.json", **asked)) == [str(report.pk)]
