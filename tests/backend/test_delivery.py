"""Delivered notices go by the channels that reach a person, when and in the language they wish."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone, translation

from backend.communities.models import Role
from backend.communities.services import places, roles
from backend.notices import channels, delivery, kinds
from backend.notices import services as notices
from backend.notices.channels import Sender
from backend.notices.models import Channel, Message, Notice, NoticeSettings
from backend.notices.words import words
from backend.outbox import kinds as owed
from backend.outbox import services as outbox
from backend.outbox.kinds import Done, Failed
from tests.cast import tell

WECHAT, EMAIL, SMS = Channel
KIND = "shift_reminder"
NOON = datetime(2024, 3, 1, 12, tzinfo=ZoneInfo("Asia/Shanghai"))
NIGHT = NOON.replace(hour=23, minute=30)
FACTS = {
    "activity": "交通劝导",
    "place": "东门",
    "starts_at": "2024-03-02T07:00:00+08:00",
    "timezone": "Asia/Shanghai",
}


class Ways:
    """Stand-ins for every channel: whom they reach, and what was sent by them."""

    def __init__(self):
        self.unreached = {way: set() for way in Channel}
        self.is_ready = dict.fromkeys(Channel, True)
        self.sent = []
        self.ends = {}  # of a channel, else it is sent

    def sender(self, way):
        def send(message):
            end = self.ends.get(way, Done(sent_at=Now()))
            if isinstance(end, Exception):
                raise end
            title, _ = words(message.notice)
            self.sent.append((way, message.notice.recipient.username, title))
            return end

        return Sender(
            is_ready=lambda: self.is_ready[way],
            reaches=lambda kind, people: set(people) - self.unreached[way],
            send=send,
        )


@pytest.fixture
def ways(monkeypatch):
    """Every channel, and a kind of notice that goes by each."""
    ways = Ways()
    for way in Channel:
        monkeypatch.setitem(channels.registered, way, ways.sender(way))
    goes(monkeypatch, channels=tuple(Channel))
    return ways


def goes(monkeypatch, **how):
    changed = replace(kinds.registered[KIND], **{"is_urgent": False, "is_required": False, **how})
    monkeypatch.setitem(kinds.registered, KIND, changed)


@pytest.fixture
def it_is(monkeypatch):
    """Set the hour: ``it_is(NOON)``."""

    def now(moment):
        monkeypatch.setattr(delivery, "timezone", SimpleNamespace(now=lambda: moment))

    now(NOON)
    return now


@pytest.fixture
def told(lake, ways, it_is):
    """A notice is delivered: ``told(wang)``. Returns it."""

    def deliver(person, community=lake, **when):
        key = str(len(Notice.objects.all()))
        due = {"due_at": NOON - timedelta(hours=1), **when}
        notices.owe(community=community, key=key, recipient=person, kind=KIND, facts=FACTS, **due)
        notice = Notice.objects.get(community=community, key=key)
        tell(notice)
        return notice

    return deliver


def planned(notice):
    """The channels of a notice's messages."""
    messages = Message.objects.filter(community=notice.community, notice=notice)
    return {*messages.values_list("channel", flat=True)}


def sweep():
    return sum(outbox.work("message", share) for share in outbox.shares("message"))


def is_due():
    Message.objects.filter(next_at__isnull=False).update(next_at=timezone.now())


# --- by which channels ------------------------------------------------------------------------
def test_a_notice_goes_by_each_channel_of_its_kind_once(told, zhao, ways):
    notice = told(zhao)
    assert planned(notice) == {WECHAT, EMAIL, SMS}

    is_due()
    sweep()
    is_due()
    sweep()

    assert Counter(way for way, *_ in ways.sent) == {WECHAT: 1, EMAIL: 1, SMS: 1}
    assert {person for _, person, _ in ways.sent} == {"zhao"}
    for message in Message.objects.all():
        assert (message.next_at, message.sent_at is None, message.attempts) == (None, False, 1)


def test_a_channel_that_is_not_of_its_kind_is_not_used(told, wang, monkeypatch, ways):
    goes(monkeypatch, channels=(SMS,))
    assert planned(told(wang)) == {SMS}

    goes(monkeypatch, channels=())
    assert planned(told(wang)) == set()


def test_a_channel_that_is_not_set_up_is_not_used(told, wang, ways):
    ways.is_ready[WECHAT] = False

    assert planned(told(wang)) == {SMS}


def test_whom_a_channel_cannot_reach_is_told_by_the_others(told, wang, li, ways):
    ways.unreached[WECHAT] = {wang.pk}

    assert planned(told(wang)) == {SMS}
    assert planned(told(li)) == {WECHAT, SMS}


@pytest.mark.parametrize("role", [Role.STAFF, Role.MANAGER, Role.AUDITOR])
def test_mail_is_for_those_who_work_in_the_community(told, wang, person, lake, hill, role):
    street = places.found(code="street", name="街道", kind="street")
    lake.parent = street
    lake.save()
    here, above, elsewhere = person("here"), person("above"), person("elsewhere")
    for user, place in ((here, lake), (above, street), (elsewhere, hill)):
        roles.give(user=user, community=place, role=role)

    assert EMAIL in planned(told(here)) & planned(told(above))
    assert EMAIL not in planned(told(elsewhere)) | planned(told(wang))
    assert EMAIL in planned(told(elsewhere, community=hill))


def test_what_somebody_switched_off_is_not_sent_and_still_in_the_inbox(told, wang, li):
    notices.change_settings(user=wang, switched_off={KIND: [WECHAT], "shift_tomorrow": [SMS]})

    notice = told(wang)
    assert planned(notice) == {SMS}
    notice.refresh_from_db()
    assert notice.delivered_at is not None
    assert planned(told(li)) == {WECHAT, SMS}


def test_what_became_required_is_sent_whatever_was_switched_off(told, wang, monkeypatch):
    notices.change_settings(user=wang, switched_off={KIND: [SMS]})
    goes(monkeypatch, channels=(SMS,), is_required=True)

    assert planned(told(wang)) == {SMS}


def test_a_stale_notice_goes_nowhere(told, zhao):
    notice = told(zhao, stale_at=NOON - timedelta(minutes=1))

    notice.refresh_from_db()
    assert (notice.withdrawn_at is not None, planned(notice)) == (True, set())


def test_many_notices_are_planned_in_a_few_statements(
    lake, ways, it_is, wang, li, zhao, django_assert_max_num_queries
):
    for number in range(30):
        notices.owe(
            community=lake,
            key=str(number),
            recipient=(wang, li, zhao)[number % 3],
            kind=KIND,
            facts={},
            due_at=NOON,
        )
    (share,) = outbox.shares("notice")

    with django_assert_max_num_queries(10):
        assert outbox.work("notice", share) == 30

    assert Message.objects.count() == 70  # two each, and ten mails to staff


def test_a_channel_has_one_message_of_a_notice(told, wang):
    message = Message.objects.filter(notice=told(wang), channel=SMS).get()
    message.pk = None

    with pytest.raises(IntegrityError, match="message_once_a_channel"), transaction.atomic():
        Message.objects.bulk_create([message])


# --- quiet hours ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("at", "quiet", "until"),
    [
        ("12:00", ("22:00", "08:00"), None),
        ("21:59", ("22:00", "08:00"), None),
        ("22:00", ("22:00", "08:00"), "2024-03-02 08:00"),
        ("23:30", ("22:00", "08:00"), "2024-03-02 08:00"),
        ("00:00", ("22:00", "08:00"), "2024-03-01 08:00"),
        ("07:59", ("22:00", "08:00"), "2024-03-01 08:00"),
        ("08:00", ("22:00", "08:00"), None),
        ("13:00", ("12:30", "14:00"), "2024-03-01 14:00"),
        ("14:00", ("12:30", "14:00"), None),
        ("23:00", ("00:00", "00:00"), None),
        ("23:00", ("00:00", "23:59"), "2024-03-01 23:59"),
    ],
)
@pytest.mark.parametrize("clock", ["Asia/Shanghai", "Asia/Urumqi", "America/New_York"])
def test_quiet_hours_end_by_the_clock_of_the_community(at, quiet, until, clock):
    zone = ZoneInfo(clock)
    moment = datetime.fromisoformat(f"2024-03-01 {at}").replace(tzinfo=zone).astimezone(UTC)
    begin, end = map(time.fromisoformat, quiet)

    sent_at = delivery.after_quiet_hours(moment, zone, begin, end)

    expected = datetime.fromisoformat(until).replace(tzinfo=zone) if until else moment
    assert sent_at == expected


def test_a_message_waits_for_the_end_of_quiet_hours_and_the_inbox_does_not(told, wang, it_is, ways):
    it_is(NIGHT)
    notice = told(wang)

    notice.refresh_from_db()
    assert notice.delivered_at is not None
    morning = NIGHT.replace(day=2, hour=8, minute=0)
    assert {*Message.objects.values_list("due_at", "next_at")} == {(morning, morning)}


def test_quiet_hours_are_ones_own(told, wang, li, it_is):
    it_is(NIGHT)
    notices.change_settings(user=wang, quiet_from=time(0), quiet_until=time(6))
    notices.change_settings(user=li, quiet_from=time(21), quiet_until=time(9, 30))
    told(wang)
    told(li)

    due = dict(Message.objects.values_list("notice__recipient__username", "due_at"))
    assert due == {"wang": NIGHT, "li": NIGHT.replace(day=2, hour=9)}


def test_quiet_hours_are_by_the_clock_of_the_community(told, wang, lake, it_is):
    lake.timezone = "Europe/Lisbon"  # where it is half past three in the afternoon
    lake.save()
    it_is(NIGHT)
    told(wang)

    assert {*Message.objects.values_list("due_at", flat=True)} == {NIGHT}


def test_what_is_urgent_does_not_wait(told, wang, it_is, monkeypatch):
    goes(monkeypatch, channels=(SMS,), is_urgent=True)
    it_is(NIGHT)
    told(wang)

    assert Message.objects.get().due_at == NIGHT


# --- sending ----------------------------------------------------------------------------------
def test_a_message_is_in_the_language_of_its_person(told, wang, li, ways):
    notices.change_settings(user=wang, language="en")
    told(wang)
    told(li)
    with translation.override("fr"):
        is_due()
        sweep()

    titles = {(person, title) for _, person, title in ways.sent}
    with translation.override("zh-hans"):
        assert titles == {
            ("wang", "Your shift begins soon"),
            ("li", str(kinds.registered[KIND].title)),
        }
    assert dict(Message.objects.values_list("notice__recipient__username", "language")) == {
        "wang": "en",
        "li": "zh-hans",
    }


def test_what_became_stale_on_its_way_is_skipped(told, wang, ways, it_is):
    it_is(NIGHT)
    told(wang, stale_at=NIGHT + timedelta(hours=2))
    it_is(NIGHT + timedelta(hours=9))
    is_due()
    sweep()

    assert ways.sent == []
    for message in Message.objects.all():
        ended = (message.reason, message.skipped_at is None, message.next_at, message.sent_at)
        assert ended == ("stale", False, None, None)


def test_what_was_read_in_the_inbox_meanwhile_is_not_sent(told, wang, ways):
    notices.mark_read(notice=told(wang))
    is_due()
    sweep()

    assert ways.sent == []
    assert {*Message.objects.values_list("reason", flat=True)} == {"read"}


def test_who_is_not_reached_after_all_is_on_record(told, wang, ways):
    ways.ends[SMS] = Done(skipped_at=Now(), reason="no_number")
    told(wang)
    is_due()
    sweep()

    skipped = Message.objects.get(channel=SMS)
    assert (skipped.reason, skipped.sent_at, skipped.next_at) == ("no_number", None, None)
    assert Message.objects.get(channel=WECHAT).sent_at is not None


def test_a_channel_that_fails_delays_no_other_and_is_retried_by_staff(
    told, wang, ways, zhao, logged_in
):
    ways.ends[SMS] = Failed("no_money", for_good=True)
    ways.ends[WECHAT] = RuntimeError("timed out")
    told(wang)
    is_due()
    sweep()

    sms, wechat = (Message.objects.get(channel=way) for way in (SMS, WECHAT))
    assert (sms.given_up_at is None, sms.reason) == (False, "no_money")
    assert (wechat.given_up_at, wechat.reason, wechat.attempts) == (None, "RuntimeError", 1)
    assert wechat.next_at > timezone.now()

    ways.ends.clear()
    logged_in(zhao).post("/api/v1/communities/lake/outbox/message/retry")
    is_due()
    sweep()
    assert {(way, who) for way, who, _ in ways.sent} == {(SMS, "wang"), (WECHAT, "wang")}


def test_a_channel_that_is_no_longer_set_up_loses_nothing(told, wang, ways, monkeypatch):
    goes(monkeypatch, channels=(SMS,))
    told(wang)
    ways.is_ready[SMS] = False
    is_due()
    sweep()
    waiting = Message.objects.get()
    assert (waiting.reason, waiting.next_at is None) == ("channel_not_ready", False)

    ways.is_ready[SMS] = True
    is_due()
    sweep()
    assert len(ways.sent) == 1


def test_a_silent_channel_does_not_hold_up_another(told, wang):
    told(wang)
    is_due()

    shares = outbox.shares("message")

    assert {share["channel"] for share in shares} == {WECHAT, SMS}
    assert owed.registered["message"].share == ("community_id", "channel")


# --- races ------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_workers_at_once_plan_and_send_once(lake, wang, ways, it_is, at_once):
    Notice.objects.bulk_create(
        Notice(community=lake, key=str(n), recipient=wang, kind=KIND, facts=FACTS, due_at=NOON)
        for n in range(40)
    )
    at_once(4, lambda _: outbox.work("notice", {"community_id": str(lake.pk)}))
    assert Message.objects.count() == 80
    is_due()
    at_once(4, lambda _: sweep())
    sweep()

    assert Counter(way for way, *_ in ways.sent) == {WECHAT: 40, SMS: 40}


@pytest.mark.django_db(transaction=True)
def test_wishes_told_at_once_are_all_kept(wang, at_once):
    names = [name for name, kind in kinds.registered.items() if not kind.is_required][:4]

    at_once(4, lambda n: notices.change_settings(user=wang, switched_off={names[n]: [SMS]}))

    assert NoticeSettings.objects.get(user=wang).switched_off == {name: [SMS] for name in names}
