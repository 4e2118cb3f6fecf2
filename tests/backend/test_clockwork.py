"""The clock: what runs when, once a slot, whatever beat, Redis and workers do."""

import os
import signal
from datetime import UTC, datetime, timedelta
from importlib import import_module
from zoneinfo import ZoneInfo

import pytest
from celery.exceptions import Retry, SoftTimeLimitExceeded
from django.core.management import CommandError, call_command
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test import Client
from django.utils.module_loading import import_string

from backend import clocks
from backend.api import health
from backend.celery import CLOCK, app
from backend.clockwork import selectors, services, tasks
from backend.clockwork.models import Run
from backend.clockwork.works import Work, daily, every
from backend.queues import Queue
from backend.registries import ours
from tests.forks import forked

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)  # 20:00 in Shanghai
BERLIN = "Europe/Berlin"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

done, fails = [], []


def count_sheep():
    """Work of the tests: notes that it was done, or fails as told."""
    if fails:
        raise fails.pop()
    done.append(1)
    return {"sheep": len(done)}


@pytest.fixture
def clock(db, monkeypatch):
    """Let the table say this only: ``clock(daily(9), catches_up=False)``."""

    def declare(when, **line):
        CLOCK.clear()
        work = Work("tests.tasks.count_sheep", when, **line)
        CLOCK[work.name] = work
        return work

    done.clear()
    fails.clear()
    monkeypatch.setattr(services, "import_string", lambda path: count_sheep)
    before = dict(CLOCK)
    yield declare
    CLOCK.clear()
    CLOCK.update(before)


def tick(now):
    """One tick, and at once what it queued. Returns the slots that ran."""
    queued = services.take_turns(now=now)
    for run in queued:
        services.run(run.pk)
    return [run.slot for run in queued]


def runs():
    return [*Run.objects.order_by("slot")]


# --- the table --------------------------------------------------------------------------------
@pytest.mark.parametrize("name", CLOCK)
def test_each_line_names_a_function_of_its_owner_by_a_name_of_its_own(name):
    work = CLOCK[name]

    assert callable(import_string(work.task))
    assert any(work.owner == one.name or work.owner.startswith(f"{one.name}.") for one in ours())
    assert len([line for line in CLOCK.values() if line.name == name]) == 1
    assert work.may_be_late > timedelta()
    assert len(name) <= Run._meta.get_field("work").max_length


def test_every_sweep_is_in_the_table_and_no_task_is_by_itself():
    app.loader.import_default_modules()
    modules = {work.task.rpartition(".")[0] for work in CLOCK.values()}
    functions = {
        f"{module}.{name}"
        for module in modules
        for name in vars(import_module(module))
        if name.startswith(("sweep_", "forget_", "remove_"))
    }

    assert functions == {work.task for work in CLOCK.values()}
    assert not functions & set(app.tasks)


@pytest.mark.usefixtures("db", "_tasks_run_at_once")
@pytest.mark.parametrize("name", CLOCK)
def test_each_work_tells_what_it_did_in_counts(name):
    told = import_string(CLOCK[name].task)()

    assert told
    assert all(isinstance(count, int) for count in told.values())


# --- slots ------------------------------------------------------------------------------------
def at(text, zone="UTC"):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("when", "now", "last", "following"),
    [
        (every(seconds=15), "03-10 12:00:20", "03-10 12:00:15", "03-10 12:00:30"),
        (every(seconds=15), "03-10 12:00:15", "03-10 12:00:15", "03-10 12:00:30"),
        (every(seconds=0.5), "03-10 12:00:00.7", "03-10 12:00:00.5", "03-10 12:00:01"),
        # Shanghai knows no summer time: 02:10 there is 18:10 of the day before.
        (daily(2, 10), "03-10 18:09:59", "03-09 18:10", "03-10 18:10"),
        (daily(2, 10), "07-10 18:10", "07-10 18:10", "07-11 18:10"),
        (daily(2, 10, zone="Asia/Urumqi"), "03-10 20:10", "03-10 20:10", "03-11 20:10"),
        # Berlin's clocks go from 02:00 to 03:00 on 29 March: the slot is an hour later by them.
        (daily(2, 10, zone=BERLIN), "03-29 12:00", "03-29 01:10", "03-30 00:10"),
        # … and from 03:00 back to 02:00 on 25 October: the first 02:10 counts, and only that.
        (daily(2, 10, zone=BERLIN), "10-25 01:30", "10-25 00:10", "10-26 01:10"),
        (daily(0, 0, zone="America/New_York"), "03-10 12:00", "03-10 04:00", "03-11 04:00"),
    ],
)
def test_a_slot_is_at_its_time_by_the_clocks_of_its_zone(when, now, last, following):
    now, last, following = (at(f"2026-{moment}") for moment in (now, last, following))
    assert (when.last(now), when.next(now)) == (last, following)


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Asia/Kathmandu", BERLIN])
def test_a_year_has_a_slot_a_day_in_every_zone(zone):
    when, moment, slots = daily(2, 10, zone=zone), at("2026-01-01", zone), []
    while (moment := when.next(moment)) < at("2027-01-01", zone):
        slots.append(moment)

    days = [slot.astimezone(ZoneInfo(zone)).date() for slot in slots]
    assert len(days) == len(set(days)) == 365
    assert all(when.last(slot) == slot for slot in slots)


# --- turns ------------------------------------------------------------------------------------
def test_work_that_is_new_begins_with_its_next_slot(clock):
    clock(daily(9))

    assert tick(NOON) == []
    assert tick(NOON + HOUR) == []
    assert tick(at("2026-03-11 09:00", "Asia/Shanghai")) == [at("2026-03-11 01:00")]
    assert [(run.reason, run.did) for run in runs()] == [("new", {}), ("", {"sheep": 1})]


def test_a_slot_runs_once_however_often_it_ticks(clock):
    clock(every(minutes=1))
    tick(NOON)

    for second in range(60, 120, 5):
        tick(NOON + timedelta(seconds=second))

    assert len(done) == 1


def test_a_run_tells_when_it_was_and_what_it_did(clock):
    clock(every(minutes=1))
    tick(NOON)
    before = clocks.now()

    tick(NOON + timedelta(minutes=1))

    _, run = runs()
    assert (run.work, run.slot) == ("count_sheep", NOON + timedelta(minutes=1))
    assert before < run.started_at < run.finished_at < clocks.now()
    assert (run.did, run.reason, run.missed, run.tries) == ({"sheep": 1}, "", 0, 1)
    assert not run.is_open


def test_after_three_missed_nights_one_run_catches_up(clock):
    clock(daily(2, 10))
    tick(NOON)
    tick(NOON + DAY)  # 20:00, after the first night

    assert tick(NOON + 4 * DAY + timedelta(hours=1)) == [at("2026-03-14 02:10", "Asia/Shanghai")]

    assert [run.missed for run in runs()] == [0, 0, 2]
    assert len(done) == 2


def test_what_would_be_too_late_is_skipped_and_a_row_says_so(clock):
    clock(daily(9), catches_up=False, late=3 * HOUR)
    tick(NOON)

    assert tick(NOON + 3 * DAY) == []  # eleven hours late
    assert tick(NOON + 3 * DAY + HOUR) == []
    assert tick(at("2026-03-14 11:59", "Asia/Shanghai")) == [at("2026-03-14 01:00")]

    assert [(run.reason, run.missed) for run in runs()] == [("new", 0), ("too_late", 2), ("", 0)]
    assert len(done) == 1


def test_a_day_of_missed_sweeps_is_made_up_for_by_one(clock):
    clock(every(seconds=15))
    tick(NOON)

    assert tick(NOON + DAY) == [NOON + DAY]

    assert [run.missed for run in runs()] == [0, 5759]


# --- workers that die, fail, or never come ----------------------------------------------------
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_run_whose_worker_was_killed_is_run_by_the_next(clock, monkeypatch):
    now = clocks.now()
    clock(daily((now - HOUR).hour, 0, zone="UTC"))
    tick(now - DAY)
    (run,) = services.take_turns(now=now)

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as dying:
        dying.setattr(services, "import_string", lambda path: die)
        worker = forked(services.run, run.pk)
        worker.join(60)
    run.refresh_from_db()
    assert (worker.exitcode, run.tries, run.finished_at) == (-signal.SIGKILL, 1, None)
    assert run.leased_until > now + Queue.DEFAULT.limit  # as long as it may have taken

    assert tick(run.leased_until - timedelta(seconds=1)) == []
    assert tick(run.leased_until) == [run.slot]

    run.refresh_from_db()
    assert (run.did, run.tries, run.is_open) == ({"sheep": 1}, 2, False)


def test_of_a_sweep_whose_worker_was_killed_the_next_slot_runs(clock):
    clock(every(minutes=1))
    tick(NOON)
    (run,) = services.take_turns(now=NOON + timedelta(minutes=1))
    Run.objects.filter(pk=run.pk).update(started_at=NOON, leased_until=NOON + timedelta(minutes=2))

    assert tick(NOON + timedelta(minutes=2)) == [NOON + timedelta(minutes=2)]

    assert [run.reason for run in runs()] == ["new", "worker_lost", ""]


def test_a_worker_that_comes_too_late_records_nothing(clock, monkeypatch):
    clock(daily(2, 10))
    tick(NOON)
    (run,) = services.take_turns(now=NOON + DAY)

    def taken_over():
        Run.objects.filter(pk=run.pk).update(started_at=NOON, leased_until=NOON + 9 * DAY)

    monkeypatch.setattr(services, "import_string", lambda path: taken_over)
    services.run(run.pk)

    run.refresh_from_db()
    assert (run.started_at, run.finished_at, run.is_open) == (NOON, None, True)


def test_a_message_that_was_lost_is_sent_again_and_two_are_one_run(clock):
    work = clock(every(seconds=5))
    tick(NOON)
    (run,) = services.take_turns(now=NOON + timedelta(seconds=5))

    assert services.take_turns(now=NOON + timedelta(seconds=20)) == []
    assert services.take_turns(now=NOON + timedelta(seconds=35)) == [run]  # and no other slot

    for _ in range(2):
        services.run(run.pk)
    assert len(done) == 1
    assert tick(NOON + timedelta(seconds=40)) == [NOON + timedelta(seconds=40)]
    assert [run.missed for run in runs()] == [0, 0, 6]
    assert work.queue == Queue.DEFAULT


def test_what_waited_too_long_for_a_worker_is_skipped(clock):
    clock(daily(9), catches_up=False, late=3 * HOUR)
    tick(NOON)
    morning = at("2026-03-11 09:00", "Asia/Shanghai")
    (run,) = services.take_turns(now=morning)

    assert services.take_turns(now=morning + 4 * HOUR) == []
    services.run(run.pk)

    assert (done, runs()[-1].reason) == ([], "too_late")


def test_a_night_that_failed_is_tried_again_after_longer_and_longer(clock, caplog):
    now = clocks.now()
    clock(daily((now - HOUR).hour, 0, zone="UTC"))
    tick(now - DAY)
    fails.extend([ValueError("broken")] * 5)

    tick(now)
    waits = []
    while (run := runs()[-1]).is_open:
        waits.append(round((run.leased_until - run.finished_at) / timedelta(minutes=1)))
        assert tick(run.leased_until - timedelta(seconds=1)) == []
        assert tick(run.leased_until) == [run.slot]

    assert waits == [1, 5, 30, 120]
    assert (run.tries, run.reason, run.has_failed) == (5, "ValueError", True)
    assert tick(now + 3 * HOUR) == []
    assert tick(now + DAY) == [run.slot + DAY]
    assert "tests.tasks.count_sheep failed" in caplog.text


def test_after_a_sweep_that_failed_the_next_slot_does_not_wait(clock):
    clock(every(seconds=15))
    tick(NOON)
    fails.append(SoftTimeLimitExceeded())

    assert tick(NOON + timedelta(seconds=15)) == [NOON + timedelta(seconds=15)]
    assert tick(NOON + timedelta(seconds=30)) == [NOON + timedelta(seconds=30)]

    assert [run.reason for run in runs()] == ["new", "SoftTimeLimitExceeded", ""]
    assert Run.objects.filter(leased_until__isnull=False).count() == 0


def test_a_work_that_is_no_longer_in_the_table_is_not_run(clock):
    clock(daily(9))
    run = Run.objects.create(work="gone", slot=NOON, leased_until=NOON)

    services.run(run.pk)
    services.take_turns(now=NOON)

    run.refresh_from_db()
    assert (run.started_at, done) == (None, [])


@pytest.mark.parametrize("task", ["tick", "run_work"])
def test_what_finds_the_database_restarting_is_tried_again(task, django_db_blocker, monkeypatch):
    task, tried_again = getattr(tasks, task), []
    monkeypatch.setattr(task, "retry", lambda **how: tried_again.append(how) or Retry())
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")

    with django_db_blocker.unblock():
        connection.close()
        with pytest.raises(Retry):
            task(*["00000000-0000-0000-0000-000000000000"][: task is tasks.run_work])

    (how,) = tried_again
    assert isinstance(how["exc"], OperationalError)


# --- at one moment ----------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_ticks_at_one_moment_one_has_the_turn(at_once, clock):
    clock(every(minutes=1))
    tick(NOON)

    for minute in range(1, 6):
        now = NOON + timedelta(minutes=minute)
        queued = at_once(4, lambda _, now=now: services.take_turns(now=now))
        (run,) = [run for taken in queued for run in taken]
        services.run(run.pk)

    assert len(done) == 5


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_workers_at_one_moment_one_runs_it(at_once, clock):
    clock(every(minutes=1))
    tick(NOON)
    (run,) = services.take_turns(now=NOON + timedelta(minutes=1))

    at_once(4, lambda _: services.run(run.pk))

    assert len(done) == 1


def test_the_database_lets_no_work_run_twice_at_a_time_nor_a_slot_twice(db):
    Run.objects.create(work="one", slot=NOON, leased_until=NOON)

    with pytest.raises(IntegrityError, match="run_one_at_a_time"), transaction.atomic():
        Run.objects.create(work="one", slot=NOON + HOUR, leased_until=NOON)
    with pytest.raises(IntegrityError, match="run_once_a_slot"), transaction.atomic():
        Run.objects.create(work="one", slot=NOON)
    Run.objects.create(work="two", slot=NOON, leased_until=NOON)


# --- what is told -----------------------------------------------------------------------------
def test_work_is_late_when_its_time_is_over_and_also_if_it_keeps_failing(clock):
    clock(daily(2, 10), late=6 * HOUR)
    night = at("2026-03-11 02:10", "Asia/Shanghai")

    assert selectors.late_since(now=NOON) == {"count_sheep": None}  # nobody has ticked
    tick(NOON)
    assert selectors.late_since(now=night + 6 * HOUR) == {}
    assert selectors.late_since(now=night + 7 * HOUR) == {"count_sheep": night}
    fails.append(ValueError())
    tick(night + 7 * HOUR)
    assert selectors.late_since(now=night + 7 * HOUR) == {"count_sheep": night}
    tick(runs()[-1].leased_until)
    assert selectors.late_since(now=night + 8 * HOUR) == {}


def test_what_was_skipped_is_not_late(clock):
    clock(daily(9), catches_up=False, late=3 * HOUR)
    tick(NOON)
    tick(NOON + DAY)

    assert selectors.late_since(now=NOON + DAY) == {}


def test_readyz_tells_what_is_late_and_stays_ready(clock):
    clock(daily(2, 10))
    health.look_anew()

    answer = Client().get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "owed": {}, "late": {"count_sheep": None}}
    tick(NOON)
    assert Client().get("/readyz").json()["late"] == {"count_sheep": None}  # told for some seconds
    health.look_anew()
    since = "2026-03-10T18:10:00Z"
    assert Client().get("/readyz").json()["late"] == {"count_sheep": since}
    health.look_anew()


def test_the_command_tells_what_runs_when_and_what_is_late(clock, capsys):
    clock(daily(2, 10), queue=Queue.BULK)

    def said(*arguments):
        call_command("clockwork", *arguments)
        return capsys.readouterr().out.splitlines()

    head = (
        "count_sheep of tests: daily at 02:10 Asia/Shanghai, caught up, late after 6 h, queue bulk"
    )
    assert (said()[0], said()[2], said()[-1]) == (head, "  NEVER RUN", "1 works, 1 late")
    tick(NOON)
    assert said()[2] == "  last 2026-03-09 18:10:00Z: nothing was to be done yet"
    assert said()[3] == "  LATE since 2026-03-10 18:10:00Z"
    tick(NOON + 3 * DAY)
    assert said()[2] == "  last 2026-03-12 18:10:00Z: done in 0.0 s: 1 sheep (after 2 missed)"
    assert said("--run", "count_sheep") == ["count_sheep: done in 0.0 s: 2 sheep"]
    assert said()[-1] == "1 works, 0 late"
    services.take_turns(now=clocks.now() + DAY)
    assert said()[2].endswith(": queued")


def test_the_command_runs_one_now_unless_it_is_running(clock):
    clock(daily(2, 10))
    fails.append(ValueError())
    with pytest.raises(CommandError, match=r"failed \(ValueError\) at try 1, tried again from"):
        call_command("clockwork", "--run", "count_sheep")

    with pytest.raises(CommandError, match="queued or running already"):
        call_command("clockwork", "--run", "count_sheep")
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("clockwork", "--run", "nonesuch")


def test_old_runs_are_forgotten_sweeps_sooner_and_the_newest_never(clock):
    clock(every(minutes=1))
    for days in (1, 4, 5):
        Run.objects.create(work="count_sheep", slot=NOON - days * DAY)
    for days in (4, 399, 401):
        Run.objects.create(work="gone", slot=NOON - days * DAY)

    assert services.forget_old(now=NOON) == 3
    assert services.forget_old(now=NOON) == 0
    assert {(run.work, (NOON - run.slot).days) for run in runs()} == {
        ("count_sheep", 1),
        ("gone", 4),
        ("gone", 399),
    }
