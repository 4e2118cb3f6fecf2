"""The outbox: what is owed is tried until it is done, once, and fairly; proved for every kind."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone

from backend.accounts import vault
from backend.accounts.models import User
from backend.audit.models import AuditEntry
from backend.documents import services as documents
from backend.documents.models import Document
from backend.ids import new_id
from backend.imports.models import Import
from backend.notices.models import Channel, Mailbox, Message, Notice
from backend.outbox import kinds, selectors, tasks
from backend.outbox import services as outbox
from backend.outbox.kinds import WAITS, Done, Failed, Later
from backend.payouts.models import Payout
from backend.privacy.models import Export
from backend.privacy.services import exports
from backend.verification.models import Verification
from backend.webhooks import signing
from backend.webhooks.models import Delivery, Endpoint
from tests.long import times
from tests.standins.webhook_receiver import Receiver
from volunteers.models import Report, Screening

KINDS = sorted(kinds.registered)


# --- something of every kind is owed ----------------------------------------------------------
def a_notice(community, person) -> Notice:
    return Notice(
        community=community,
        key=str(new_id()),
        recipient=person,
        kind="shift_reminder",
        due_at=timezone.now(),
    )


def a_message(community, person) -> Message:
    notice = a_notice(community, person)
    notice.delivered_at, notice.next_at = timezone.now(), None
    notice.save(force_insert=True)
    return Message(community=community, notice=notice, channel=Channel.SMS, language="en")


def a_webhook(community, person) -> Delivery:
    url = f"https://8.8.8.8/{person.pk}"
    endpoint, _ = Endpoint.objects.get_or_create(url=url, owner_id=person.pk, made_by=person)
    facts = {"object_id": new_id(), "ordering_id": new_id(), "happened_at": timezone.now()}
    return Delivery(community=community, endpoint=endpoint, event="ping", **facts)


def a_document(community, person) -> Document:
    return Document(
        community=community,
        kind="books",
        about={},
        ending="csv",
        language="en",
        is_final=False,
        key=new_id().hex,
        asked_by=person,
        stored_as=f"documents/{new_id().hex}",
    )


def an_export(community, person) -> Export:
    """Of somebody else each time, for everybody has one at a time."""
    somebody = User.objects.create(username=new_id().hex)
    return Export(user=somebody, language="en", file_name=f"exports/{new_id().hex}")


def a_payout(community, person) -> Payout:
    payer, _ = User.objects.get_or_create(username="payer")
    return Payout(
        community=community,
        subject=f"statement:{new_id()}",
        purpose={},
        payee=person,
        openid="o6_somebody",
        amount_fen=1,
        ordered_by=payer,
    )


def a_verification(community, person) -> Verification:
    """Return one that failed and is owed anew: a community has one of a kind that waits."""
    return Verification(
        community=community,
        kind="guards",
        is_whole=True,
        status=Verification.Status.FAILED,
        finished_at=timezone.now(),
    )


def an_import(community, person) -> Import:
    """Of a file that is not there any more, so that its check ends at once."""
    return Import(
        community=community,
        kind="volunteers",
        status=Import.Status.CHECKING,
        file_name="list.csv",
        size_bytes=1,
        headings=[],
        language="en",
        uploaded_by=person,
    )


def a_screening(community, person) -> Screening:
    report = Report.objects.create(
        community=community,
        reporter=person,
        category="hazard",
        is_confidential=False,
        colour="red",
        text="井盖松动",
        is_screened=False,
    )
    return Screening(community=community, report=report)


def a_mailbox(community, person) -> Mailbox:
    """Of somebody else each time, for everybody has one."""
    somebody = User.objects.create(username=new_id().hex)
    return Mailbox(
        user=somebody,
        address_encrypted=vault.encrypt(f"{somebody.pk}@example.cn"),
        code_encrypted=vault.encrypt("ABCD2345"),
        code_expires_at=timezone.now() + timedelta(minutes=30),
    )


OWED = {
    "notice": a_notice,
    "message": a_message,
    "webhook": a_webhook,
    "document": a_document,
    "export": an_export,
    "payout": a_payout,
    "verification": a_verification,
    "screening": a_screening,
    "import": an_import,
    "email_code": a_mailbox,
}


@pytest.fixture(params=KINDS)
def name(request) -> str:
    """The name of every kind in turn."""
    return request.param


@pytest.fixture
def owe(name, lake, person) -> Callable:
    """``owe(3)`` rows of the kind, of one share."""
    somebody = person("somebody")

    def make(count=1, community=lake, to=somebody):
        return write(name, *(OWED[name](community, to) for _ in range(count)))

    return make


def write(name, *rows):
    """Owe ``rows``; returns them as the database has them."""
    kinds.registered[name].model.objects.bulk_create(rows)
    return now_of(rows)


@pytest.fixture
def acting(name, monkeypatch) -> Callable:
    """Let the kind do something else: ``acting(act)``; returns what it was asked to do."""
    kind = kinds.registered[name]

    def do(act=lambda row: None, **changes):
        asked = []

        def noting(row):
            asked.append(row.pk)
            return act(row)

        changes.setdefault("is_ready", lambda: True)
        doing = (lambda rows: [*map(noting, rows)]) if kind.acts_on_all else noting
        monkeypatch.setitem(kinds.registered, name, replace(kind, act=doing, **changes))
        return asked

    return do


def now_of(rows):
    """The rows as they are now."""
    model = type(rows[0])
    found = model.objects.in_bulk([row.pk for row in rows])
    return [found[row.pk] for row in rows]


def is_due_again(rows):
    """Waits and leases are over."""
    type(rows[0]).objects.filter(next_at__isnull=False).update(next_at=timezone.now())


def attempt(name, row, **how):
    """Try the one row, and no other."""
    where = {column: getattr(row, column) for column in kinds.registered[name].share}
    return outbox.attempt(name, **where, pk=row.pk, **how)


def sweep(name):
    """What a sweep and the workers do, one after the other; the number of tries."""
    return sum(outbox.work(name, share) for share in outbox.shares(name))


def test_every_kind_is_tried_here():
    assert set(OWED) == set(kinds.registered)


# --- a claim ----------------------------------------------------------------------------------
def test_what_is_owed_is_done_once(name, owe, acting):
    asked, rows = acting(), owe(3)

    for _ in range(4):
        sweep(name)

    assert Counter(asked) == {row.pk: 1 for row in rows}
    assert {row.next_at for row in now_of(rows)} == {None}


def test_what_is_not_due_waits(name, owe, acting):
    asked, (row,) = acting(), owe()
    type(row).objects.update(next_at=timezone.now() + timedelta(minutes=1))

    assert outbox.shares(name) == []
    assert attempt(name, row) is False
    assert asked == []

    assert attempt(name, row, is_due=False)
    assert asked == [row.pk]


def test_what_a_worker_claimed_is_left_to_it_until_its_lease_runs_out(name, owe, acting):
    asked, (row,) = acting(), owe()
    (share,) = outbox.shares(name)
    (claimed,) = outbox.claim(kinds.registered[name], share)  # and was killed

    assert (outbox.shares(name), sweep(name)) == ([], 0)
    lease = now_of([row])[0].next_at - timezone.now()
    assert timedelta(seconds=50) < lease <= kinds.registered[name].lease

    is_due_again([row])
    assert sweep(name) == 1
    assert asked == [row.pk]
    assert now_of([row])[0].attempts == 2
    assert claimed.attempts == 1


def test_an_outcome_that_comes_after_the_lease_does_not_count(name, owe, acting):
    (row,) = owe()
    late = []

    def act(claimed):
        if not late:
            late.append(claimed)
            type(claimed).objects.filter(pk=claimed.pk).update(
                next_at=timezone.now(), reason="owed anew"
            )
            return Failed("mine", for_good=True)
        return Done()

    acting(act)
    (share,) = outbox.shares(name)

    attempt(name, row)
    (between,) = now_of([row])
    assert (between.reason, between.given_up_at) == ("owed anew", None)

    outbox.work(name, share)
    assert now_of([row])[0].next_at is None


@pytest.mark.django_db(transaction=True)
def test_workers_and_sweeps_at_once_try_each_row_once(name, owe, acting, at_once):
    asked, rows = acting(swept_at_most=10), owe(6)

    at_once(4, lambda _: sweep(name))
    sweep(name)  # what the others were about to claim when each looked

    assert Counter(asked) == {row.pk: 1 for row in rows}


@pytest.mark.django_db(transaction=True)
def test_while_it_is_done_another_worker_is_not_held_up(name, owe, acting, at_once):
    rows, begun, done = owe(2), threading.Event(), threading.Event()
    slow = rows[0].pk

    def act(row):
        if row.pk == slow:
            begun.set()
            assert done.wait(timeout=30)

    acting(act)

    def work(number):
        if number:
            assert begun.wait(timeout=30)
        is_done = attempt(name, rows[number])
        if number:
            done.set()
        return is_done

    assert at_once(2, work) == [True, True]


def test_what_cannot_be_tried_yet_waits(name, owe, acting):
    asked = acting(is_ready=lambda: False)
    owe()
    assert (sweep(name), asked) == (0, [])

    acting()
    assert sweep(name) == 1


# --- how a try ends ---------------------------------------------------------------------------
def fails(row):
    return Failed("no_answer")


def breaks(row):
    raise OperationalError("the disk is full")


@pytest.mark.parametrize(("act", "reason"), [(fails, "no_answer"), (breaks, "OperationalError")])
def test_a_failure_is_tried_again_after_growing_waits_and_then_given_up(
    name, owe, acting, act, reason
):
    asked, (row,) = acting(act), owe()

    for number, seconds in enumerate(kinds.registered[name].waits, start=1):
        began = timezone.now()
        assert sweep(name) == 1
        (failed,) = now_of([row])
        waits = (failed.next_at - began).total_seconds()
        assert seconds <= waits <= seconds * (1 + outbox.JITTER) + 60
        assert (failed.attempts, failed.reason, failed.given_up_at) == (number, reason, None)
        is_due_again([row])
    sweep(name)

    (dead,) = now_of([row])
    assert (dead.next_at, dead.reason) == (None, reason)
    assert dead.given_up_at is not None
    with_others = act is breaks and kinds.registered[name].acts_on_all  # before it is tried alone
    assert len(asked) == len(kinds.registered[name].waits) + 1 + with_others
    assert list(selectors.given_up(kinds.registered[name])) == [dead]


def test_what_cannot_be_done_is_given_up_at_once(name, owe, acting):
    told = []
    acting(lambda row: Failed("gone", for_good=True), gave_up=lambda row: told.append(row.reason))
    (row,) = owe()

    sweep(name)

    (dead,) = now_of([row])
    assert (dead.attempts, dead.reason, dead.next_at) == (1, "gone", None)
    assert told == ["gone"]


def test_whatever_kills_every_worker_is_given_up(name, owe, acting):
    asked, (row,) = acting(), owe()
    for _ in range(len(kinds.registered[name].waits) + 1):
        is_due_again([row])
        (share,) = outbox.shares(name)
        outbox.claim(kinds.registered[name], share)  # and the worker was killed
    is_due_again([row])

    for _ in range(len(kinds.registered[name].waits) + 1):
        sweep(name)
        is_due_again([row])

    (dead,) = now_of([row])
    assert (dead.reason, dead.next_at, asked) == ("WorkerLost", None, [])


def test_what_is_to_be_asked_about_later_is_never_given_up(name, owe, acting):
    asked, (row,) = acting(lambda row: Later(timedelta(minutes=7))), owe()

    for _ in range(len(WAITS) + 5):
        is_due_again([row])
        began = timezone.now()
        sweep(name)
        (waiting,) = now_of([row])
        assert timedelta(0) <= waiting.next_at - began - timedelta(minutes=7) < timedelta(minutes=1)

    assert len(asked) == len(WAITS) + 5
    assert (waiting.attempts, waiting.given_up_at) == (0, None)


def test_an_act_may_record_the_end_itself(name, owe, acting):
    def act(row):
        type(row).objects.filter(pk=row.pk).update(next_at=None, reason="said so")

    acting(act)
    (row,) = owe()

    assert attempt(name, row)
    (done,) = now_of([row])
    assert (done.reason, done.next_at, done.given_up_at) == ("said so", None, None)


def wait_after(number, row_id):
    return outbox.wait_after(kinds.registered["notice"], number, row_id)


def test_an_attempt_waits_longer_than_the_one_before_and_gives_up_after_three_days():
    waits = [wait_after(number, UUID(int=7)) for number in range(1, len(WAITS) + 1)]

    assert waits == sorted(waits)
    assert 60 <= sum(w.total_seconds() for w in waits) / 3600 <= 80
    assert wait_after(len(WAITS) + 1, UUID(int=7)) is None


def test_what_failed_together_is_not_repeated_together():
    assert len({wait_after(5, UUID(int=number)) for number in range(100)}) == 100

    waits = {outbox.spread(100, new_id()) for _ in range(1_000)}
    assert timedelta(seconds=100) <= min(waits) < timedelta(seconds=101)
    assert timedelta(seconds=109) < max(waits) <= timedelta(seconds=110)


# --- acts on a whole claim --------------------------------------------------------------------
@pytest.mark.parametrize("name", ["notice"], indirect=True)
def test_what_breaks_the_act_of_a_claim_is_tried_alone_and_the_others_are_done(name, owe, acting):
    rows = owe(5)
    poisoned = rows[2].pk

    def act(row):
        if row.pk == poisoned:
            raise OperationalError("the disk is full")
        return Done()

    asked = acting(act)
    sweep(name)

    after = {row.pk: (row.next_at is None, row.attempts, row.reason) for row in now_of(rows)}
    assert after.pop(poisoned) == (False, 1, "OperationalError")
    assert set(after.values()) == {(True, 1, "")}
    more = owe(3)
    is_due_again([rows[2]])
    asked.clear()
    sweep(name)
    assert asked == [*(row.pk for row in more), poisoned]  # which fails no others again
    assert {row.next_at for row in now_of(more)} == {None}


@pytest.mark.parametrize("name", ["notice"], indirect=True)
def test_a_claim_is_done_in_as_many_statements_as_its_outcomes(
    name, owe, acting, django_assert_num_queries
):
    done = Done(read_at=None)
    acting(lambda row: done)
    rows = owe(50)
    (share,) = outbox.shares(name)

    with django_assert_num_queries(5):  # the clock, a savepoint, a claim, a record, its end
        assert outbox.work(name, share) == 50
    assert {row.next_at for row in now_of(rows)} == {None}


@pytest.mark.parametrize("name", ["notice"], indirect=True)
def test_each_of_a_claim_may_end_in_its_own_way(name, owe, acting):
    ends = iter([Done(), Failed("no_answer"), Failed("gone", for_good=True), Later(timedelta(1))])
    acting(lambda row: next(ends))
    rows = owe(4)

    sweep(name)

    done, failed, gone, later = now_of(rows)
    assert (done.next_at, done.attempts) == (None, 1)
    assert (failed.reason, failed.attempts, failed.given_up_at) == ("no_answer", 1, None)
    assert (gone.reason, gone.next_at, gone.given_up_at is not None) == ("gone", None, True)
    assert (later.attempts, later.next_at > timezone.now() + timedelta(hours=23)) == (0, True)


# --- fairness ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name", [name for name in KINDS if kinds.registered[name].is_tenants], indirect=True
)
def test_many_of_one_community_do_not_delay_one_of_another(name, owe, acting, lake, hill):
    """One share of each community comes first, and of each share so many a sweep."""
    asked = acting(swept_at_most=5, claimed_at_once=2)
    many = owe(times(50))
    (one,) = owe(community=hill)

    assert {share["community_id"] for share in outbox.shares(name)} == {str(lake.pk), str(hill.pk)}
    assert sweep(name) == 6

    assert one.pk in asked
    assert [row.pk for row in many[:5]] == [pk for pk in asked if pk != one.pk]


def test_no_kind_waits_for_all_of_another(lake, hill, wang, monkeypatch):
    queued = []
    monkeypatch.setattr(tasks.work_outbox, "apply_async", lambda work, **_: queued.append(work[0]))
    for community in (lake, hill):
        write("notice", a_notice(community, wang))
        write("webhook", a_webhook(community, wang))

    tasks.sweep_outbox()

    assert {*queued[:2]} == {*queued[2:]} == {"notice", "webhook"}


def test_workers_that_manage_one_share_a_sweep_come_round_to_all(lake, hill, wang, monkeypatch):
    queued = []
    monkeypatch.setattr(tasks.work_outbox, "apply_async", lambda work, **_: queued.append(work))
    for community in (lake, hill):
        write("notice", a_notice(community, wang))
        write("webhook", a_webhook(community, wang))

    managed = set()
    for _ in range(80):  # four are equally likely to be first
        queued.clear()
        tasks.sweep_outbox()
        name, share = queued[0]
        managed.add((name, *share.values()))

    assert managed == {(name, *share.values()) for name, share in queued}


# --- Redis ------------------------------------------------------------------------------------
@pytest.mark.usefixtures("_tasks_run_at_once")
def test_without_redis_nothing_is_lost(name, owe, acting, monkeypatch):
    asked, (row,) = acting(), owe()

    def is_down(*_, **__):
        raise OperationalError

    with monkeypatch.context() as broken:
        broken.setattr(tasks.work_outbox, "apply_async", is_down)
        with pytest.raises(OperationalError):
            tasks.sweep_outbox()
    assert asked == []

    tasks.sweep_outbox()
    assert asked == [row.pk]


# --- by hand ----------------------------------------------------------------------------------
def test_what_was_given_up_can_be_owed_anew(name, owe, acting):
    acting(lambda row: Failed("gone", for_good=True))
    (row,) = owe()
    sweep(name)
    kind = kinds.registered[name]
    where = {"community": row.community_id} if kind.is_tenants else {}

    assert outbox.owe_anew(name, selectors.given_up(kind, **where)) == 1

    asked = acting()
    sweep(name)
    (done,) = now_of([row])
    assert (asked, done.attempts, done.next_at, done.given_up_at) == ([row.pk], 1, None, None)


def test_what_was_given_up_is_not_owed(name, owe):
    (row,) = owe()

    with pytest.raises(IntegrityError, match="owed_or_given_up"), transaction.atomic():
        type(row).objects.update(given_up_at=timezone.now())


def test_the_figures_tell_what_waits_since_when_and_what_was_given_up(name, owe, acting):
    acting(lambda row: Failed("gone", for_good=True))
    owe()
    sweep(name)
    waiting = owe(2)
    is_due_again(waiting)

    told = {figure.kind: figure for figure in selectors.figures()}[name]

    since = kinds.registered[name].since
    assert (told.owed, told.given_up) == (2, 1)
    assert told.oldest_at == min(getattr(row, since) for row in now_of(waiting))


@pytest.fixture
def dead(lake, wang, monkeypatch):
    """Two notices that were given up, and one that waits."""
    kind = kinds.registered["notice"]
    failing = replace(kind, act=lambda rows: [Failed("gone", for_good=True) for _ in rows])
    rows = write("notice", *(a_notice(lake, wang) for _ in range(2)))
    with monkeypatch.context() as broken:
        broken.setitem(kinds.registered, "notice", failing)
        sweep("notice")
    return [*rows, *write("notice", a_notice(lake, wang))]


def test_staff_see_what_was_given_up_and_retry_it(lake, dead, zhao, logged_in):
    staff = logged_in(zhao)
    address = "/api/v1/communities/lake/outbox"
    nothing = {"owed": 0, "oldest_at": None, "given_up": 0}
    waits_since = dead[2].due_at.isoformat().replace("+00:00", "Z")

    before = staff.get(address)
    after = staff.post(f"{address}/notice/retry")
    staff.post(f"{address}/notice/retry")

    others = [
        {"kind": kind, **nothing}
        for kind in (
            "document",
            "import",
            "message",
            "payout",
            "screening",
            "verification",
            "webhook",
        )
    ]
    notice = {"kind": "notice", "owed": 1, "oldest_at": waits_since, "given_up": 2}
    told = before.json()["kinds"]
    assert sorted(told, key=lambda one: one["kind"]) == [*others[:3], notice, *others[3:]]
    oldest = dead[0].due_at.isoformat().replace("+00:00", "Z")
    retried = {"kind": "notice", "owed": 3, "oldest_at": oldest, "given_up": 0}
    assert retried in after.json()["kinds"]
    entry = AuditEntry.objects.get(action="outbox.retry")
    assert (entry.community, entry.actor, entry.after) == (
        lake,
        zhao,
        {"kind": "notice", "count": 2},
    )


def test_staff_read_why_one_was_given_up_and_retry_it_alone(
    lake, hill, dead, wang, zhao, logged_in
):
    staff, letters = logged_in(zhao), "/api/v1/communities/lake/outbox/notice/dead-letters"
    write("notice", a_notice(hill, wang))
    Notice.objects.filter(community=hill).update(next_at=None, given_up_at=timezone.now())

    listed = staff.get(letters, headers={"Accept-Language": "en"}).json()["results"]
    one = f"{letters}/{dead[1].pk}"
    opened = staff.get(one, headers={"Accept-Language": "en"}).json()
    retried = staff.post(f"{one}/retry")

    assert [letter["id"] for letter in listed] == [str(dead[1].pk), str(dead[0].pk)]
    assert opened == listed[0]
    row = Notice.objects.get(pk=dead[0].pk)
    assert listed[1] == {
        "id": str(row.pk),
        "kind": "notice",
        "words": "Your shift begins soon · 王**",
        "owed_at": utc(row.due_at),
        "attempts": 1,
        "reason": "gone",
        "given_up_at": utc(row.given_up_at),
    }
    (notices,) = (kind for kind in retried.json()["kinds"] if kind["kind"] == "notice")
    assert (notices["owed"], notices["given_up"]) == (2, 1)
    assert staff.post(f"{one}/retry").status_code == 404
    entry = AuditEntry.objects.get(action="outbox.retry")
    assert entry.after == {"kind": "notice", "count": 1, "id": str(dead[1].pk)}
    assert logged_in(wang).get(letters).status_code == 404


def utc(moment):
    return moment.isoformat().replace("+00:00", "Z")


def test_whatever_is_given_up_is_told_in_words(name, owe, lake, zhao, logged_in):
    if not kinds.registered[name].is_tenants:
        return
    (row,) = owe()
    type(row).objects.filter(pk=row.pk).update(next_at=None, given_up_at=timezone.now())

    (told,) = (
        logged_in(zhao)
        .get(f"/api/v1/communities/lake/outbox/{name}/dead-letters")
        .json()["results"]
    )

    assert told["id"] == str(row.pk)
    assert "somebody" not in told["words"]


@pytest.mark.parametrize("kind", ["export", "nonesuch"])
def test_a_kind_that_is_not_owed_in_a_community_is_refused(lake, zhao, logged_in, kind):
    staff, address = logged_in(zhao), f"/api/v1/communities/lake/outbox/{kind}"
    answers = [staff.post(f"{address}/retry"), staff.get(f"{address}/dead-letters")]

    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (404, "owed_kind_unknown")


def test_an_operator_sees_what_was_given_up_and_retries_it(lake, hill, dead, wang, capsys):
    def said(*arguments):
        call_command("outbox", *arguments)
        return capsys.readouterr().out.splitlines()

    since = f"{dead[2].due_at:%Y-%m-%d %H:%M:%S}Z"
    assert f"notice: 1 owed since {since}, 2 given up" in said()
    assert "export: 0 owed, 0 given up" in said()
    assert "notice: 0 owed, 0 given up" in said("--community", "hill")
    assert said("--community", "hill", "--retry", "notice")[0] == "notice: 0 owed anew"
    assert said("--retry", "notice")[0] == "notice: 2 owed anew"
    assert Notice.objects.filter(next_at__isnull=False).count() == 3
    write("export", an_export(lake, wang))
    Export.objects.update(next_at=None, given_up_at=timezone.now())
    assert said("--retry", "export")[0] == "export: 1 owed anew"


def test_somebody_whose_export_was_given_up_asks_again(wang):
    export = exports.ask(user=wang, language="en")
    Export.objects.update(next_at=None, given_up_at=timezone.now())

    assert exports.ask(user=wang, language="en") == export
    assert outbox.attempt("export", pk=export.pk)


def test_somebody_whose_document_was_given_up_asks_for_another(lake, wang):
    about = {"community": lake, "kind": "books", "about": {}, "ending": "csv", "language": "en"}
    about |= {"is_final": False, "asked_by": wang}
    first = documents.ask(Document(**about))
    Document.objects.update(next_at=None, given_up_at=timezone.now())

    assert documents.ask(Document(**about)) != first
    assert Document.objects.filter(given_up_at__isnull=False).count() == 0


# --- receivers that are dead ------------------------------------------------------------------
def test_a_dead_receiver_costs_the_others_one_wait_and_no_more(lake, person, settings):
    """Of fifty for each receiver: the dead one is asked once, and then left alone for a while."""
    dead, alive = (Receiver(secret=signing.new_secret()) for _ in range(2))
    settings.WEBHOOK_ALLOWED, settings.WEBHOOK_TIMEOUT_SECONDS = [dead.name, alive.name], 0.5
    dead.answers = ["silent"] * 50
    owner = person("owner")
    for receiver in (dead, alive):
        endpoint = Endpoint.objects.create(
            url=f"http://{receiver.name}/",
            owner_id=owner.pk,
            made_by=owner,
            secret_encrypted=vault.encrypt(receiver.secret),
        )
        facts = {"community": lake, "endpoint": endpoint, "event": "ping"}
        for _ in range(50):
            about = {"object_id": new_id(), "ordering_id": new_id()}
            Delivery.objects.create(happened_at=timezone.now(), **about, **facts)

    began, sweeps = time.monotonic(), 0
    while len(alive.journal) < 50 and sweeps < 50:
        sweep("webhook")
        sweeps += 1
    took = time.monotonic() - began
    dead.stop()
    alive.stop()

    assert sweeps == 50 / kinds.registered["webhook"].swept_at_most  # as without the other
    assert 1 <= len(dead.journal) <= 1 + took // WAITS[0]  # each of which costs half a second
