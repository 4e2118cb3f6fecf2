"""A verification is asked for, run by a worker, kept with what it found, and signed off."""

import csv
import io
import re
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest
from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone
from rest_framework.test import APIClient

from backend.audit.models import AuditEntry
from backend.communities.models import Community, Role
from backend.communities.services import places, roles
from backend.notices.models import Notice
from backend.notices.words import words
from backend.outbox import kinds
from backend.outbox import services as outbox
from backend.registries import checks
from backend.registries.checks import Check, Kind, queried
from backend.verification import tasks
from backend.verification.errors import FindingSignedOff, VerificationOver, VerificationUnderWay
from backend.verification.models import KINDS, Finding, Verification
from backend.verification.services import asking, findings, running
from points.models import Account, Seal, Transfer
from points.seals.services import sealing
from tests.verified import untriggered

MORE = "UPDATE points_account SET credits = credits + 5 WHERE kind = 'wallet'"
LESS = "UPDATE points_account SET credits = credits - 5 WHERE kind = 'wallet'"
PROMISE_OF_EXPIRY = "What a wallet lost is of a day that was over, and what it did not keep."
VERIFICATIONS = "/api/v1/communities/lake/verifications"
# The checks that are made in most tests: each finds something in one of them, or is looked for.
FEW = {"awards", "balance", "expiry", "seals", "totals"}


@pytest.fixture
def wallet(lake, wang, grant_points) -> Account:
    wallet = grant_points(wang, 100)
    sealing.seal(community=lake)
    return wallet


@pytest.fixture
def auditor(lake, person):
    auditor = person("auditor", "钱审计")
    roles.give(user=auditor, community=lake, role=Role.AUDITOR)
    return auditor


@pytest.fixture
def manager(lake, person):
    manager = person("manager", "孙书记")
    roles.give(user=manager, community=lake, role=Role.MANAGER)
    return manager


@pytest.fixture
def every_check():
    """All checks are made, not a few."""


@pytest.fixture(autouse=True)
def _few_checks_are_made(request, monkeypatch):
    known = registered()
    if "every_check" not in request.fixturenames:
        few = {name: check for name, check in known.items() if name in FEW}
        monkeypatch.setattr(checks, "_checks", few)


@pytest.fixture
def declare(monkeypatch):
    """Declares checks in the place of all others: ``declare(first=function, …)``."""

    def declare(**functions):
        monkeypatch.setattr(
            checks,
            "_checks",
            {
                name: Check(
                    name=name,
                    kind=Kind.LEDGER,
                    promise=f"{name} holds",
                    advice=f"see {name}",
                    tables=("points_transfer",),
                    findings=function,
                )
                for name, function in functions.items()
            },
        )

    return declare


def ask(community, kind="ledger", *, is_whole=True, **more):
    return asking.ask(community=community, kind=kind, is_whole=is_whole, **more)


def work(verification):
    """Run a verification as a worker does that the sweep tells of it."""
    outbox.attempt("verification", community_id=verification.community_id, pk=verification.pk)
    verification.refresh_from_db()
    return verification


def verify(community, kind="ledger", *, is_whole=True):
    return work(ask(community, kind, is_whole=is_whole))


def told(found):
    return [(one.check_name, one.table, one.row, one.because) for one in found]


def found_in(community, **where):
    return Finding.objects.filter(community=community, **where).order_by("check_name", "because")


@cache
def registered():
    """Return all checks by name, and find them before some take their place."""
    return {check.name: check for check in checks.registered()}


def found_by(community, *names):
    """Return what these checks find of what is new, in words."""
    scope = checks.Scope(community, since=timezone.now())
    return sorted(found.because for name in names for found in registered()[name].findings(scope))


# --- asking and running -----------------------------------------------------------------------
@pytest.mark.usefixtures("every_check")
def test_a_worker_makes_all_checks_of_a_kind_and_keeps_how_far_it_came(lake, wallet):
    asked = ask(lake, "all")
    assert (asked.status, asked.started_at, asked.checks) == ("waiting", None, [])

    done = work(asked)

    assert (done.status, done.is_whole, done.since_id, done.findings_count) == (
        "finished",
        True,
        None,
        0,
    )
    names = [check.name for check in checks.registered() if not check.is_against_heads]
    assert [one["check"] for one in done.checks] == names
    assert done.checks_count == len(names) > 10
    assert {"totals", "seals", "rederived", "statements", "guards"} <= set(names)
    rows = {one["check"]: one["rows"] for one in done.checks}
    assert (rows["expiry"], rows["floors"]) == (1, 2)
    assert all(one["is_whole"] and not one["error"] for one in done.checks)
    last = Seal.objects.get(community=lake)
    assert (done.seal, bytes(done.head), done.under_way) == (1, bytes(last.head), "")
    assert asked.asked_at <= done.started_at <= done.finished_at
    assert (done.next_at, done.given_up_at) == (None, None)


@pytest.mark.usefixtures("every_check")
@pytest.mark.parametrize("kind", Kind.values)
def test_a_verification_of_a_kind_makes_its_checks_alone(hill, kind):
    done = verify(hill, kind)

    made = {one["check"] for one in done.checks}
    wanted = {check.name for check in checks.registered(Kind(kind)) if not check.is_against_heads}
    assert made == wanted
    assert (done.status, done.seal, done.head) == ("finished", 0, None)


def test_one_of_a_kind_waits_or_runs_at_a_time(lake, hill):
    first = ask(lake)

    with pytest.raises(VerificationUnderWay):
        ask(lake)
    ask(lake, "guards")
    ask(hill)

    work(first)
    assert ask(lake).status == "waiting"


def test_who_fails_and_is_retried_while_another_runs_leaves_it_to_that(lake):
    failed = ask(lake)
    Verification.objects.filter(pk=failed.pk).update(
        status="failed", finished_at=timezone.now(), next_at=None, given_up_at=timezone.now()
    )
    ask(lake)

    outbox.retry("verification", community=lake, by=None)
    work(failed)

    assert (failed.status, failed.reason) == ("failed", "verification_under_way")


# --- what is found ----------------------------------------------------------------------------
def test_what_is_found_is_kept_row_by_row(lake, wallet):
    untriggered(MORE)

    done = verify(lake)

    assert told(found_in(lake)) == [
        (
            "balance",
            "points_account",
            "unit points",
            "all accounts together show 5, should be 0",
        ),
        ("totals", "points_account", str(wallet.pk), "credits 105, should be 100"),
    ]
    assert (done.status, done.findings_count, done.new_findings_count) == ("finished", 2, 2)
    found = {one["check"]: one["findings"] for one in done.checks if one["findings"]}
    assert found == {"totals": 1, "balance": 1}
    assert {one.first_found_by_id for one in found_in(lake)} == {done.pk}
    assert {one.status for one in found_in(lake)} == {"open"}


def test_the_same_finding_again_is_one(lake, wallet):
    untriggered(MORE)
    first, second = verify(lake), verify(lake)

    assert (second.findings_count, second.new_findings_count) == (2, 0)
    for one in found_in(lake):
        assert (one.first_found_by_id, one.last_seen_by_id) == (first.pk, second.pk)
    assert found_in(lake).count() == 2


def test_what_is_gone_says_so_and_stays_open_until_it_is_signed_off(lake, wallet, auditor):
    untriggered(MORE)
    verify(lake)
    untriggered(LESS)
    verify(lake)

    for one in found_in(lake):
        assert (one.status, one.gone_since is None) == ("open", False)
        signed = findings.sign_off(finding=one, by=auditor, words="改回来了")
        assert (signed.status, signed.words, signed.signed_off_by) == (
            "signed_off",
            "改回来了",
            auditor,
        )
    assert not found_in(lake, status="open").exists()
    entries = AuditEntry.objects.filter(action="finding.sign_off", actor=auditor)
    assert set(entries.values_list("target_id", flat=True)) == {
        str(one.pk) for one in found_in(lake)
    }


def test_signed_off_it_stays_so_until_something_else_is_wrong_with_the_row(lake, wallet, auditor):
    untriggered(MORE)
    verify(lake)
    for one in found_in(lake):
        findings.sign_off(finding=one, by=auditor, words="等银行答复")

    assert verify(lake).new_findings_count == 0
    assert not found_in(lake, status="open").exists()

    untriggered(MORE)
    assert verify(lake).new_findings_count == 2
    assert told(found_in(lake, status="open", check_name="totals")) == [
        ("totals", "points_account", str(wallet.pk), "credits 110, should be 100")
    ]
    assert found_in(lake, gone_since__isnull=False, status="signed_off").count() == 2


def test_what_comes_back_is_the_finding_that_it_was(lake, wallet):
    untriggered(MORE)
    verify(lake)
    untriggered(LESS)
    verify(lake)
    untriggered(MORE)

    assert verify(lake).new_findings_count == 2
    assert [one.gone_since for one in found_in(lake)] == [None, None]


def test_words_of_a_finding_are_final(lake, wallet, auditor, manager):
    untriggered(MORE)
    verify(lake)
    finding = found_in(lake).first()
    findings.sign_off(finding=finding, by=auditor, words="好")
    findings.sign_off(finding=finding, by=auditor, words="好")  # sent twice

    for who, what in ((manager, "好"), (auditor, "不好")):
        with pytest.raises(FindingSignedOff):
            findings.sign_off(finding=finding, by=who, words=what)


def test_of_many_findings_some_are_kept_and_all_are_counted(lake, wang, grant_points, monkeypatch):
    monkeypatch.setattr(findings, "KEPT", 2)
    for _ in range(5):
        grant_points(wang, 1)
    sealing.seal(community=lake)
    untriggered("UPDATE points_transfer SET occurred_at = now()")

    first, second = verify(lake), verify(lake)

    assert [one.findings_count for one in (first, second)] == [5, 5]
    assert (first.new_findings_count, second.new_findings_count) == (2, 0)
    assert found_in(lake, gone_since=None).count() == 2


def test_two_changes_that_cancel_each_other_in_the_sums_are_found_as_two(lake, wang, grant_points):
    grant_points(wang, 100)
    grant_points(wang, 50)
    sealing.seal(community=lake)
    untriggered("UPDATE points_transfer SET amount = 150 - amount")  # 50 and 100

    verify(lake)

    both = {str(pk) for pk in Transfer.objects.filter(community=lake).values_list("pk", flat=True)}
    assert {one.row for one in found_in(lake)} == both
    assert {one.check_name for one in found_in(lake)} == {"seals"}
    assert all("it is not what was sealed" in one.because for one in found_in(lake))


def test_a_planners_view_of_many_communities_verifies_each_alone(hill, lake, wang, grant_points):
    for place in (lake, hill):
        grant_points(wang, 10, place)
        sealing.seal(community=place)
    untriggered(f"{MORE} AND community_id = '{hill.pk}'")

    assert [verify(place).findings_count for place in (lake, hill)] == [0, 2]


# --- telling ----------------------------------------------------------------------------------
def test_who_audits_or_manages_hears_once_of_what_is_new(
    lake, hill, wallet, auditor, manager, zhao, person
):
    lake.parent = places.found(code="shore", name="湖畔街道", kind=Community.Kind.STREET)
    lake.save(update_fields=["parent"])
    above, elsewhere = person("above"), person("elsewhere")
    roles.give(user=above, community=lake.parent, role=Role.AUDITOR)
    roles.give(user=elsewhere, community=hill, role=Role.AUDITOR)
    verify(lake)
    assert not Notice.objects.exists()
    untriggered(MORE)

    verify(lake)
    verify(lake)

    heard = Notice.objects.filter(kind="findings")
    assert {one.recipient for one in heard} == {auditor, manager, above}
    assert heard.count() == 3
    title, body = words(heard[0])
    assert title == "核验发现了新问题"
    assert "2" in body
    assert lake.name in body


def test_what_is_found_is_logged(lake, wallet, caplog):
    untriggered(MORE)

    verify(lake)

    (record,) = [one for one in caplog.records if one.name.startswith("backend.verification")]
    assert record.levelname == "ERROR"
    assert record.getMessage() == "lake is not as it should be. Findings: 2, new: 2."


# --- what is new ------------------------------------------------------------------------------
@pytest.fixture
def read_whole(lake, wallet):
    """A verification of a week ago that read everything until then."""
    done = verify(lake)
    week = timedelta(days=7)
    asked_at, started_at = done.asked_at - week, done.started_at - week
    untriggered(
        "UPDATE verification_verification SET"
        f" asked_at = '{asked_at.isoformat()}', started_at = '{started_at.isoformat()}'"
    )
    untriggered(
        "UPDATE points_transfer SET id = ('01900000' || right(id::text, 28))::uuid",
        "UPDATE points_account SET id = ('01900000' || right(id::text, 28))::uuid",
        "UPDATE points_transfer SET posted_at = '2024-06-10 02:35:18Z',"
        " debit_id = ('01900000' || right(debit_id::text, 28))::uuid,"
        " credit_id = ('01900000' || right(credit_id::text, 28))::uuid",
        "UPDATE points_earned SET account_id = ('01900000' || right(account_id::text, 28))::uuid",
        "UPDATE points_rollup SET account_id = ('01900000' || right(account_id::text, 28))::uuid",
    )
    return done


def test_between_two_runs_only_what_is_new_is_read(lake, li, read_whole, grant_points):
    untriggered(MORE)  # of what was read, and has not moved since
    other = grant_points(li, 30)
    sealing.seal(community=lake)

    found = verify(lake, is_whole=False)

    assert (found.is_whole, found.since_id) == (False, read_whole.pk)
    assert {one["rows"] for one in found.checks if one["check"] == "expiry"} == {1}
    assert [one.check_name for one in found_in(lake)] == ["balance"]  # which adds up everything

    untriggered(f"UPDATE points_account SET debits = 1 WHERE id = '{other.pk}'")
    verify(lake, is_whole=False)
    assert ("totals", str(other.pk)) in {(one.check_name, one.row) for one in found_in(lake)}


def test_without_one_before_everything_is_read(lake, wallet):
    done = verify(lake, is_whole=False)

    assert (done.is_whole, done.since_id, done.status) == (True, None, "finished")


def test_what_is_new_is_what_came_after_one_that_covered_the_kind(lake, wallet):
    everything, ledger = verify(lake, "all"), verify(lake, "ledger")

    assert verify(lake, "guards", is_whole=False).since_id == everything.pk
    assert verify(lake, "ledger", is_whole=False).since_id == ledger.pk
    assert verify(lake, "all", is_whole=False).since_id == everything.pk


def test_a_check_that_found_something_open_reads_everything_again(lake, wallet, auditor):
    verify(lake)
    untriggered(MORE)
    verify(lake)
    untriggered(LESS)

    again = verify(lake, is_whole=False)

    assert not again.is_whole
    whole = {one["check"] for one in again.checks if one["is_whole"]}
    assert whole == {"totals", "balance"}
    assert not found_in(lake, gone_since=None).exists()
    assert {one["check"] for one in verify(lake, is_whole=False).checks if one["is_whole"]} == set()


def test_a_new_check_reads_everything_once(lake, wallet, declare):
    read = []

    def look(scope):
        read.append(scope.since)
        return iter(())

    declare(first=lambda scope: iter(()))
    verify(lake)
    declare(first=look, second=look)
    verify(lake, is_whole=False)

    assert [since is None for since in read] == [False, True]


def test_a_seal_that_was_read_and_is_another_now_is_found_by_its_head(lake, read_whole):
    untriggered("UPDATE points_seal SET head = sha256('x')")

    verify(lake, is_whole=False)

    (found,) = found_in(lake, check_name="seals")
    assert found.table == "verification_verification"
    assert "it found a head that no seal has any more" in found.because


# --- stopping, dying, breaking ----------------------------------------------------------------
def nothing(scope):
    return iter(())


def test_one_that_waits_is_stopped_at_once(lake, auditor):
    asked = ask(lake)

    stopped = asking.stop(verification=asked, by=auditor)
    asking.stop(verification=asked, by=auditor)

    assert (stopped.status, stopped.stopped_by, stopped.next_at) == ("stopped", auditor, None)
    assert stopped.finished_at is not None
    entry = AuditEntry.objects.get(action="verification.stop")
    assert (entry.actor, entry.community, entry.target_id) == (auditor, lake, str(asked.pk))
    assert ask(lake).status == "waiting"


def test_one_that_runs_stops_before_the_next_check_and_is_no_base(lake, auditor, declare):
    made = []

    def stops(scope):
        made.append("first")
        asking.stop(verification=asked, by=auditor)
        yield checks.Finding("first", "points_account", "x", "it is wrong")

    declare(first=stops, second=lambda scope: made.append("second") or iter(()))
    asked = ask(lake)
    work(asked)

    assert made == ["first"]
    assert (asked.status, asked.stopped_by, asked.findings_count) == ("stopped", auditor, 1)
    assert found_in(lake).count() == 1
    assert verify(lake, is_whole=False).since_id is None


def test_one_that_is_over_is_not_stopped(lake, auditor):
    done = verify(lake)

    with pytest.raises(VerificationOver):
        asking.stop(verification=done, by=auditor)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_long_statement_is_cancelled_when_somebody_stops_it(lake, auditor, declare, monkeypatch):
    monkeypatch.setattr(running, "BEAT_SECONDS", 0.1)
    declare(long=queried("long", "SELECT 'a', 'b', 'c' FROM pg_sleep(%(seal)s + 60)"))
    asked = ask(lake)
    worker = threading.Thread(target=lambda: (work(asked), connection.close()))
    began = time.monotonic()
    worker.start()
    while not Verification.objects.filter(pk=asked.pk, under_way="long").exists():
        assert worker.is_alive()
        time.sleep(0.05)

    asking.stop(verification=asked, by=auditor)
    worker.join(timeout=30)

    assert time.monotonic() - began < 30
    asked.refresh_from_db()
    assert (asked.status, asked.checks, found_in(lake).count()) == ("stopped", [], 0)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_while_it_runs_no_other_worker_takes_it(lake, declare, monkeypatch):
    monkeypatch.setattr(running, "BEAT_SECONDS", 0.1)
    kind = kinds.registered["verification"]
    monkeypatch.setitem(kinds.registered, "verification", replace(kind, lease=timedelta(seconds=1)))
    declare(long=queried("long", "SELECT 'a', 'b', 'c' FROM pg_sleep(3)"))
    asked, taken = ask(lake), []
    worker = threading.Thread(target=lambda: (work(asked), connection.close()))
    worker.start()
    while worker.is_alive():
        if Verification.objects.filter(pk=asked.pk, status="running").exists():
            taken += outbox.shares("verification")
        time.sleep(0.1)

    assert taken == []
    asked.refresh_from_db()
    assert (asked.status, asked.findings_count, asked.attempts) == ("finished", 1, 1)


class Killed(BaseException):
    """An end that nothing of ours catches, as a kill."""


def test_when_a_worker_is_killed_the_next_goes_on_with_what_is_not_over(lake, wallet, declare):
    made = Counter()

    def look(scope):
        made["first"] += 1
        yield checks.Finding("first", "points_account", "x", "it is wrong")

    def dies(scope):
        made["second"] += 1
        if made["second"] == 1:
            raise Killed
        yield checks.Finding("second", "points_account", "y", "it is wrong")

    declare(first=look, second=dies, third=nothing)
    asked = ask(lake)
    with pytest.raises(Killed):
        work(asked)

    asked.refresh_from_db()
    began = asked.started_at
    assert (asked.status, asked.under_way) == ("running", "second")
    assert [one["check"] for one in asked.checks] == ["first"]
    assert asked.next_at > timezone.now()
    Verification.objects.filter(pk=asked.pk).update(next_at=timezone.now())
    work(asked)

    assert (asked.status, asked.findings_count, asked.started_at) == ("finished", 2, began)
    assert made == {"first": 1, "second": 2}
    assert [one["check"] for one in asked.checks] == ["first", "second", "third"]
    assert found_in(lake).count() == 2


def test_a_check_that_breaks_off_is_a_finding_and_the_others_are_made(lake, declare, auditor):
    def breaks(scope):
        yield checks.Finding("first", "points_account", "x", "it is wrong")
        raise ValueError("nonsense in a row")

    declare(first=breaks, second=nothing)
    asked = verify(lake)

    assert (asked.status, asked.reason) == ("failed", "check_broke_off")
    assert [(one["check"], one["error"]) for one in asked.checks] == [
        ("first", "ValueError"),
        ("second", ""),
    ]
    assert [one.because for one in found_in(lake)] == [
        "it could not be finished: ValueError: nonsense in a row",
        "it is wrong",
    ]
    assert Notice.objects.filter(recipient=auditor).count() == 1
    assert verify(lake, is_whole=False).since_id is None


def test_one_that_was_given_up_can_be_retried(lake, declare):
    made = Counter()

    def breaks_once(scope):
        made["first"] += 1
        if made["first"] == 1:
            raise ValueError
        return iter(())

    declare(first=breaks_once, second=nothing)
    asked = verify(lake)
    assert asked.status == "failed"

    assert outbox.retry("verification", community=lake, by=None) == 1
    work(asked)

    assert (asked.status, asked.reason, made) == ("finished", "", {"first": 2})
    assert found_in(lake, gone_since=None).count() == 0


# --- the clock --------------------------------------------------------------------------------
def test_each_night_all_are_verified_and_within_a_week_each_is_read_whole(lake, hill):
    for number in range(12):
        places.found(code=f"place-{number}", name=f"第{number}社区")
    began = timezone.now()
    whole = []
    for night in range(15):
        now = began + timedelta(days=night)
        asking.ask_tonight(now=now)
        asked = list(Verification.objects.filter(status="waiting"))
        for one in asked:
            one.asked_at = now
        assert len(asked) == 14
        whole.append({one.community_id for one in asked if one.is_whole})
        untriggered(
            "UPDATE verification_verification SET status = 'finished', next_at = NULL,"
            f" asked_at = '{now}', started_at = '{now}', finished_at = '{now}'"
            " WHERE status = 'waiting'"
        )

    assert len(whole[0]) == 14  # nothing was read before
    for first in range(9):
        within_a_week = set().union(*whole[first : first + 7])
        assert len(within_a_week) == 14
    assert max(len(some) for some in whole[1:]) < 14
    assert sum(len(some) for some in whole[1:]) <= 2 * 14 + 14


def test_a_night_that_was_missed_is_made_up_for(lake):
    asking.ask_tonight()
    now = timezone.now()
    untriggered(
        "UPDATE verification_verification SET status = 'finished', next_at = NULL,"
        " asked_at = now() - interval '9 d', started_at = now() - interval '9 d',"
        " finished_at = now()"
    )

    asking.ask_tonight(now=now)

    assert Verification.objects.get(status="waiting").is_whole


def test_the_clock_asks_once_while_it_waits(lake, hill):
    for _ in range(2):
        tasks.sweep_verifications()

    asked = Verification.objects.values_list("community__code", "kind", "asked_by", "status")
    assert set(asked) == {("lake", "all", None, "waiting"), ("hill", "all", None, "waiting")}
    assert len(asked) == 2


# --- what the database refuses ----------------------------------------------------------------
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE verification_finding SET because = 'nothing'",
        'UPDATE verification_finding SET "table" = row',
        "UPDATE verification_finding SET words = 'other'",
        "UPDATE verification_finding SET status = 'open', words = '', signed_off_at = NULL,"
        " signed_off_by_id = NULL",
        "DELETE FROM verification_finding",
        "TRUNCATE verification_finding",
        "UPDATE verification_verification SET findings_count = 0",
        "UPDATE verification_verification SET checks = '[]'",
        "DELETE FROM verification_verification",
        "TRUNCATE verification_verification CASCADE",
    ],
)
def test_what_was_found_and_signed_off_is_not_edited_or_deleted(lake, wallet, auditor, change):
    untriggered(MORE)
    verify(lake)
    for one in found_in(lake):
        findings.sign_off(finding=one, by=auditor, words="好")

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as if the fixtures had committed
        with pytest.raises(DatabaseError):
            cursor.execute(change)


# --- what is done to findings behind the back -------------------------------------------------
SIGNED = "status = 'signed_off', signed_off_at = now(), words = '好', signed_off_by_id = "


@pytest.mark.parametrize(
    ("change", "because"),
    [
        (
            f"UPDATE verification_finding SET {SIGNED}(SELECT id FROM accounts_user LIMIT 1)"
            " WHERE status = 'open'",
            ["it is signed_off, the trail says open"],
        ),
        (
            "UPDATE verification_finding SET status = 'open', words = '', signed_off_at = NULL,"
            " signed_off_by_id = NULL",
            ["it is open, the trail says signed_off"],
        ),
        (
            "UPDATE verification_finding SET signed_off_by_id = (SELECT id FROM accounts_user"
            " WHERE username <> 'auditor' LIMIT 1) WHERE status = 'signed_off'",
            ["it was signed off by"],
        ),
        (
            "UPDATE verification_finding SET words = '坏' WHERE status = 'signed_off'",
            ["its words are not those with which it was signed off"],
        ),
        (
            "UPDATE verification_finding SET because = 'nothing' WHERE status = 'open'",
            ["it is not what was found"],
        ),
        (
            "DELETE FROM verification_finding WHERE status = 'open'",
            ["it kept 1 new findings of balance, and there are 0"],
        ),
        (
            "DELETE FROM verification_finding",
            [
                "it is gone; the trail tells of it (finding.sign_off)",
                "it kept 1 new findings of balance, and there are 0",
                "it kept 1 new findings of totals, and there are 0",
            ],
        ),
        (
            "DELETE FROM verification_verification",
            ["it is gone; the trail tells of it (verification.ask)"],
        ),
    ],
)
def test_what_is_done_to_findings_behind_the_back_is_found(lake, wallet, auditor, change, because):
    """Also by a verification of what is new: all findings are read each time."""
    untriggered(MORE)
    work(ask(lake, "ledger", asked_by=auditor))
    findings.sign_off(finding=found_in(lake, check_name="totals").get(), by=auditor, words="好")
    assert found_by(lake, "findings", "on_record") == []

    untriggered(change)

    said = found_by(lake, "findings", "on_record")
    assert all(one.startswith(due) for one, due in zip(said, because, strict=True)), said


def test_two_kinds_at_once_that_find_one_row_keep_it_once(lake, wallet, monkeypatch):
    """A verification of everything meets what one of the ledger found a moment before."""
    untriggered(MORE)
    record = findings.Findings.record

    def after_another(self, *, is_whole):
        monkeypatch.setattr(findings.Findings, "record", record)
        verify(lake, "ledger")
        return record(self, is_whole=is_whole)

    everything = ask(lake, "all")
    monkeypatch.setattr(findings.Findings, "record", after_another)
    work(everything)

    assert everything.status == "finished"
    assert Counter(one.check_name for one in found_in(lake)) == {"totals": 1, "balance": 1}
    assert everything.new_findings_count == 0


# --- the API ----------------------------------------------------------------------------------
@pytest.fixture
def desk(auditor, logged_in):
    return logged_in(auditor)


def moment(when):
    return when.isoformat().replace("+00:00", "Z")


def test_an_auditor_asks_watches_and_reads_what_was_found(lake, wallet, auditor, desk):
    untriggered(MORE)

    asked = desk.post(VERIFICATIONS, {"kind": "ledger"}, format="json")

    body = asked.json()
    assert asked.status_code == 202
    assert asked["Location"] == f"http://testserver{VERIFICATIONS}/{body['id']}"
    assert body == {
        "id": body["id"],
        "community": {"id": str(lake.pk), "code": "lake", "name": "碧沙湖社区"},
        "kind": "ledger",
        "status": "waiting",
        "is_whole": True,
        "since_id": None,
        "asked_at": body["asked_at"],
        "asked_by": {"id": str(auditor.pk), "name": "钱审计"},
        "started_at": None,
        "finished_at": None,
        "stopped_by": None,
        "seal": 0,
        "head": None,
        "under_way": "",
        "checks_count": 0,
        "checks_over": 0,
        "findings_count": 0,
        "new_findings_count": 0,
    }
    done = work(Verification.objects.get(pk=body["id"]))
    opened = desk.get(asked["Location"], headers={"Accept-Language": "en"}).json()
    checks_over = opened.pop("checks")
    assert opened == body | {
        "status": "finished",
        "started_at": moment(done.started_at),
        "finished_at": moment(done.finished_at),
        "seal": 1,
        "head": bytes(done.head).hex(),
        "checks_count": len(done.checks),
        "checks_over": len(done.checks),
        "findings_count": 2,
        "new_findings_count": 2,
    }
    promises = {one["check"]: one.pop("promise") for one in checks_over}
    assert promises["expiry"] == PROMISE_OF_EXPIRY
    assert all(one.pop("advice") for one in checks_over)
    assert checks_over == done.checks
    assert desk.get(VERIFICATIONS).json()["results"] == [opened]

    totals = Finding.objects.get(check_name="totals")
    (one,) = desk.get(
        "/api/v1/communities/lake/findings?check=totals&status=open&is_gone=false"
    ).json()["results"]
    assert one == {
        "id": str(totals.pk),
        "community": {"id": str(lake.pk), "code": "lake", "name": "碧沙湖社区"},
        "kind": "ledger",
        "check": "totals",
        "promise": "账户显示的数额等于其全部进出、冻结和冲正之和。",
        "advice": one["advice"],
        "table": "points_account",
        "row": str(wallet.pk),
        "because": "credits 105, should be 100",
        "first_found_by_id": body["id"],
        "last_seen_by_id": body["id"],
        "found_at": moment(totals.found_at),
        "gone_since": None,
        "status": "open",
        "signed_off_by": None,
        "signed_off_at": None,
        "words": "",
    }
    assert desk.get(f"/api/v1/findings/{totals.pk}").json() == one
    of_it = desk.get(f"{VERIFICATIONS}/{body['id']}/findings").json()["results"]
    assert {finding["check"] for finding in of_it} == {"balance", "totals"}

    signed = desk.post(f"/api/v1/findings/{totals.pk}/sign-off", {"words": "已更正"}, format="json")
    totals.refresh_from_db()
    assert signed.status_code == 200
    assert signed.json() == one | {
        "status": "signed_off",
        "signed_off_by": {"id": str(auditor.pk), "name": "钱审计"},
        "signed_off_at": moment(totals.signed_off_at),
        "words": "已更正",
    }


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, {"balance", "totals"}),
        ({"row": "unit points"}, {"balance"}),
        ({"table": "points_transfer"}, set()),
        ({"text": "CREDITS 105"}, {"totals"}),
        ({"since": "2024-01-01"}, {"balance", "totals"}),
        ({"until": "2024-01-01"}, set()),
        ({"status": "signed_off"}, {"balance"}),
    ],
)
def test_findings_are_narrowed_down_in_the_list_and_the_file(
    lake, wallet, auditor, desk, asked, found
):
    untriggered(MORE)
    verify(lake)
    signed = found_in(lake, check_name="balance").get()
    findings.sign_off(finding=signed, by=auditor, words="改回来了")
    address = "/api/v1/communities/lake/findings"

    listed = desk.get(address, asked).json()["results"]
    answer = desk.get(f"{address}.csv", asked, headers={"Accept-Language": "en"})

    assert {one["check"] for one in listed} == found
    table = csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig")))
    rows = {one["Check"]: one for one in table}
    assert set(rows) == found
    if "balance" in rows:
        row = rows["balance"]
        assert (row["Status"], row["Signed off by"], row["Words"]) == (
            "Signed off",
            "钱审计",
            "改回来了",
        )
        assert row["Finding"] == signed.because


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["awards", "ledger"]),
        ({"kind": "awards"}, ["awards"]),
        ({"status": "failed"}, []),
        ({"is_whole": "false"}, ["awards"]),
        ({"until": "2024-01-01"}, []),
    ],
)
def test_verifications_are_narrowed_down(lake, wallet, desk, asked, found):
    verify(lake)
    verify(lake, "awards")
    verify(lake, "awards", is_whole=False)

    listed = desk.get(VERIFICATIONS, asked).json()["results"]

    assert sorted({one["kind"] for one in listed}) == found


def test_the_file_of_findings_is_for_those_who_watch_over_a_community(
    lake, wallet, wang, logged_in
):
    refused = logged_in(wang).get("/api/v1/communities/lake/findings.xlsx")

    assert (refused.status_code, refused.json()["code"]) == (404, "community_unknown")


@pytest.mark.usefixtures("every_check")
def test_promises_and_advice_are_told_in_the_language_asked_for(lake, wallet, desk):
    done = verify(lake)
    address = f"{VERIFICATIONS}/{done.pk}"

    def of(language):
        made = desk.get(address, headers={"Accept-Language": language}).json()["checks"]
        return {one["check"]: (one["promise"], one["advice"]) for one in made}

    english, chinese = of("en"), of("zh-hans")
    assert english["floors"][0] == "No account is below zero."
    assert chinese["floors"][0] == "没有账户低于零。"
    assert all(chinese[name][n] != english[name][n] for name in english for n in (0, 1))


def test_a_key_sent_twice_is_one_verification(lake, desk):
    headers = {"Idempotency-Key": "once"}
    first, second = (
        desk.post(VERIFICATIONS, {"kind": "guards"}, format="json", headers=headers)
        for _ in range(2)
    )

    assert first.json() == second.json()
    assert first["Location"] == second["Location"]
    assert Verification.objects.count() == 1
    refused = desk.post(VERIFICATIONS, {}, format="json", headers={"Idempotency-Key": None})
    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_missing")


def test_what_may_not_be_is_refused_by_its_code(lake, wallet, desk):
    waiting = desk.post(VERIFICATIONS, {"kind": "guards"}, format="json").json()["id"]
    untriggered(MORE)
    done = verify(lake)
    finding = found_in(lake).first()
    sign_off = f"/api/v1/findings/{finding.pk}/sign-off"
    desk.post(sign_off, {"words": "好"}, format="json")

    def refusal(address, body=None):
        answer = desk.post(address, body or {}, format="json")
        return answer.status_code, answer.json()["code"]

    assert refusal(VERIFICATIONS, {"kind": "guards"}) == (409, "verification_under_way")
    assert refusal(f"/api/v1/verifications/{done.pk}/stop") == (409, "verification_over")
    assert refusal(sign_off, {"words": "不好"}) == (409, "finding_signed_off")
    assert refusal(VERIFICATIONS, {"kind": "nonesuch"})[0] == 400
    assert refusal(sign_off, {"words": " "})[0] == 400
    stopped = desk.post(f"/api/v1/verifications/{waiting}/stop").json()
    assert stopped["status"] == "stopped"


@pytest.mark.parametrize(
    ("role", "place", "asks"),
    [
        (Role.STAFF, "lake", 404),
        (Role.MANAGER, "lake", 202),
        (Role.AUDITOR, "lake", 202),
        (Role.AUDITOR, "street", 202),
        (Role.MANAGER, "street", 202),
        (Role.MANAGER, "hill", 404),
    ],
)
def test_auditors_and_managers_ask_and_sign_off_and_staff_read(
    lake, hill, wallet, person, logged_in, role, place, asks
):
    street = places.found(code="shore", name="湖畔街道", kind=Community.Kind.STREET)
    lake.parent = street
    lake.save(update_fields=["parent"])
    untriggered(MORE)
    done = verify(lake)
    finding, waiting = found_in(lake).first(), ask(lake, "guards")
    user = person("somebody")
    roles.give(
        user=user, community={"lake": lake, "street": street, "hill": hill}[place], role=role
    )
    desk = logged_in(user)

    reads = [
        desk.get(address).status_code
        for address in (
            VERIFICATIONS,
            f"{VERIFICATIONS}/{done.pk}",
            f"{VERIFICATIONS}/{done.pk}/findings",
            "/api/v1/communities/lake/findings",
            f"/api/v1/findings/{finding.pk}",
        )
    ]
    writes = [
        desk.post(address, body, format="json").status_code
        for address, body in (
            (VERIFICATIONS, {"kind": "settlements"}),
            (f"/api/v1/verifications/{waiting.pk}/stop", {}),
            (f"/api/v1/findings/{finding.pk}/sign-off", {"words": "好"}),
        )
    ]

    assert reads == [404 if place == "hill" else 200] * 5
    assert writes == ([404] * 3 if asks == 404 else [202, 200, 200])


def test_what_verifying_found_is_not_for_strangers(lake, hill, wang, logged_in):
    run = verify(lake)
    theirs = verify(hill)
    for address in (VERIFICATIONS, f"{VERIFICATIONS}/{run.pk}"):
        answer = logged_in(wang).get(address)
        assert (answer.status_code, answer.json()["code"]) == (404, "community_unknown")
        answer = APIClient().get(address)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert theirs.pk != run.pk


def test_a_verification_of_another_community_is_not_found_in_this(lake, hill, desk):
    theirs = verify(hill)

    answer = desk.get(f"{VERIFICATIONS}/{theirs.pk}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# --- the handbook -----------------------------------------------------------------------------
@pytest.mark.usefixtures("every_check")
def test_the_handbook_has_a_line_for_each_check_and_for_no_other():
    handbook = (settings.BASE_DIR / "docs" / "audit.md").read_text(encoding="utf-8")
    table = handbook.split("## What each finding means")[1].split("\n## ")[0]
    lines = re.findall(r"^\| `([a-z_-]+)` \| .+ \| .+ \| .+ \|$", table, re.MULTILINE)

    assert sorted(lines) == sorted(check.name for check in checks.registered())
    assert all(f"`{kind}`" in handbook for kind, _ in KINDS)
