"""WeChat subscribe messages: one for each accept, never two at once to one person."""

import json
import re
import threading
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core import checks
from django.db import ProgrammingError
from django.db.models import Sum
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from backend.ids import new_id
from backend.notices import kinds as notice_kinds
from backend.notices.channels.wechat import quotas, sending, templates
from backend.notices.channels.wechat.quotas import Why
from backend.notices.channels.wechat.values import fitted, is_field
from backend.notices.models import Channel, Message, Notice, WeChatQuota, WeChatQuotaEntry
from backend.outbox import services as outbox
from backend.outbox.kinds import Later
from backend.standins.wechat import INDEX, PUSH_TOKEN, SEND, TEMPLATES
from backend.standins.wechat_values import MAY_HOLD

pytestmark = pytest.mark.django_db

PUSH, OPENID, SHIFT = "/api/v1/wechat/push", "o6_wang", "standin-shift"
SHANGHAI = ZoneInfo("Asia/Shanghai")
FACTS = {
    "activity": "交通劝导",
    "place": "东门",
    "starts_at": "2024-02-29T23:00:00+00:00",
    "timezone": "Asia/Shanghai",
}


@pytest.fixture(autouse=True)
def _is_on(settings, wechat, wang):
    settings.WECHAT_PUSH_TOKEN = PUSH_TOKEN
    settings.WECHAT_TEMPLATES = TEMPLATES
    SocialAccount.objects.create(user=wang, provider="wechat", uid=OPENID)
    wechat.active[OPENID] = wechat.now()


@pytest.fixture
def tap(wechat):
    """Has a person tap on subscriptions, and WeChat tell us of it: ``tap("accept", SHIFT)``."""

    def choose(status="accept", *template_ids):
        told = {"openid": OPENID, "template_ids": template_ids or (SHIFT,)}
        if status == "refuse all":
            wechat.unsubscribe(told)
        else:
            wechat.subscribe(told | {"status": status})
        wechat.ahead += 1  # nobody taps twice in a second
        return hear(wechat, wechat.journal[-1])

    return choose


def hear(wechat, event):
    query, body = wechat.push(event)
    answer = APIClient().post(PUSH, body, query_params=query)
    assert (answer.status_code, answer.content) == (200, b"success")
    return body


@pytest.fixture
def owe(lake, wang):
    """A message that is owed: ``owe()``."""

    def put_down(language="zh-hans", recipient=wang, **facts):
        now = timezone.now()
        notice = Notice.objects.create(
            community=lake,
            key=str(new_id()),
            recipient=recipient,
            kind="shift_reminder",
            facts=FACTS | facts,
            due_at=now,
            delivered_at=now,
            next_at=None,
        )
        return Message.objects.create(
            community=lake,
            notice=notice,
            channel=Channel.WECHAT,
            language=language,
            due_at=now,
        )

    return put_down


def send(message):
    """Try to send a message, and return it as it is then."""
    outbox.attempt("message", community_id=message.community_id, pk=message.pk, is_due=False)
    return Message.objects.get(community=message.community_id, pk=message.pk)


def asked(wechat):
    """Return what WeChat answered to each message that it was asked to send."""
    return [one["errcode"] for one in wechat.journal if one.get("path") == SEND]


def arrived(wechat):
    return [one for one in wechat.journal if one.get("event") == "subscribe_msg_sent_event"]


def left(template_id=SHIFT):
    """Return what is left of a quota: what its entries add up to."""
    quota = WeChatQuota.objects.filter(template_id=template_id).first()
    total = WeChatQuotaEntry.objects.filter(quota=quota).aggregate(Sum("change"))["change__sum"]
    assert (quota.left if quota else None) == total
    return quota and quota.left


def entered():
    return [*WeChatQuotaEntry.objects.order_by("pk").values_list("why", "change")]


# --- who accepts ------------------------------------------------------------------------------
def test_each_accept_is_one_more_message(tap):
    one = tap("accept")
    several = tap("accept", SHIFT, "standin-report")

    assert (isinstance(one["List"], dict), isinstance(several["List"], list)) == (True, True)
    assert (left(), left("standin-report")) == (2, 1)


def test_an_event_that_wechat_repeats_counts_once(wechat, tap):
    tap("accept")
    for _ in range(3):
        hear(wechat, wechat.journal[-1])

    assert (left(), entered()) == (1, [("accepted", 1)])


@pytest.mark.django_db(transaction=True)
def test_events_that_come_three_times_at_one_moment_count_once(wechat, at_once):
    body = {"FromUserName": OPENID, "CreateTime": 1, "Event": "subscribe_msg_popup_event"}
    body["List"] = {"TemplateId": SHIFT, "SubscribeStatusString": "accept", "PopupScene": "0"}

    at_once(3, lambda _: quotas.hear(body))

    assert (left(), entered()) == (1, [("accepted", 1)])


def test_a_rejected_popup_leaves_what_was_accepted_and_a_refusal_of_all_does_not(tap):
    tap("accept")
    tap("reject")
    assert left() == 1
    tap("refuse all")
    assert (left(), entered()[-1]) == (0, ("declined", -1))


@pytest.mark.parametrize(
    "changes",
    [
        {"FromUserName": "o6_nobody"},
        {"FromUserName": ["x"]},
        {"List": None},
        {"List": "x"},
        {"List": [None, "x", {}]},
        {"List": {"TemplateId": 7, "SubscribeStatusString": "accept"}},
        {"List": {"TemplateId": "", "SubscribeStatusString": "accept"}},
        {"List": {"TemplateId": "x" * 65, "SubscribeStatusString": "accept"}},
        {"List": {"TemplateId": SHIFT, "SubscribeStatusString": ["accept"]}},
        {"Event": "subscribe_msg_sent_event"},
    ],
    ids=str,
)
def test_an_event_that_says_nothing_of_our_people_changes_nothing(wechat, changes):
    body = {"FromUserName": OPENID, "CreateTime": 1, "Event": "subscribe_msg_popup_event"}
    body["List"] = {"TemplateId": SHIFT, "SubscribeStatusString": "accept"}

    answer = APIClient().post(PUSH, body | changes, query_params=wechat.signed())

    assert answer.status_code == 200
    assert not WeChatQuota.objects.exists()


def test_what_was_accepted_goes_with_the_account_at_wechat(tap, owe, li, wechat):
    tap("accept")
    SocialAccount.objects.update(user=li)  # the phone tells who they are
    assert not quotas.accepting(SHIFT, [owe().notice.recipient_id])
    assert quotas.accepting(SHIFT, [li.pk]) == {li.pk}

    SocialAccount.objects.all().delete()  # an erasure
    assert not WeChatQuotaEntry.objects.exists()


def test_the_channel_reaches_who_accepts_a_message_about_the_kind(tap, wang, li):
    people = [wang.pk, li.pk]
    assert sending.reaches("shift_reminder", people) == set()
    tap("accept", "standin-report")
    assert sending.reaches("shift_reminder", people) == set()
    tap("accept")
    assert sending.reaches("shift_reminder", people) == {wang.pk}
    assert sending.reaches("report_held", people) == set()  # it goes by no template


def test_the_channel_is_ready_with_a_mini_program_and_templates(settings):
    assert sending.is_ready()
    settings.WECHAT_TEMPLATES = {}
    assert not sending.is_ready()
    settings.WECHAT_TEMPLATES, settings.WECHAT_APP_ID = TEMPLATES, ""
    assert not sending.is_ready()


def test_the_mini_program_reads_what_to_ask_for_and_what_is_left(tap, wang, li, logged_in):
    tap("accept")
    tap("accept")

    def told(user):
        return logged_in(user).get("/api/v1/me/wechat-templates").json()

    assert told(wang)[0] == {
        "family": "shift",
        "template_id": SHIFT,
        "left": 2,
        "kinds": [*templates.kinds_of("shift")],
    }
    assert "shift_reminder" in told(wang)[0]["kinds"]
    assert [one["left"] for one in told(wang)[1:]] == [0] * (len(TEMPLATES) - 1)
    assert told(li)[0]["left"] == 0


# --- sending ----------------------------------------------------------------------------------
def test_a_message_arrives_and_spends_an_accept(wechat, tap, owe):
    tap("accept")
    message = owe()

    sent = send(message)

    (event,) = arrived(wechat)
    assert {name: told["value"] for name, told in event["data"].items()} == {
        "thing1": "您的志愿班次即将开始",
        "thing2": "交通劝导，2024-03-01 07:…",
        "time3": f"{message.notice.delivered_at.astimezone(SHANGHAI):%Y年%-m月%-d日 %H:%M}",
        "thing4": "碧沙湖社区",
    }
    assert (event["openid"], event["lang"]) == (OPENID, "zh_CN")
    assert event["page"] == f"{INDEX}?notice={message.notice_id}"
    assert (sent.next_at, sent.skipped_at, sent.reason) == (None, None, "")
    assert sent.sent_at is not None
    assert (left(), entered()) == (0, [("accepted", 1), ("sent", -1)])


def test_a_message_is_in_its_readers_language(wechat, tap, owe):
    tap("accept")

    send(owe(language="en"))

    (event,) = arrived(wechat)
    assert (event["data"]["thing1"]["value"], event["lang"]) == ("Your shift begins s…", "en_US")


def test_without_an_accept_wechat_is_not_asked_and_the_inbox_has_it(wechat, tap, owe):
    tap("accept")
    send(owe())

    skipped = send(owe())

    assert (skipped.sent_at, skipped.next_at) == (None, None)
    assert (skipped.reason, skipped.skipped_at is None) == ("wechat_not_accepted", False)
    assert asked(wechat) == [0]


def test_a_kind_that_lost_its_template_is_skipped(settings, tap, owe):
    tap("accept")
    settings.WECHAT_TEMPLATES = {"report": TEMPLATES["report"]}

    skipped = send(owe())

    assert (skipped.reason, skipped.skipped_at is None) == ("wechat_no_template", False)


@pytest.mark.parametrize("errcode", [43101, 43107])
def test_what_wechat_says_is_not_accepted_sets_the_quota_to_nothing(wechat, tap, owe, errcode):
    tap("accept")
    tap("accept")
    wechat.quota[OPENID, SHIFT] = None if errcode == 43107 else 0

    skipped = send(owe())

    assert (skipped.reason, skipped.skipped_at is None) == ("wechat_not_accepted", False)
    assert asked(wechat) == [errcode]
    assert (left(), entered()[-1]) == (0, ("refused", -2))


def test_somebody_whom_wechat_does_not_know_is_skipped(wechat, tap, owe):
    tap("accept")
    wechat.active.clear()

    assert send(owe()).reason == "wechat_user_away"
    assert left() == 1


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda wechat: wechat.templates.clear(), "wechat_message_refused 40037"),
        (lambda wechat: wechat.pages.clear(), "wechat_message_refused 41030"),
        (
            lambda wechat: wechat.templates.update({SHIFT: ["thing1", "name9"]}),
            "wechat_message_refused 47003 name9",
        ),
        (
            lambda wechat: wechat.fail_next.append(
                {"path": SEND, "how": "errcode", "errcode": 45168}
            ),
            "wechat_message_refused 45168",
        ),
    ],
    ids=["template", "page", "value", "word"],
)
def test_what_is_wrong_for_good_is_given_up_with_the_reason(wechat, tap, owe, wrong, reason):
    tap("accept")
    wrong(wechat)

    given_up = send(owe())

    assert (given_up.reason, given_up.next_at) == (reason, None)
    assert given_up.given_up_at is not None
    assert left() == 1
    assert entered() == [("accepted", 1)]


@pytest.mark.parametrize(
    ("failure", "is_unanswered"),
    [
        ({"how": "errcode", "errcode": 45009}, False),
        ({"how": "before"}, True),
        ({"how": "slow", "seconds": 5}, True),
        ({"how": "garbage"}, True),
        ({"how": "status", "status": 502}, True),
    ],
    ids=str,
)
def test_what_passes_is_tried_again_and_leaves_the_quota(wechat, tap, owe, failure, is_unanswered):
    tap("accept")
    wechat.fail_next.append({"path": SEND, **failure})

    failed = send(owe())

    assert (failed.reason, failed.attempts) == ("wechat_unavailable", 1)
    assert failed.next_at > timezone.now()
    assert left() == 1
    assert entered()[1:] == ([("unanswered", 0)] if is_unanswered else [])
    assert not WeChatQuota.objects.filter(sending_until__isnull=False).exists()


def test_while_wechat_is_busy_it_is_asked_again_at_once(wechat, tap, owe):
    tap("accept")
    wechat.fail_next.append({"path": SEND, "how": "errcode", "errcode": -1})

    assert send(owe()).sent_at is not None


def test_a_token_that_does_not_come_is_no_message_that_may_have_been_sent(wechat, tap, owe):
    tap("accept")
    wechat.fail_next.append({"path": "/cgi-bin/stable_token", "how": "after"})

    assert send(owe()).reason == "wechat_unavailable"
    assert entered() == [("accepted", 1)]


# --- never two at once ------------------------------------------------------------------------
def test_while_wechat_sends_another_it_waits_a_moment(wechat, tap, owe):
    tap("accept")
    wechat.sending[OPENID] = threading.get_ident()

    later = send(owe())

    assert asked(wechat) == [43108]
    assert timedelta() < later.next_at - timezone.now() <= timedelta(seconds=5)
    assert (later.attempts, left()) == (0, 1)
    wechat.sending.clear()
    assert send(later).sent_at is not None


@pytest.mark.django_db(transaction=True)
def test_two_workers_do_not_send_to_one_person_at_once(wechat, tap, owe, at_once):
    for template in (SHIFT, SHIFT, "standin-report"):
        tap("accept", template)
    messages = [owe() for _ in range(6)]
    wechat.fail_next.append({"path": SEND, "how": "slow", "seconds": 0.3})

    at_once(6, lambda number: send(messages[number]))

    assert asked(wechat) == [0]
    waiting = Message.objects.filter(next_at__isnull=False)
    assert (waiting.count(), left()) == (5, 1)


def test_a_worker_that_died_while_asking_delays_the_next_for_a_lease(wechat, tap, owe):
    tap("accept")
    tap("accept", "standin-report")
    dead, waiting = owe(), owe()
    assert quotas.take(message=dead, template_id=SHIFT)

    assert isinstance(sending.send(waiting), Later)
    assert asked(wechat) == []
    WeChatQuota.objects.filter(template_id=SHIFT).update(sending_until=timezone.now())
    assert send(waiting).sent_at is not None


def test_a_worker_whose_lease_is_over_does_not_end_the_lease_of_the_next(tap, owe):
    tap("accept")
    slow, next_one = owe(), owe()
    old = quotas.take(message=slow, template_id=SHIFT)
    WeChatQuota.objects.update(sending_until=timezone.now())
    new = quotas.take(message=next_one, template_id=SHIFT)

    quotas.give_back(old, message=slow)

    assert WeChatQuota.objects.get().sending_until == new.sending_until


def test_an_accept_while_wechat_refuses_stays(tap, owe):
    tap("accept")
    message = owe()
    quota = quotas.take(message=message, template_id=SHIFT)
    tap("accept")

    quotas.give_back(quota, message=message, why=Why.REFUSED)

    assert (left(), entered()[-1]) == (1, ("refused", -1))


def test_a_refusal_of_all_while_a_message_is_sent_does_not_go_below_nothing(tap, owe):
    tap("accept")
    message = owe()
    quota = quotas.take(message=message, template_id=SHIFT)
    tap("refuse all")

    quotas.give_back(quota, message=message, why=Why.SENT)

    assert (left(), entered()[-1]) == (0, ("sent", 0))


def test_who_leaves_while_a_message_is_sent_leaves_nothing_behind(tap, owe):
    tap("accept")
    message = owe()
    quota = quotas.take(message=message, template_id=SHIFT)
    SocialAccount.objects.all().delete()

    quotas.give_back(quota, message=message, why=Why.SENT)

    assert not WeChatQuotaEntry.objects.exists()


# --- between the effect and its record --------------------------------------------------------
def test_an_answer_that_is_lost_after_the_effect_is_one_repeat_and_counted(wechat, tap, owe):
    for _ in range(3):
        tap("accept")
    wechat.fail_next.append({"path": SEND, "how": "after"})
    message = owe()

    assert send(message).sent_at is None
    assert send(message).sent_at is not None
    assert not outbox.attempt("message", community_id=message.community_id, pk=message.pk)

    assert len(arrived(wechat)) == 2  # and no third
    assert entered()[3:] == [("unanswered", 0), ("sent", -1)]
    assert (left(), wechat.quota[OPENID, SHIFT]) == (2, 1)
    # WeChat has the last word about what is left.
    assert [send(owe()).reason for _ in range(2)] == ["", "wechat_not_accepted"]
    assert (left(), entered()[-1]) == (0, ("refused", -1))


def test_a_worker_that_dies_after_the_entry_does_not_have_it_sent_again(wechat, tap, owe):
    tap("accept")
    message = owe()
    sending.send(message)  # and its outcome is not recorded

    again = send(message)

    assert again.sent_at is not None
    assert len(arrived(wechat)) == 1
    assert left() == 0


def test_an_entry_is_not_changed(tap):
    tap("accept")
    with pytest.raises(ProgrammingError, match="Cannot update rows"):
        WeChatQuotaEntry.objects.update(change=5)


# --- what fits --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("field", "text", "fits"),
    [
        ("thing1", "长" * 20, "长" * 20),
        ("thing1", "长" * 21, "长" * 19 + "…"),
        ("thing1", "两\n 行", "两 行"),
        ("thing1", " ", "—"),
        ("time1", "2026-01-05 19:30", "2026年1月5日 19:30"),
        ("time1", "19:30", "19:30"),
        ("date1", "2026-01-05~2026-01-06", "2026年1月5日~2026年1月6日"),
        ("number1", "共 12 分", "12"),
        ("amount1", "奖励 ¥30.00元整", "¥30.00元"),
        ("letter1", "A-b 邻", "Ab"),
        ("symbol1", "a!?邻!!!!", "!?!!!"),
        ("character_string1", "编号 A-1", " A-1"),
        ("phone_number1", "电话 +86 199-0000-0001 转 5", " +86 199-0000-000"),
        ("car_number1", "鄂A·12345 车", "鄂A12345车"),
        ("name1", "王**", "王"),
        ("name1", "Wang Xiaoming", "Wang Xiaoming"),
        ("phrase1", "已经核销了吧", "已经核销了"),
        ("phrase1", "ok", ""),
    ],
)
def test_a_value_is_cut_to_what_its_field_may_hold(field, text, fits):
    assert fitted(field, text) == fits


# Moments are not cut: a text that is none is the operator's mistake.
@pytest.mark.parametrize("kind", sorted(MAY_HOLD.keys() - {"time", "date"}))
@given(text=st.text())
def test_what_is_cut_is_taken_by_wechat_or_empty(kind, text):
    assert is_field(f"{kind}1")
    fits = fitted(f"{kind}1", text)
    assert not fits or re.fullmatch(MAY_HOLD[kind], fits, re.DOTALL)


# --- what an operator writes ------------------------------------------------------------------
def found():
    return [(one.id, one.msg.partition(", ")[2]) for one in templates.check_templates(None)]


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ({"id": "T"}, "shift: it has to be"),
        ("T", "shift: it has to be"),
        ({"id": "", "fields": {"thing1": "x"}}, "shift: it has to be"),
        ({"id": "T", "fields": {}}, "shift: it has to be"),
        ({"id": "T", "fields": {"thing1": 7}}, "shift: it has to be"),
        ({"id": "T", "fields": {"thing1": "x"}, "pages": ""}, "shift: it has to be"),
        ({"id": "T", "fields": {"thing1": "x"}, "page": "/p"}, "shift: its page begins"),
        ({"id": "T", "fields": {"thing": "x"}}, "shift: thing is no field"),
        ({"id": "T", "fields": {"title1": "x"}}, "shift: title1 is no field"),
        ({"id": "T", "fields": {"thing1": "{wages}"}}, "shift: thing1 has {wages}, which"),
        ({"id": "T", "fields": {"thing1": "x"}, "page": "p?{wages}"}, "shift: page has {wages}"),
    ],
    ids=str,
)
def test_a_template_that_could_not_be_sent_is_found_at_the_start(settings, written, wrong):
    settings.WECHAT_TEMPLATES = {"shift": written}

    (code,) = {code for code, _ in found()}
    told = " ".join(told for _, told in found())

    assert (code, told[: len(wrong)]) == ("linli.E010", wrong)


def test_a_sound_template_of_the_kinds_facts_passes(settings):
    fields = {"thing1": "{activity}", "time2": "{begins}", "thing3": "{community}"}
    page = "pages/{type}?id={id}"
    settings.WECHAT_TEMPLATES = {"shift": {"id": "T", "page": page, "fields": fields}}
    assert found() == []

    settings.WECHAT_PUSH_TOKEN = ""
    assert [code for code, _ in found()] == ["linli.E011"]
    settings.WECHAT_TEMPLATES = {}
    assert found() == []


def test_a_family_that_no_kind_uses_is_a_warning(settings):
    settings.WECHAT_TEMPLATES = {"shfit": TEMPLATES["shift"]}

    assert found() == [("linli.W010", "shfit: no kind of notice uses it.")]


def test_the_check_runs_at_the_start(settings):
    settings.WECHAT_TEMPLATES = {"shift": "T"}

    assert "linli.E010" in {one.id for one in checks.run_checks()}


def test_make_run_has_a_sound_template_for_every_kind_that_goes_by_wechat(settings):
    settings.WECHAT_TEMPLATES = json.loads(json.dumps(TEMPLATES))
    by_wechat = [
        kind for kind in notice_kinds.registered.values() if Channel.WECHAT in kind.channels
    ]

    assert {kind.template for kind in by_wechat} <= TEMPLATES.keys()

    assert {code for code, _ in found()} <= {"linli.W010"}
