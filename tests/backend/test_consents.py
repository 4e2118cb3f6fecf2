"""Consents: for what, in which words, since when and until when."""

import pytest
from django.db import DatabaseError, transaction
from rest_framework.test import APIClient

from backend.accounts.errors import ConsentRequired, ConsentVersionUnknown
from backend.accounts.models import Consent, User
from backend.accounts.purposes import TEXTS, Text
from backend.accounts.services import consents
from backend.audit.models import OwnAct
from volunteers.reports.services import submitting

PHONE, LOCATION = Consent.Purpose.PHONE, Consent.Purpose.LOCATION


@pytest.fixture
def sun(person):
    return person("sun", "孙师傅")


def test_everybody_may_read_what_is_asked_in_their_language(db):
    chinese, english = (
        APIClient(HTTP_ACCEPT_LANGUAGE=language).get("/api/v1/consents").json()
        for language in ("zh-hans", "en")
    )

    assert [(text["purpose"], text["version"]) for text in chinese] == [
        ("phone", 1),
        ("location", 1),
        ("guardianship", 1),
    ]
    assert "手机号" in chinese[0]["text"]
    assert "encrypted" in english[0]["text"]


def test_consent_is_given_once_and_withdrawn_on_record(sun, logged_in):
    caller = logged_in(sun)

    answers = [caller.put("/api/v1/me/consents/location", {"version": 1}) for _ in range(2)]
    first = [answer.json() for answer in answers]
    gone = [caller.delete("/api/v1/me/consents/location").status_code for _ in range(2)]
    again = caller.put("/api/v1/me/consents/location", {"version": 1}).json()

    assert first[0] == first[1]
    assert (first[0]["in_force"], first[0]["withdrawn_at"]) == (True, None)
    assert gone == [204, 204]
    newest, oldest = caller.get("/api/v1/me/consents").json()
    assert newest == again
    assert (oldest["in_force"], oldest["given_at"]) == (False, first[0]["given_at"])
    written = OwnAct.objects.filter(actor=sun).order_by("pk").values_list("action", flat=True)
    assert list(written) == ["consent.give", "consent.withdraw", "consent.give"]


@pytest.mark.parametrize(
    ("purpose", "body", "status", "code"),
    [
        ("location", {"version": 2}, 409, "consent_version_unknown"),
        ("location", {"version": 0}, 400, "invalid_input"),
        ("location", {}, 400, "invalid_input"),
        ("other", {"version": 1}, 404, "not_found"),
    ],
)
def test_nobody_agrees_to_what_is_not_asked(sun, logged_in, purpose, body, status, code):
    answer = logged_in(sun).put(f"/api/v1/me/consents/{purpose}", body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Consent.objects.filter(user=sun).exists()


def test_new_words_ask_again(sun, monkeypatch):
    consents.give(user=sun, purpose=PHONE, version=1)
    monkeypatch.setitem(TEXTS, PHONE, Text(2, "other words"))

    with pytest.raises(ConsentRequired):
        consents.require(sun, PHONE)
    with pytest.raises(ConsentVersionUnknown):
        consents.give(user=sun, purpose=PHONE, version=1)
    assert consents.give(user=sun, purpose=PHONE, version=2) == consents.require(sun, PHONE)


def test_with_its_consent_the_phone_number_goes(sun):
    consents.give(user=sun, purpose=PHONE, version=1)

    consents.withdraw(user=sun, purpose=PHONE)

    kept = User.objects.get(pk=sun.pk)
    assert (kept.phone, kept.phone_digest) == ("", None)


@pytest.mark.parametrize("change", [{"version": 2}, {"purpose": "phone"}, {"withdrawn_at": None}])
def test_the_database_keeps_what_was_agreed_to(sun, change):
    given = consents.give(user=sun, purpose=LOCATION, version=1)
    consents.withdraw(user=sun, purpose=LOCATION)
    rows = Consent.objects.filter(pk=given.pk)

    with pytest.raises(DatabaseError), transaction.atomic():
        rows.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        rows.delete()


@pytest.mark.django_db(transaction=True)
def test_two_taps_at_one_instant_are_one_consent(sun, at_once):
    given = at_once(4, lambda _: consents.give(user=sun, purpose=LOCATION, version=1).pk)

    assert len(set(given)) == Consent.objects.count() == 1


def test_without_consent_a_report_is_taken_and_where_it_was_is_not(lake, li, wang):
    consents.withdraw(user=li, purpose=LOCATION)
    facts = {"category": "hazard", "text": "井盖松动", "latitude": 28.2, "longitude": 112.9}

    told, untold = (
        submitting.submit(community=lake, reporter=reporter, **facts) for reporter in (wang, li)
    )

    assert (told.latitude, told.longitude) == (28.2, 112.9)
    untold.refresh_from_db()
    assert (untold.latitude, untold.longitude, untold.text) == (None, None, "井盖松动")
    public = APIClient().get(f"/api/v1/communities/lake/reports/{untold.pk}").json()
    assert (public["latitude"], public["longitude"]) == (None, None)
