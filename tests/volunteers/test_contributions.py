"""Contributions: who gave what, and who is thanked for it in public."""

from datetime import date, timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from backend.communities.errors import PersonUnknown
from backend.notices.models import Notice
from backend.notices.words import words
from backend.privacy.services import erasure
from volunteers.models import Contribution
from volunteers.reports import errors
from volunteers.reports.services import contributing, handling, submitting

CEMENT = {"what": "水泥", "quantity": "两袋", "given_on": date(2024, 3, 1)}
PUBLIC = "/api/v1/communities/lake/contributions"


@pytest.fixture
def accepted(lake, li, zhao):
    def report(category="hazard"):
        made = submitting.submit(community=lake, reporter=li, category=category, text="路面坑洼")
        return handling.accept(report=made, handler=zhao)

    return report


@pytest.fixture
def given(accepted, zhao):
    """A contribution: ``given(giver_id=wang.pk)``, ``given(giver_name="五金店", agreed=True)``."""

    def record(category="hazard", **facts):
        return contributing.record(report=accepted(category), by=zhao, **CEMENT | facts)

    return record


def thanked(client):
    return [one["giver"] for one in client.get(PUBLIC).json()["results"]]


def test_a_person_is_thanked_once_they_agree_and_no_longer_than_that(
    given, wang, client, logged_in
):
    contribution = given(giver_id=wang.pk, agreed=True)
    assert thanked(client) == []
    address = f"/api/v1/contributions/{contribution.pk}/agreement"

    for agrees, expected in ((True, ["王小明"]), (True, ["王小明"]), (False, [])):
        assert logged_in(wang).post(address, {"agrees": agrees}).status_code == 200
        assert thanked(client) == expected


def test_a_shop_is_thanked_if_staff_say_that_it_agreed(given, client, zhao, logged_in):
    given(giver_name="好运茶馆")
    shop = given(giver_name="五金店", reference="merchant:7", agreed=True)

    (told,) = client.get(PUBLIC).json()["results"]

    assert told == {
        "id": str(shop.pk),
        "what": "水泥",
        "quantity": "两袋",
        "given_on": "2024-03-01",
        "report_id": str(shop.report_id),
        "giver": "五金店",
    }
    assert client.get(f"{PUBLIC}/{shop.pk}").json() == told
    address = f"/api/v1/contributions/{shop.pk}/agreement"
    assert logged_in(zhao).post(address, {"agrees": False}).status_code == 200
    assert client.get(f"{PUBLIC}/{shop.pk}").status_code == 404


def test_nothing_is_thanked_for_in_public_of_a_confidential_report(given, client):
    given("assistance", giver_name="五金店", agreed=True)

    assert thanked(client) == []


def test_whoever_gave_is_told(given, wang):
    given(giver_id=wang.pk)

    notice = Notice.objects.get(recipient=wang, kind="contribution_recorded")
    assert words(notice) == (
        "感谢您的支持",
        "碧沙湖社区登记了您提供的水泥。请告诉我们是否可以公开致谢。",
    )


def test_one_is_recorded_for_a_report_that_was_accepted(lake, li, zhao):
    report = submitting.submit(community=lake, reporter=li, category="hazard", text="坑")

    with pytest.raises(errors.ReportStatusWrong):
        contributing.record(report=report, by=zhao, giver_name="五金店", **CEMENT)


def test_a_person_belongs_to_the_community(given, person):
    with pytest.raises(PersonUnknown):
        given(giver_id=person("far").pk)


def test_it_is_of_a_person_or_of_somebody_by_name(given, wang, accepted, zhao, logged_in):
    for facts in ({}, {"giver_id": wang.pk, "giver_name": "王"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            given(**facts)
    address = f"/api/v1/reports/{accepted().pk}/contributions"
    answer = logged_in(zhao).post(address, {"what": "水泥", "given_on": "2024-03-01"})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["giver_name"])


def test_only_whoever_gave_agrees_and_staff_read_it(given, wang, li, zhao, logged_in):
    contribution = given(giver_id=wang.pk)
    address = f"/api/v1/contributions/{contribution.pk}"

    for other in (li, zhao):
        answer = logged_in(other).post(f"{address}/agreement", {"agrees": True})
        assert answer.status_code == 404
    assert logged_in(li).get(address).status_code == 404
    for reader in (wang, zhao):
        assert logged_in(reader).get(address).json()["what"] == "水泥"
        (listed,) = logged_in(reader).get("/api/v1/contributions").json()["results"]
        assert listed["id"] == str(contribution.pk)
    assert logged_in(li).get("/api/v1/contributions").json()["results"] == []


def test_staff_record_it_over_the_api(accepted, zhao, li, wang, logged_in):
    address = f"/api/v1/reports/{accepted().pk}/contributions"
    body = {"what": "水泥", "given_on": "2024-03-01", "giver_id": str(wang.pk)}

    made = logged_in(zhao).post(address, body)

    assert (made.status_code, made.json()["giver"]["name"]) == (201, "王小明")
    assert logged_in(li).post(address, body).status_code == 404


def test_an_erased_person_is_thanked_no_more(given, wang, client):
    contribution = given(giver_id=wang.pk)
    contributing.agree(contribution=contribution, by=wang, agrees=True)
    erasure.ask(user=wang)
    assert erasure.erase(user_id=wang.pk, now=timezone.now() + timedelta(days=60))

    assert thanked(client) == []
    assert Contribution.objects.get().giver_id == wang.pk
