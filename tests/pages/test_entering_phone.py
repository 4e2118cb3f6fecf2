"""The log-in to a room by a code that comes by SMS, and what of it a stranger can find out."""

import secrets
import threading

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.test import Client

from backend.accounts.models import User
from backend.accounts.services import texted_codes
from backend.accounts.services.people import put_on_record
from backend.people.services import log_in_links
from tests.pages.test_entering_wechat import enter, in_wechat
from tests.standins import tencent_sms
from volunteers.models import Volunteer
from volunteers.people.services import people as enrolling

WANG, NOBODY = "19810000001", "19810000099"


@pytest.fixture(scope="module")
def running():
    server = tencent_sms.Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def carrier(running, settings):
    """Tencent's stand-in, at which we have a template of codes to log in with."""
    cache.clear()
    settings.SMS_API_BASE = running.url
    settings.SMS_SECRET_ID, settings.SMS_SECRET_KEY = tencent_sms.SECRET_ID, tencent_sms.SECRET_KEY
    settings.SMS_APP_ID, settings.SMS_SIGN = tencent_sms.APP_ID, tencent_sms.SIGN
    settings.SMS_TEMPLATES = {"log_in_code": {"id": "1110", "values": ["{code}", "{minutes}"]}}
    settings.SMS_TIMEOUT_SECONDS = 5.0
    running.journal.clear()
    running.answers.clear()
    return running


@pytest.fixture
def phone(carrier):
    return Client(headers={"Accept-Language": "en"})


def ask(client: Client, number: str = WANG, *, then: str = "/me/"):
    return client.post("/me/log-in/phone", {"phone": number, "next": then})


def code_of(carrier) -> str:
    return carrier.journal[-1]["TemplateParamSet"][0]


def bring(client: Client, code: str, name: str = "王小明", **more: str):
    return client.post("/me/log-in/phone/code", {"code": code, "name": name, **more})


def test_a_code_comes_to_the_phone_and_logs_in(phone, wang, carrier):
    asked = ask(phone, "+86 198 1000 0001", then="/me/wallet")

    assert asked["Location"] == "/me/log-in/phone/code?next=%2Fme%2Fwallet"
    (sent,) = carrier.journal
    assert (sent["PhoneNumberSet"], sent["TemplateParamSet"][1]) == ([f"+86{WANG}"], "5")
    done = bring(phone, code_of(carrier), next="/me/wallet")
    assert done["Location"] == "/me/wallet"
    assert phone.session["_auth_user_id"] == str(wang.pk)
    assert int(done.cookies["linli_session"]["max-age"]) == 90 * 86_400


def test_a_code_is_six_digits_and_kept_nowhere(phone, wang, carrier):
    ask(phone)

    code = code_of(carrier)
    assert len(code) == 6
    assert code.isdecimal()
    assert code not in str(dict(phone.session))
    assert WANG not in str(dict(phone.session))


def test_a_number_that_nobody_has_is_answered_alike(phone, wang, carrier):
    stranger = Client(headers={"Accept-Language": "en"})
    answers = [ask(phone, WANG), ask(stranger, NOBODY)]

    assert [(one.status_code, one["Location"]) for one in answers] == [
        (302, "/me/log-in/phone/code?next=%2Fme%2F")
    ] * 2
    assert len(carrier.journal) == 1
    pages = [one.get("/me/log-in/phone/code").status_code for one in (phone, stranger)]
    assert pages == [200, 200]
    kept = [sorted(one.session[texted_codes.KEPT]) for one in (phone, stranger)]
    assert kept[0] == kept[1]
    wrong = [bring(one, "000000x") for one in (phone, stranger)]
    assert [one.status_code for one in wrong] == [200, 200]


@pytest.mark.parametrize("written", ["", "12345", "+85251234567", "not a number"])
def test_what_is_no_mobile_number_is_not_asked_about(phone, wang, carrier, written):
    answer = ask(phone, written)

    assert (answer.status_code, carrier.journal) == (200, [])
    assert 'class="wrong"' in answer.content.decode()


def test_another_browser_can_not_use_the_code(phone, wang, carrier):
    ask(phone)

    answer = bring(Client(), code_of(carrier))

    assert answer["Location"] == "/me/log-in"


def test_a_code_is_good_once(phone, wang, carrier):
    ask(phone)
    code = code_of(carrier)
    bring(phone, code)
    phone.post("/me/log-out")

    assert bring(phone, code)["Location"] == "/me/log-in"


def test_a_code_is_good_for_five_minutes(phone, wang, carrier):
    ask(phone)
    session = phone.session
    session[texted_codes.KEPT] = session[texted_codes.KEPT] | {"until": 0}
    session.save()

    assert bring(phone, code_of(carrier))["Location"] == "/me/log-in"
    assert phone.get("/me/log-in/phone/code")["Location"] == "/me/log-in"


def test_the_next_code_ends_the_one_before(phone, wang, carrier, monkeypatch):
    codes = [222222, 111111]
    monkeypatch.setattr(secrets, "randbelow", lambda _: codes.pop())
    ask(phone)
    ask(phone)

    assert bring(phone, "111111").status_code == 200
    assert bring(phone, "222222")["Location"] == "/me/"


def test_a_code_is_guessed_at_five_times(phone, wang, carrier):
    ask(phone)
    right = code_of(carrier)
    wrong = f"{(int(right) + 1) % 10**6:06d}"

    answers = [bring(phone, wrong).status_code for _ in range(6)]

    assert answers == [200] * 5 + [429]
    assert bring(phone, right).status_code == 429
    assert "_auth_user_id" not in phone.session


@pytest.mark.parametrize("number", [WANG, NOBODY])
def test_codes_for_a_number_are_counted_whoever_has_it(carrier, wang, number):
    answers = [ask(Client(), number).status_code for _ in range(6)]

    assert answers == [302] * 5 + [429]


def test_whoever_logs_in_tells_the_name_on_the_list(phone, wang, carrier):
    ask(phone)
    code = code_of(carrier)

    first, other = bring(phone, code, name=""), bring(phone, code, name="李小明")

    assert "required" in first.content.decode()
    assert "another name" in other.content.decode()
    assert "_auth_user_id" not in phone.session
    assert bring(phone, code, name="王 小明")["Location"] == "/me/"


def test_a_link_does_not_prove_that_the_number_on_the_list_is_theirs(
    phone, wang, lake, zhao, carrier
):
    User.objects.filter(pk=wang.pk).update(password="!")
    link = log_in_links.make(place=lake, user=wang, by=zhao)
    assert Client().post("/me/in", {"code": link.code})["Location"] == "/me/"
    ask(phone)

    neighbour = bring(phone, code_of(carrier), name="李小明")

    assert "another name" in neighbour.content.decode()
    assert "_auth_user_id" not in phone.session


def test_a_number_taken_off_the_record_meanwhile_logs_nobody_in(phone, wang, carrier):
    ask(phone)
    User.objects.filter(pk=wang.pk).update(phone_digest=None, phone_encrypted="")

    assert bring(phone, code_of(carrier))["Location"] == "/me/log-in"


def test_a_closed_log_in_is_told_so(phone, wang, carrier):
    User.objects.filter(pk=wang.pk).update(is_active=False)
    ask(phone)

    assert bring(phone, code_of(carrier))["Location"] == "/me/log-in/closed"


@pytest.mark.parametrize("answer", ["FailedOperation.PhoneNumberInBlacklist", Exception("Down")])
def test_a_carrier_that_refuses_is_answered_alike_and_logged(phone, wang, carrier, caplog, answer):
    carrier.answers.append(answer)

    assert ask(phone).status_code == 302
    assert "SMS with a code to log in" in caplog.text
    assert WANG not in caplog.text


def test_without_a_template_no_code_is_offered(phone, settings):
    settings.SMS_TEMPLATES = {}

    assert "log-in/phone" not in phone.get("/me/log-in").content.decode()
    assert ask(phone)["Location"] == "/me/log-in"


def test_with_one_it_is_offered(phone, db):
    assert 'action="/me/log-in/phone"' in phone.get("/me/log-in").content.decode()


# --- a newcomer by WeChat whom the community has on its list ----------------------------------
@pytest.fixture
def listed(lake):
    """Somebody whom the community put on record, and who never logged in."""
    return put_on_record(name="周爷爷", phone="19810000088")


@pytest.fixture
def newcomer(wechat, carrier):
    """A phone in WeChat, whose person was never here."""
    return in_wechat()


def test_a_newcomer_is_asked_for_the_number_and_becomes_who_is_listed(
    newcomer, wechat, carrier, listed
):
    asked = enter(newcomer, wechat, "o6_grandpa", then="/me/wallet")
    fresh = User.objects.get(pk=newcomer.session["_auth_user_id"])

    assert asked["Location"] == "/me/log-in/phone?next=%2Fme%2Fwallet"
    assert "new here" in newcomer.get(asked["Location"]).content.decode()
    ask(newcomer, "19810000088")
    assert "another name" in bring(newcomer, code_of(carrier)).content.decode()
    done = bring(newcomer, code_of(carrier), name="周爷爷", next="/me/wallet")

    assert done["Location"] == "/me/wallet"
    assert int(done.cookies["linli_session"]["max-age"]) == 90 * 86_400
    assert newcomer.session["_auth_user_id"] == str(listed.pk)
    fresh.refresh_from_db()
    assert not fresh.is_active
    enter(again := in_wechat(), wechat, "o6_grandpa")
    assert again.session["_auth_user_id"] == str(listed.pk)


def test_two_records_that_were_used_stay_two(newcomer, wechat, carrier, wang):
    enter(newcomer, wechat, "o6_other")
    fresh = User.objects.get(pk=newcomer.session["_auth_user_id"])
    ask(newcomer)
    bring(newcomer, code_of(carrier))

    assert newcomer.session["_auth_user_id"] == str(wang.pk)
    fresh.refresh_from_db()
    assert fresh.is_active
    assert not SocialAccount.objects.filter(user=wang).exists()


def test_who_did_something_already_is_not_taken_for_another(
    newcomer, wechat, carrier, lake, listed
):
    enter(newcomer, wechat, "o6_grandpa")
    fresh = User.objects.get(pk=newcomer.session["_auth_user_id"])
    enrolling.enrol(user=fresh, community=lake, kind=Volunteer.Kind.RESIDENT)
    ask(newcomer, "19810000088")
    bring(newcomer, code_of(carrier), name="周爷爷")

    assert newcomer.session["_auth_user_id"] == str(listed.pk)
    assert SocialAccount.objects.get().user == fresh


def test_who_is_known_by_wechat_is_asked_for_no_number(db, newcomer, wechat, carrier):
    enter(newcomer, wechat)

    assert enter(in_wechat(), wechat)["Location"] == "/me/"
