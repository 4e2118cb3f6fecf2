"""A community that has moved away: nothing of it can be written any more, and all of it be read."""

from contextlib import suppress
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, connection, transaction
from django.utils.module_loading import import_string

from backend.accounts.models import User
from backend.api.models import IdempotencyKey
from backend.api.tasks import forget_old_idempotency_keys
from backend.audit.models import AuditEntry
from backend.celery import CLOCK, Task
from backend.communities import fence
from backend.communities.models import Community
from backend.communities.services import places
from backend.moving.errors import MoveRefused
from backend.moving.services import closing
from backend.outbox.selectors import figures
from backend.payouts.models import Payout
from backend.registries.checks import Scope, named
from backend.sql import constraint_of, message_of
from backend.verification.models import Verification
from backend.verification.services import asking
from merchants.models import Device, Partnership
from points.models import Rule
from points.rules import services as rules
from points.seals.models import Unsealed
from points.seals.tasks import seal_community
from tests.backend.town import undone
from tests.backend.walks import ask, document, ways
from tests.cast import PASSWORD

TO = "https://points.example.org"

pytestmark = [pytest.mark.slow, pytest.mark.plain]


def closed(community):
    """Close a community within the test's own transaction."""
    Payout.objects.filter(community=community).update(next_at=None)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    move = closing.close(community=community, to=TO)
    community.refresh_from_db()
    return move


def bend(statement, *values):
    """Have the triggers look away: what is refused here is not what the test is about."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)
        cursor.execute("SET LOCAL session_replication_role = origin")


def cancel_payouts():
    bend(
        "UPDATE payouts_payout SET status = 'cancelled', openid = '', sent_parameters = '{}',"
        " package_info = '', finished_at = now(), next_at = NULL"
    )


def digests(community):
    """Return a digest of the community's rows of each table."""
    found, places = {}, closing.places_of(community)
    with connection.cursor() as cursor:
        for model in fence.of_communities():
            cursor.execute(
                f"SELECT count(*), md5(string_agg(t::text, '' ORDER BY t.id))"
                f' FROM "{model._meta.db_table}" t WHERE community_id = ANY(%s)',
                [places],
            )
            found[model._meta.db_table] = cursor.fetchone()
    return found


@pytest.fixture
def gone(town):
    """The town's lake, closed, with something in every table."""
    lake = Community.objects.get(code="lake")
    cancel_payouts()
    closed(lake)
    return lake


# Triggers of statements, which act before any row's.
REFUSED_ANYWAY = {
    "points_account": "account_keeps_its_name",
    "points_earned": "earned_follows_transfers",
}


# --- the database -----------------------------------------------------------------------------
def refused(statement, *values):
    """Return the constraint and the message that refuse a statement, None if nothing does."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
            transaction.set_rollback(True)
    except IntegrityError as error:
        return constraint_of(error), message_of(error)
    return None


def test_the_database_refuses_every_write_to_every_table_of_a_moved_community(gone, subtests):
    seen = 0
    for model in fence.of_communities():
        table = model._meta.db_table
        one = model.objects.filter(community__in=closing.places_of(gone)).first()
        if one is None:
            continue
        with subtests.test(table):
            columns = ", ".join(f'"{field.column}"' for field in model._meta.concrete_fields)
            where = f'FROM "{table}" WHERE id = %s AND community_id = %s'
            for statement in (
                f'INSERT INTO "{table}" ({columns}) SELECT {columns} {where}',
                f'UPDATE "{table}" SET id = id WHERE id = %s AND community_id = %s',
                f"DELETE {where}",
            ):
                name, said = refused(statement, one.pk, one.community_id)
                assert (name, said) == ("community_moved", TO) or name == REFUSED_ANYWAY[table]
        seen += 1
    assert seen > 80


def test_the_database_refuses_to_change_a_moved_community_or_to_add_an_estate(lake):
    change = "UPDATE communities_community SET address = 'x' WHERE id = %s"
    estate = places.estate_named(community=lake, name="一区")
    closed(lake)

    assert refused(change, lake.pk) == refused(change, estate.pk) == ("community_moved", TO)
    with pytest.raises(IntegrityError, match=TO), transaction.atomic():
        places.estate_named(community=lake, name="新区")


def test_rows_of_others_and_of_the_street_are_written_but_not_moved_in_or_out(lake, hill):
    lake.parent = places.found(code="shore", name="湖畔街道", kind=Community.Kind.STREET)
    lake.save(update_fields=["parent"])
    closed(lake)

    for place in (hill, lake.parent):
        rules.publish(
            community=place,
            subject=Rule.Subject.HOURS,
            category="巡逻",
            parameters={"points_per_hour": 1},
            valid_from=place.today,
        )
    theirs = Unsealed.objects.filter(community=hill).earliest("pk")
    ours = Unsealed.objects.filter(community=lake).earliest("pk")
    change = "UPDATE points_unsealed SET community_id = %s WHERE id = %s"
    assert refused(change, hill.pk, ours.pk) == ("community_moved", TO)
    assert refused(change, lake.pk, theirs.pk) == ("community_moved", TO)


HOLES = {
    "DROP TRIGGER community_moved ON points_transfer": "it is not installed",
    "ALTER TABLE points_transfer DISABLE TRIGGER community_moved": "it is disabled",
    "DROP TRIGGER community_moved ON points_transfer;"
    " CREATE TRIGGER community_moved BEFORE INSERT ON points_transfer FOR EACH ROW"
    " WHEN (NEW.amount < 0) EXECUTE FUNCTION communities_refuse_moved('new')": (
        "it is not as declared"
    ),
}


def test_a_verification_of_any_community_finds_a_hole_in_the_fence(lake, hill):
    closed(lake)
    for broken, because in HOLES.items():
        with undone(), connection.cursor() as cursor:
            cursor.execute(broken)
            (found,) = named("guards").findings(Scope(hill))
        assert (found.table, found.row) == ("points_transfer", "trigger community_moved")
        assert found.because == because


def test_a_table_that_a_migration_adds_is_fenced_by_that_migration(lake):
    closed(lake)
    with connection.cursor() as cursor:
        for name in fence.NAMES:
            cursor.execute(f"DROP TRIGGER {name} ON points_transfer")

    fence.fence_new_tables()

    assert list(named("guards").findings(Scope(lake))) == []


def test_nobody_pays_for_a_fence_where_nobody_has_moved(lake):
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgname = ANY(%s)", [[*fence.NAMES]])
        assert cursor.fetchone() == (0,)


# Reads that are put on record: without a record nobody reads.
ON_RECORD = {
    "GET /api/v1/bank-batches/{batch_id}/file.csv",
    "GET /api/v1/bank-batches/{batch_id}/file.xlsx",
    "GET /api/v1/mediations",
    "GET /api/v1/mediations/{mediation_id}",
}


def partner_there(partnership, community):
    """Make the merchant a partner of another community as well."""
    return Partnership.objects.create(
        community=community,
        merchant=partnership.merchant,
        name="茶馆",
        name_compared="茶馆",
        status=partnership.status,
        accepted_at=partnership.accepted_at,
    )


ONCE = {"Idempotency-Key": "once"}


# --- the API ----------------------------------------------------------------------------------
def one_of_each(found):
    """Return one way of each method in each part of the API, and all of ON_RECORD.

    The database refuses, and one place tells so: what is asked has hardly a part in it. Payouts
    can not be cancelled any more: they had to end before the community moved. A merge tells of the
    move among the conflicts that stand against it.
    """
    chosen, seen = {}, set()
    for label, way in found.items():
        method, _, path = label.partition(" ")
        if "/payouts/" in path and path.endswith("/cancel"):
            continue
        if path.endswith("/merges/{merge_id}/confirm"):
            continue
        about = method, document()["paths"][path][method.lower()]["tags"][0]
        if label in ON_RECORD or about not in seen:
            chosen[label] = way
            seen.add(about)
    return chosen


def test_every_read_is_answered_and_every_write_refused_or_nobodys(gone, town, subtests):
    """Each operation, in the way that is known to succeed while the community is here.

    What succeeds still wrote nothing of it, for the database lets nothing through.
    """
    refused, unread = set(), set()
    for label, way in one_of_each(ways(town)).items():
        with subtests.test(label):
            answer = ask(*way.request)
            if answer.status_code >= 300:
                told = answer.json()
                assert (answer.status_code, told["code"]) == (409, "community_moved"), told
                assert told["moved_to"] == TO
                (unread if label.startswith("GET ") else refused).add(label)
    assert len(refused) > 20
    assert unread == ON_RECORD


def test_a_refused_scan_of_a_merchant_of_two_communities_is_kept_in_the_other(
    lake, hill, tea_house, zhou, logged_in
):
    partner_there(tea_house, hill)
    closed(lake)
    scan = {"code": "ZZZZZZZZZZZZ", "quantity": 1}

    answers = [
        logged_in(zhou).post(f"/api/v1/merchants/{tea_house.merchant_id}/scans", scan, headers=ONCE)
        for _ in range(2)
    ]

    assert [answer.json()["code"] for answer in answers] == ["code_unknown"] * 2
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert IdempotencyKey.objects.get().community == hill


def test_an_answer_of_before_the_move_is_told_again_and_never_forgotten(
    lake, wang, tea, grant_points, logged_in, settings
):
    grant_points(wang, 100)
    address = f"/api/v1/offers/{tea.pk}/vouchers"
    first = logged_in(wang).post(address, {"quantity": 1}, headers=ONCE)
    closed(lake)
    settings.IDEMPOTENCY_KEEP = timedelta()
    forget_old_idempotency_keys()

    again = logged_in(wang).post(address, {"quantity": 1}, headers=ONCE)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_refusal_is_not_kept_for_the_key_so_that_it_can_be_sent_again(
    lake, wang, tea, grant_points, logged_in
):
    grant_points(wang, 100)
    address = f"/api/v1/offers/{tea.pk}/vouchers"
    closed(lake)
    refused = logged_in(wang).post(address, {"quantity": 1}, headers=ONCE)
    assert (refused.status_code, refused.json()["code"]) == (409, "community_moved")

    closing.stay(community=lake)

    assert logged_in(wang).post(address, {"quantity": 1}, headers=ONCE).status_code == 201


def test_people_of_a_moved_community_still_log_in_to_read(lake, wang, client):
    closed(lake)

    answer = client.post(
        "/_allauth/app/v1/auth/login",
        {"username": "wang", "password": PASSWORD},
        content_type="application/json",
    )

    assert answer.status_code == 200


def test_a_merchant_of_two_communities_works_on_in_the_other(
    lake, hill, tea_house, zhou, logged_in
):
    there = partner_there(tea_house, hill)
    closed(lake)

    address = f"/api/v1/merchants/{tea_house.merchant_id}/devices"
    made = logged_in(zhou).post(address, {"name": "前台"})

    assert made.status_code == 201, made.json()
    acts = AuditEntry.objects.filter(target_id=str(Device.objects.get().pk))
    assert [act.community for act in acts] == [there.community]


def test_somebody_of_a_moved_community_asks_there_to_be_erased(lake, wang, logged_in):
    closed(lake)

    refused = logged_in(wang).delete("/api/v1/me")

    assert (refused.status_code, refused.json()["code"]) == (409, "community_moved")
    assert User.objects.get(pk=wang.pk).erasure_requested_at is None


# --- the clock --------------------------------------------------------------------------------
def test_the_clock_leaves_a_moved_community_alone_and_goes_on_for_others(gone, monkeypatch):
    hill, all_of_it, queued = Community.objects.get(code="hill"), digests(gone), []
    monkeypatch.setattr(
        Task, "apply_async", lambda task, args=(), kwargs=None, **how: queued.append(args)
    )

    for work in CLOCK.values():
        import_string(work.task)()

    told = str(queued)
    assert str(hill.pk) in told
    assert not [place for place in closing.places_of(gone) if str(place) in told]
    assert digests(gone) == all_of_it


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_a_task_that_was_queued_before_the_move_ends_without_an_error(lake, grant_points, wang):
    grant_points(wang, 10)
    closed(lake)

    assert seal_community.delay(str(lake.pk)).get() is None
    assert Unsealed.objects.filter(community=lake).exists()


def test_what_a_moved_community_owes_is_nobodys_delay(town):
    lake = Community.objects.get(code="lake")
    cancel_payouts()
    owed, ours = (sum(one.owed for one in figures(**where)) for where in ({}, {"community": lake}))

    closed(lake)

    assert 0 < ours == sum(one.owed for one in figures(community=lake))
    assert sum(one.owed for one in figures()) == owed - ours


# --- closing and opening again ----------------------------------------------------------------
def test_a_community_is_opened_again_as_it_was_and_its_trail_says_so(lake, grant_points, wang):
    move = closed(lake)
    before = digests(lake)

    call_command("reopen_community", "lake", "--brought-nowhere")

    after = digests(lake)
    changed = {table for table in before if before[table] != after[table]}
    assert changed == {"audit_auditentry", "points_unsealed"}
    trail = AuditEntry.objects.filter(
        community=lake, action__in=["community.leave", "community.stay"]
    )
    assert [(one.action, one.after) for one in trail.order_by("pk")] == [
        ("community.leave", {"to": TO}),
        ("community.stay", {"move": str(move)}),
    ]
    grant_points(wang, 10)
    assert list(named("guards").findings(Scope(lake))) == []


def test_a_second_closing_keeps_the_first_move_and_address(lake):
    move = closed(lake)

    assert closing.close(community=lake, to="https://other.example.org") == move
    assert Community.objects.get(pk=lake.pk).moved_to == TO


def test_opening_what_is_open_changes_nothing(lake):
    closing.stay(community=lake)

    assert not AuditEntry.objects.filter(community=lake).exists()


@pytest.mark.parametrize("status", Payout.OPEN)
def test_a_community_with_a_payout_under_way_does_not_move(town, status):
    lake = Community.objects.get(code="lake")
    sent_at = "NULL" if status == Payout.Status.PENDING else "now()"
    bend(f"UPDATE payouts_payout SET status = %s, sent_at = {sent_at}", status)

    with pytest.raises(MoveRefused, match="community_busy") as refusal:
        closing.close(community=lake, to=TO)

    assert status in refusal.value.reasons[0]
    assert Community.objects.get(pk=lake.pk).moved_at is None


def test_a_community_in_which_a_verification_runs_does_not_move(lake):
    asked = asking.ask(community=lake, kind="ledger", is_whole=True)
    asked.save_with(status=Verification.Status.RUNNING)

    with pytest.raises(MoveRefused, match="community_busy"):
        closing.close(community=lake, to=TO)


def test_what_begins_while_the_fence_is_built_opens_the_community_again(lake, monkeypatch):
    asked = asking.ask(community=lake, kind="ledger", is_whole=True)
    build = fence.build

    def build_slowly(**how):
        if not how:
            asked.save_with(status=Verification.Status.RUNNING)
        build(**how)

    monkeypatch.setattr(fence, "build", build_slowly)
    with pytest.raises(MoveRefused, match="community_busy"):
        closing.close(community=lake, to=TO)

    assert Community.objects.get(pk=lake.pk).moved_at is None
    assert refused("UPDATE points_unsealed SET id = id WHERE community_id = %s", lake.pk) is None


def test_commands_say_where_a_community_is_now(lake):
    closed(lake)

    with pytest.raises(CommandError, match=f"lake has moved to {TO}"):
        call_command("verify", "--community", "lake")
    with suppress(CommandError):
        call_command("seal_ledger")
