"""Notices by three channels while workers are killed, Redis forgets, PostgreSQL stands still."""

import random
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta

import psutil
import pytest
from allauth.socialaccount.models import SocialAccount
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from backend.accounts import vault
from backend.accounts.models import User
from backend.celery import CLOCK, app
from backend.clockwork.works import every
from backend.communities.models import Membership, Role
from backend.notices import kinds as notice_kinds
from backend.notices.channels.wechat import quotas
from backend.notices.models import (
    Channel,
    Mailbox,
    Message,
    Notice,
    WeChatQuota,
    WeChatQuotaEntry,
)
from backend.outbox import kinds
from backend.standins.wechat import PUSH_TOKEN, SEND, TEMPLATES
from tests import cluster
from tests.backend.test_outbox_faults import Outbox
from tests.forks import forked
from tests.long import IS_LONG, times
from tests.standins import smtp

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

NOTICES = times(80)
PEOPLE = max(10, NOTICES // 100)
KILLS, LOST_ANSWERS = (5, 3) if IS_LONG else (2, 2)
PATIENCE = 200  # seconds: a worker that dies in a sweep keeps the next from it for 90
TEMPLATE = TEMPLATES["shift"]["id"]
KIND = "shift_reminder"


class Clockwork(Outbox):
    """A machine with two workers, and two beats that know nothing of each other."""

    def start(self):
        self.beats = []
        super().start()
        self.beats += [forked(beat, str(self.home / f"schedule{number}")) for number in (1, 2)]

    def stop(self):
        for one in self.beats:
            one.kill()
            one.join(PATIENCE)
        super().stop()

    def sweep(self):
        """Leave it to beat."""

    def pause_database(self, draw):
        """Let PostgreSQL stand still for some seconds, unless it is a cluster's."""
        if cluster.is_used():
            return
        process = psutil.Process(self.postgres.process.pid)
        family = [process, *process.children(recursive=True)]
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.suspend()
        time.sleep(2)
        for one in reversed(family):
            with suppress(psutil.NoSuchProcess):
                one.resume()


def beat(schedule):
    """Celery's beat, until it is killed."""
    app._after_fork()
    app.Beat(schedule=schedule, loglevel="CRITICAL", quiet=True).run()


@pytest.fixture
def mails(settings):
    server = smtp.Server()
    server.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.DEFAULT_FROM_EMAIL = "linli@example.cn"
    yield server
    server.stop()


@pytest.fixture
def people(lake, wechat):
    """Staff who have verified an address, and accept as many messages as there may be."""
    staff = User.objects.bulk_create(User(username=f"p{number}") for number in range(PEOPLE))
    Membership.objects.bulk_create(
        Membership(community=lake, user=user, role=Role.STAFF) for user in staff
    )
    accounts = SocialAccount.objects.bulk_create(
        SocialAccount(user=user, provider="wechat", uid=f"o6_{user.username}") for user in staff
    )
    quotas = WeChatQuota.objects.bulk_create(
        WeChatQuota(account=account, template_id=TEMPLATE, left=2 * NOTICES) for account in accounts
    )
    WeChatQuotaEntry.objects.bulk_create(
        WeChatQuotaEntry(quota=quota, key="taps", why="accepted", change=2 * NOTICES)
        for quota in quotas
    )
    Mailbox.objects.bulk_create(
        Mailbox(
            user=user,
            address_encrypted=vault.encrypt(f"{user.username}@example.cn"),
            code_expires_at=timezone.now(),
            verified_at=timezone.now(),
            next_at=None,
        )
        for user in staff
    )
    for account in accounts:
        wechat.active[account.uid] = wechat.now()
        wechat.quota[account.uid, TEMPLATE] = 2 * NOTICES
    return staff


@pytest.fixture
def owed(lake, people):
    Notice.objects.bulk_create(
        Notice(
            community=lake,
            key=str(number),
            recipient=people[number % PEOPLE],
            kind=KIND,
            facts={
                "activity": f"第{number}次",
                "place": "东门",
                "starts_at": "2024-02-29T23:00:00+00:00",
                "timezone": "Asia/Shanghai",
            },
            due_at=timezone.now() - timedelta(seconds=number % 601),
            next_at=timezone.now() - timedelta(seconds=number % 601),
        )
        for number in range(NOTICES)
    )


@pytest.fixture
def _set_up(settings, monkeypatch, mails, wechat):
    """Leases are short, claims small, and nothing waits for the end of quiet hours."""
    settings.SWEEP_SECONDS = 5.0  # so long a share is worked on
    monkeypatch.setattr(quotas, "LEASE", timedelta(seconds=5))
    sweep = replace(CLOCK["sweep_outbox"], when=every(seconds=0.5))
    monkeypatch.setitem(CLOCK, sweep.name, sweep)
    settings.WECHAT_PUSH_TOKEN, settings.WECHAT_TEMPLATES = PUSH_TOKEN, TEMPLATES
    kind = notice_kinds.registered[KIND]
    everywhere = (Channel.WECHAT, Channel.EMAIL)
    told = replace(kind, channels=everywhere, template="shift", is_urgent=True)
    monkeypatch.setitem(notice_kinds.registered, KIND, told)
    for name, kind in [*kinds.registered.items()]:
        few = replace(
            kind,
            lease=timedelta(seconds=3),
            claimed_at_once=min(kind.claimed_at_once, 20),
            swept_at_most=max(20, NOTICES // 50),
            waits=(0.5,) * 50,
        )
        monkeypatch.setitem(kinds.registered, name, few)


@pytest.fixture
def machine(owed, _set_up, settings, monkeypatch, tmp_path_factory):
    tick = settings.CELERY_BEAT_SCHEDULE["tick"] | {"schedule": 0.5}
    with ExitStack() as stack:
        stack.callback(setattr, app.conf, "beat_schedule", app.conf.beat_schedule)
        app.conf.beat_schedule = {"tick": tick}
        machine = Clockwork(tmp_path_factory.mktemp("machine"), monkeypatch, stack)
        machine.start()
        yield machine


def still_owed():
    return (
        sum(model.objects.filter(next_at__isnull=False).count() for model in (Notice, Message))
        + 2 * Notice.objects.filter(delivered_at__isnull=True).count()
    )


def test_each_notice_arrives_once_by_each_channel_whatever_is_killed(machine, mails, wechat):
    draw = random.Random(20)
    faults = [machine.kill_worker] * KILLS + [
        machine.flush_redis,
        machine.stop_redis,
        machine.pause_database,
    ]
    draw.shuffle(faults)
    in_all = 3 * NOTICES
    at = [in_all * (number + 1) // (len(faults) + 1) for number in range(len(faults))]
    happened = []

    least, given_up = in_all + 1, 0.0
    while (owed := still_owed()) or faults:
        if owed < least:
            least, given_up = owed, time.monotonic() + PATIENCE
        assert time.monotonic() < given_up, f"Of {owed} nothing was done for {PATIENCE} s."
        time.sleep(draw.random() / 2)
        with suppress(DatabaseError, InterfaceError):
            if faults and in_all - owed >= at[len(happened)]:
                fault = faults.pop()
                fault(draw)
                happened.append(fault.__name__)
                kills = happened.count("kill_worker")
                if happened[-1] == "kill_worker" and kills <= LOST_ANSWERS:
                    wechat.fail_next.append({"path": SEND, "how": "after"})
                    mails.data.append("cut")
        connection.close()

    assert Counter(happened)["kill_worker"] == KILLS
    assert not Notice.objects.filter(delivered_at__isnull=True).exists()
    sent = Message.objects.filter(sent_at__isnull=False).values_list("channel", flat=True)
    assert Counter(sent) == {Channel.WECHAT: NOTICES, Channel.EMAIL: NOTICES}
    by_wechat = Counter(
        event["data"]["thing2"]["value"]
        for event in wechat.journal
        if event.get("event") == "subscribe_msg_sent_event"
    )
    by_mail = Counter(mail["Message-ID"] for _, _, mail in mails.journal)
    for arrived in (by_wechat, by_mail):
        # Twice only where the answer was lost, or the worker died before it could note it.
        repeats = arrived.total() - NOTICES
        assert (len(arrived), repeats <= LOST_ANSWERS + KILLS) == (NOTICES, True)
        print(f"{arrived.total()} arrived, {repeats} of them repeats")
