"""Urgent notices go by SMS, to people whose phone may be used for it."""

import threading
from dataclasses import replace

import pytest
from django.utils import timezone

from backend.accounts.models import Consent
from backend.accounts.services import consents
from backend.notices import kinds
from backend.notices.channels import sms, tencent
from backend.notices.models import Channel, Message, Notice
from backend.outbox.kinds import Done, Failed
from tests.standins import tencent_sms

CALL_OUT = {"id": "1110", "values": ["{activity}", "{begins}"]}


@pytest.fixture(scope="module")
def running():
    server = tencent_sms.Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def carrier(running, settings, monkeypatch):
    """Tencent's stand-in, at which we have an account and a template of call-outs."""
    settings.SMS_API_BASE = running.url
    settings.SMS_SECRET_ID, settings.SMS_SECRET_KEY = tencent_sms.SECRET_ID, tencent_sms.SECRET_KEY
    settings.SMS_APP_ID, settings.SMS_SIGN = tencent_sms.APP_ID, tencent_sms.SIGN
    settings.SMS_TEMPLATES = {"call_out": CALL_OUT}
    settings.SMS_TIMEOUT_SECONDS = 5.0
    urgent = replace(kinds.registered["call_out"], is_urgent=True, channels=(Channel.SMS,))
    monkeypatch.setitem(kinds.registered, "call_out", urgent)
    running.journal.clear()
    running.answers.clear()
    return running


@pytest.fixture
def agreed(wang):
    consents.give(user=wang, purpose=Consent.Purpose.PHONE, version=1)
    return wang


@pytest.fixture
def message(lake, wang):
    """王小明 was told that people are wanted, and it is on its way by SMS for the first time."""
    notice = Notice.objects.create(
        community=lake,
        key="k",
        recipient=wang,
        kind="call_out",
        facts={
            "activity": "扫雪",
            "place": "东门",
            "message": "请带铁锹。",
            "starts_at": "2024-03-01T00:00:00+00:00",
            "timezone": "Asia/Shanghai",
        },
        due_at=timezone.now(),
        delivered_at=timezone.now(),
        next_at=None,
    )
    return Message.objects.create(
        community=lake, notice=notice, channel=Channel.SMS, language="zh-hans", attempts=1
    )


def test_an_urgent_notice_is_sent_by_its_template(message, agreed, carrier):
    outcome = sms.send(message)

    assert isinstance(outcome, Done)
    assert [*outcome.values] == ["sent_at"]
    assert carrier.journal == [
        {
            "PhoneNumberSet": ["+8619810000001"],
            "SmsSdkAppId": "1400006666",
            "TemplateId": "1110",
            "SignName": "碧沙湖社区",
            "TemplateParamSet": ["扫雪", "2024-03-01 08:00"],
            "SessionContext": str(message.pk),
        }
    ]


@pytest.mark.parametrize(
    ("setting", "wrong", "reason"),
    [
        ("SMS_SECRET_KEY", "another", "AuthFailure.SignatureFailure"),
        ("SMS_SECRET_ID", "AKIDanother", "AuthFailure.SecretIdNotFound"),
        ("SMS_SIGN", "别人", "FailedOperation.SignatureIncorrectOrUnapproved"),
    ],
)
@pytest.mark.usefixtures("agreed")
def test_a_wrong_account_sends_nothing_until_it_is_mended(
    message, carrier, settings, setting, wrong, reason
):
    right = getattr(settings, setting)
    setattr(settings, setting, wrong)
    outcome = sms.send(message)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.for_good) == (reason, False)
    assert carrier.journal == []

    setattr(settings, setting, right)
    assert isinstance(sms.send(message), Done)


@pytest.mark.parametrize(
    ("answer", "for_good"),
    [
        ("FailedOperation.PhoneNumberInBlacklist", True),
        ("FailedOperation.ContainSensitiveWord", True),
        ("LimitExceeded.PhoneNumberThirtySecondLimit", False),
        ("FailedOperation.InsufficientBalanceInSmsPackage", False),
        (Exception("InternalError.Timeout"), False),
    ],
)
@pytest.mark.usefixtures("agreed")
def test_what_no_second_try_mends_is_given_up(message, carrier, answer, for_good):
    carrier.answers.append(answer)

    outcome = sms.send(message)

    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.for_good) == (str(answer), for_good)
    assert carrier.journal == []


@pytest.mark.usefixtures("agreed")
def test_a_lost_answer_costs_one_more_message_and_no_more(message, carrier):
    carrier.answers += ["cut", "cut"]

    first = sms.send(message)
    message.attempts = 2
    second = sms.send(message)

    assert isinstance(first, Failed)
    assert isinstance(second, Failed)
    assert (first.reason, first.for_good) == ("sms_unanswered", False)
    assert (second.reason, second.for_good) == ("sms_unanswered", True)
    assert [one["SessionContext"] for one in carrier.journal] == [str(message.pk)] * 2


@pytest.mark.usefixtures("agreed", "carrier")
def test_a_carrier_that_is_away_is_asked_again(message, settings):
    settings.SMS_API_BASE = "http://127.0.0.1:1"
    message.attempts = 5

    outcome = sms.send(message)

    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.for_good) == ("sms_unreachable", False)


def test_long_values_are_cut_and_lines_become_one(message, agreed, carrier):
    message.notice.facts["activity"] = "扫雪\n" * 10

    assert isinstance(sms.send(message), Done)

    (value, _) = carrier.journal[0]["TemplateParamSet"]
    assert value == "扫雪 扫雪 扫雪 扫雪 扫雪 扫雪 扫…"
    assert len(value) == sms.VALUE_AT_MOST


def test_only_those_are_reached_who_agreed_to_the_use_of_their_phone(
    lake, wang, li, person, agreed, carrier
):
    nobody = person("nobody")
    nobody.phone = ""
    nobody.save()
    people = [wang.pk, li.pk, nobody.pk]
    for user in (nobody,):
        Consent.objects.create(user=user, purpose=Consent.Purpose.PHONE, version=1)
    assert sms.reaches("call_out", people) == {wang.pk}

    Consent.objects.create(user=li, purpose=Consent.Purpose.PHONE, version=99)  # to other words
    assert sms.reaches("call_out", people) == {wang.pk}
    consents.withdraw(user=wang, purpose=Consent.Purpose.PHONE)
    assert sms.reaches("call_out", people) == set()


def test_only_urgent_kinds_with_a_template_go_by_sms(agreed, carrier, settings, monkeypatch):
    settings.SMS_TEMPLATES |= {"no_show": CALL_OUT}

    assert sms.reaches("call_out", [agreed.pk]) == {agreed.pk}
    assert sms.reaches("no_show", [agreed.pk]) == set()
    assert sms.reaches("shift_moved", [agreed.pk]) == set()


@pytest.mark.usefixtures("carrier")
def test_without_consent_at_the_last_moment_nothing_is_sent(message, agreed, carrier):
    consents.withdraw(user=agreed, purpose=Consent.Purpose.PHONE)

    outcome = sms.send(message)

    assert isinstance(outcome, Done)
    assert outcome.values["reason"] == "no_phone"
    assert carrier.journal == []


def test_a_template_taken_away_meanwhile_skips_the_message(message, agreed, carrier, settings):
    settings.SMS_TEMPLATES = {}

    outcome = sms.send(message)

    assert isinstance(outcome, Done)
    assert (outcome.values["reason"], carrier.journal) == ("no_template", [])


def test_without_an_account_and_a_template_nothing_is_sent_by_sms(settings):
    assert not sms.is_ready()
    settings.SMS_SECRET_ID = "AKIDexample"
    assert not sms.is_ready()
    settings.SMS_TEMPLATES = {"call_out": CALL_OUT}
    assert sms.is_ready()


@pytest.mark.parametrize(
    ("kind", "written", "wrong"),
    [
        ("nonesuch", CALL_OUT, "there is no such kind of notice."),
        ("no_show", CALL_OUT, "this kind does not go by SMS."),
        ("call_out", CALL_OUT | {"values": ["{minutes}"]}, "this kind has no {minutes}."),
        ("call_out", {"id": "1110"}, "it has to be"),
        ("call_out", CALL_OUT | {"id": 1110}, "it has to be"),
        ("call_out", CALL_OUT | {"more": 1}, "it has to be"),
        ("call_out", "1110", "it has to be"),
        ("call_out", CALL_OUT | {"values": "{activity}"}, "it has to be"),
        ("call_out", CALL_OUT | {"at_most": "20"}, "it has to be"),
    ],
)
@pytest.mark.usefixtures("carrier")
def test_a_template_that_cannot_work_is_found_at_the_start(settings, kind, written, wrong):
    settings.SMS_TEMPLATES = {kind: written}

    (found,) = sms.check_templates(None)

    assert found.id == "linli.E020"
    assert found.msg.startswith(f"LINLI_SMS_TEMPLATES, {kind}: {wrong}")


@pytest.mark.usefixtures("carrier")
def test_what_is_set_up_is_found_to_be_right(settings, monkeypatch):
    assert sms.check_templates(None) == []

    monkeypatch.setattr(sms, "find_spec", lambda name: None)
    (found,) = sms.check_templates(None)
    assert found.id == "linli.E021"


def test_numbers_are_not_logged(message, agreed, carrier, caplog):
    carrier.answers += ["LimitExceeded.DailyLimit", "cut"]
    with caplog.at_level("INFO"):
        for _ in range(3):
            sms.send(message)

    assert "19810000001" not in caplog.text


def test_an_account_is_told_from_none(settings):
    assert not tencent.is_set_up()
    settings.SMS_SECRET_ID = "AKIDexample"
    assert tencent.is_set_up()
