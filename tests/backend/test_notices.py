"""Notices are sent once, in time or not at all."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone, translation

from backend.notices import selectors
from backend.notices import services as notices
from backend.notices.errors import NoticeUnknown
from backend.notices.models import Notice
from backend.notices.words import words
from backend.outbox import kinds
from backend.outbox import services as outbox
from backend.outbox.tasks import sweep_outbox
from tests.cast import tell


@pytest.fixture
def owe(lake, wang):
    """Wang is to be told of a shift: ``owe("k", due_in=-1)``, in minutes from now."""

    def put_down(key, due_in=-1, stale_in=None, community=lake, recipient=wang) -> Notice:
        now = timezone.now()
        notices.owe(
            community=community,
            key=key,
            recipient=recipient,
            kind="shift_reminder",
            facts={
                "activity": "交通劝导",
                "place": "东门",
                "starts_at": "2024-02-29T23:00:00+00:00",
                "timezone": "Asia/Shanghai",
            },
            due_at=now + timedelta(minutes=due_in),
            stale_at=None if stale_in is None else now + timedelta(minutes=stale_in),
        )
        return Notice.objects.get(community=community, key=key)

    return put_down


def test_one_key_is_told_once(owe, wang):
    notice = owe("k")
    assert owe("k") == notice

    assert tell(notice)
    told_at = Notice.objects.get().delivered_at
    assert owe("k") == notice
    assert not tell(notice)

    assert Notice.objects.get().delivered_at == told_at
    assert list(selectors.inbox_of(wang)) == [notice]


def test_a_key_is_its_communitys_own(owe, hill, li):
    assert owe("k") != owe("k", community=hill, recipient=li)


def test_what_is_no_longer_so_is_not_told(owe, lake, wang):
    notice = owe("k")

    notices.withdraw(community=lake, key="k")

    assert not tell(notice)
    assert not selectors.inbox_of(wang).exists()
    assert outbox.shares("notice") == []


def test_what_was_withdrawn_untold_can_be_owed_again(owe, lake):
    notice = owe("k")
    notices.withdraw(community=lake, key="k")

    assert owe("k") == notice

    assert tell(notice)


def test_what_was_told_is_not_withdrawn_and_not_owed_again(owe, lake, wang):
    notice = owe("k")
    tell(notice)

    notices.withdraw(community=lake, key="k")
    owe("k")

    notice.refresh_from_db()
    assert (notice.withdrawn_at, list(selectors.inbox_of(wang))) == (None, [notice])
    assert outbox.shares("notice") == []


def test_withdrawing_what_was_never_owed_is_nothing(owe, lake, hill):
    notice = owe("k")

    notices.withdraw(community=hill, key="k")
    notices.withdraw(community=lake, key="another")

    assert tell(notice)


def test_what_has_become_stale_is_withdrawn_and_not_told(owe, wang):
    notice = owe("k", due_in=-120, stale_in=-1)

    assert not tell(notice)

    notice.refresh_from_db()
    assert (notice.delivered_at, notice.withdrawn_at is not None) == (None, True)
    assert not selectors.inbox_of(wang).exists()


def test_what_is_not_stale_yet_is_told(owe, wang):
    assert tell(owe("k", stale_in=60))
    assert selectors.inbox_of(wang).get().withdrawn_at is None


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_the_sweep_delivers_what_is_due_and_nothing_else(owe, lake, wang, hill, li):
    due, tomorrow, withdrawn = owe("due"), owe("tomorrow", due_in=60 * 24), owe("withdrawn")
    stale = owe("stale", stale_in=-1)
    elsewhere = owe("due", community=hill, recipient=li)
    notices.withdraw(community=lake, key="withdrawn")

    sweep_outbox()
    told = dict(Notice.objects.values_list("pk", "delivered_at"))
    sweep_outbox()
    assert not tell(due, is_due=True)

    assert {pk for pk, at in told.items() if at} == {due.pk, elsewhere.pk}
    assert {pk for pk, at in told.items() if not at} == {tomorrow.pk, withdrawn.pk, stale.pk}
    assert dict(Notice.objects.values_list("pk", "delivered_at")) == told


def test_debts_are_paid_oldest_first(owe, lake):
    later, sooner = owe("later", due_in=-1), owe("sooner", due_in=-5)

    claimed = outbox.claim(kinds.registered["notice"], {"community_id": lake.pk}, at_most=2)
    assert claimed == [sooner, later]


@pytest.mark.django_db(transaction=True)
def test_two_workers_with_the_same_task_tell_once(owe, wang):
    notice, together = owe("k"), threading.Barrier(8)

    def work(_):
        try:
            connection.ensure_connection()
            together.wait(timeout=30)
            return tell(notice, is_due=True)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as workers:
        told = list(workers.map(work, range(8)))

    assert sorted(told) == [False] * 7 + [True]
    assert list(selectors.inbox_of(wang)) == [notice]


def test_reading_is_remembered_from_the_first_time(owe, wang, li):
    notice = owe("k")
    with pytest.raises(NoticeUnknown):
        selectors.notice_of(wang, notice.pk)  # not told yet
    tell(notice)
    with pytest.raises(NoticeUnknown):
        selectors.notice_of(li, notice.pk)

    first = notices.mark_read(notice=selectors.notice_of(wang, notice.pk))

    assert first.read_at is not None
    again = notices.mark_read(notice=selectors.notice_of(wang, notice.pk))
    assert again.read_at == first.read_at


def test_the_database_lets_nobody_read_what_was_not_told(owe):
    owe("k")

    with (
        pytest.raises(IntegrityError, match="notice_read_after_delivery"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE notices_notice SET read_at = now()")


def test_the_words_are_in_the_readers_language_and_the_communitys_time(owe):
    notice = owe("k")

    with translation.override("en"):
        english = words(notice)
    with translation.override("zh-hans"):
        chinese = words(notice)

    assert english == (
        "Your shift begins soon",
        "交通劝导, 2024-03-01 07:00 at 东门. Please check in when you arrive.",
    )
    title, body = chinese
    assert not any(letter.isascii() and letter.isalpha() for letter in title + body)
    assert all(fact in body for fact in ("交通劝导", "2024-03-01 07:00", "东门"))


def test_a_kind_without_words_is_a_bug(owe):
    notice = owe("k")
    notice.kind = "unheard_of"

    with pytest.raises(KeyError, match="unheard_of"):
        words(notice)
