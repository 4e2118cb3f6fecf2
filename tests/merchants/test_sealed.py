"""Rows sealed beside transfers: what was changed of them is found, and an owner can prove them."""

import json
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from allauth.socialaccount.models import SocialAccount
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from backend.communities.models import Membership, Role
from backend.communities.services import roles
from backend.outbox import services as outbox
from backend.privacy.services import erasure
from backend.registries import sealed
from backend.registries.checks import Scope
from merchants.models import Statement, Terms
from merchants.partners.services import partnerships as partners
from merchants.settlement.services import bank, payouts
from merchants.settlement.services import statements as settlement
from points import verify_receipt
from points.expiry import services as expiry
from points.models import Seal, Unsealed
from points.seals.checks import Chain
from points.seals.services import sealing
from tests import verified
from tests.cast import somebody
from tests.long import IS_LONG
from tests.verified import untriggered

KINDS = sorted(sealed.registered())
OTHERS = [name for name in KINDS if name != "transfer"]


@pytest.fixture
def qian(lake, kept):
    """钱出纳, staff, who pays."""
    return kept(cashier, lake)


def cashier(lake):
    user = somebody("qian", "钱出纳", phone="19810000006")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


@pytest.fixture
def story(lake, tea_house, zhao, zhou, qian, redeemed, wechat_pay, kept):
    """Something of each kind, nothing of it sealed yet.

    The tea of March is paid by WeChat and that of April by the bank; of two new contracts one is
    withdrawn again; points expire otherwise from now on.
    """
    kept(business, lake, tea_house, zhao, zhou, qian, redeemed, wechat_pay)
    return lake


def business(lake, tea_house, zhao, zhou, qian, redeemed, wechat_pay):
    SocialAccount.objects.create(user=zhou, provider="wechat", uid="o6_zhou")
    tomorrow = lake.today + timedelta(days=1)
    terms = {"partnership": tea_house, "kind": Terms.Kind.PER_POINT, "by": zhao}
    partners.agree(fen_per_point=9, valid_from=tomorrow, **terms)
    partners.withdraw_terms(terms=Terms.objects.get(version=2), by=zhao, is_confirmed=True)
    expiry.set_policy(community=lake, kind="never", valid_from=tomorrow, set_by=zhao)
    for month in (3, 4):
        redeemed(f"2024-0{month}-05 10:00")
        (drafted,) = settlement.draft(
            community=lake, period_start=date(2024, month, 1), period_end=date(2024, month + 1, 1)
        )
        statement = settlement.approve(statement=drafted, approver=zhao)
        if month == 4:
            bank.make_batch(community=lake, by=qian)
            settlement.mark_paid(statement=statement, payer=qian, payment_reference="bank-1")
        else:
            payout = payouts.order(statement=statement, ordered_by=qian)
            for _ in range(2):
                outbox.attempt("payout", is_due=False, community_id=lake.pk, pk=payout.pk)
                wechat_pay.finish(payout.out_bill_no)
            outbox.attempt("payout", is_due=False, community_id=lake.pk, pk=payout.pk)


@pytest.fixture
def closed(lake, tea_house, zhao, zhou, qian, redeemed, wechat_pay, kept):
    """The story, sealed."""
    kept(sealed_business, lake, tea_house, zhao, zhou, qian, redeemed, wechat_pay)
    return lake


def sealed_business(lake, *others):
    business(lake, *others)
    sealing.seal(community=lake)


def found_in(community):
    return [str(one) for one in Chain(Scope(community)).findings()]


def rows_of(kind):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT t.id FROM {kind.table} t WHERE {kind.is_due} ORDER BY t.id")
        return [row_id for (row_id,) in cursor.fetchall()]


def named(name, row_id):
    """How a finding of a row that is sealed as this kind begins."""
    return f"seals: {sealed.registered()[name].table} {row_id}: {name.replace('_', ' ')}: "


# --- nothing is found -------------------------------------------------------------------------
def test_each_kind_is_sealed_in_the_seals_of_transfers_and_nothing_is_found(story):
    assert verified.found_in(story) == []

    (seal,) = sealing.seal(community=story)

    assert {kind for kind, _ in seal.rows} == set(KINDS)
    assert seal.size == len(seal.rows) == len(set(seal.rows))
    assert not Unsealed.objects.exists()
    assert verified.found_in(story) == []
    for kind in sealed.registered().values():
        assert {one for name, one in seal.rows if name == kind.name} == set(rows_of(kind))


def test_a_row_becomes_due_once_and_what_is_not_due_is_not_sealed(lake, zhao, redeemed):
    redeemed("2024-03-05 10:00")
    (drafted,) = settlement.draft(
        community=lake, period_start=date(2024, 3, 1), period_end=date(2024, 4, 1)
    )
    assert not Unsealed.objects.filter(kind__in=["statement", "payment"]).exists()

    approved = settlement.approve(statement=drafted, approver=zhao)
    settlement.approve(statement=approved, approver=zhao)

    (mark,) = Unsealed.objects.filter(kind__in=["statement", "payment"])
    assert (mark.kind, mark.row_id, mark.community) == ("statement", drafted.pk, lake)
    sealing.seal(community=lake)
    approved.save_with(payment_reference="as staff know it")
    assert not Unsealed.objects.exists()


def test_what_is_rolled_back_leaves_no_mark(lake, zhao):
    before = Unsealed.objects.count()
    with transaction.atomic():
        expiry.set_policy(community=lake, kind="never", valid_from=date(2030, 1, 1))
        assert Unsealed.objects.count() == before + 2  # the policy, and the act
        transaction.set_rollback(True)

    assert Unsealed.objects.count() == before


def test_leaves_hold_ids_and_facts_and_no_names(closed, zhao, zhou, qian, tea_house):
    (seal,) = Seal.objects.all()
    leaves = [
        leaf
        for kind in KINDS
        for leaf in sealing.leaves_of(
            closed.pk, kind, [one for name, one in seal.rows if name == kind]
        ).values()
    ]
    assert len(leaves) == seal.size
    for leaf in leaves:
        for person in (zhao, zhou, qian):
            assert person.name not in leaf
            assert person.username not in leaf
        assert "o6_zhou" not in leaf
        assert tea_house.name not in leaf
    formats = {json.loads(leaf)["format"] for leaf in leaves}
    assert formats == {f"linli-{name.replace('_', '-')}-1" for name in KINDS}


def test_an_erasure_leaves_what_is_sealed_as_it_was(closed, zhao, qian):
    for person in (zhao, qian):
        for membership in Membership.objects.filter(user=person, ended_at=None):
            roles.end(membership=membership, ended_by=None)
        erasure.ask(user=person)
        assert erasure.erase(user_id=person.pk, now=timezone.now() + timedelta(days=100))
        person.refresh_from_db()
        assert person.name == ""

    assert found_in(closed) == []


def altered(names):
    """Return the kinds for a test that alters their tables.

    These have something deferred, terms a trigger and rule versions their keys. On a cluster it
    waits for the commit, and a table for which something waits can not be altered.
    """
    deferred = {"rule_version", "terms", "withdrawal"}
    return [
        pytest.param(name, marks=pytest.mark.plain) if name in deferred else name for name in names
    ]


# --- what is found ----------------------------------------------------------------------------
# Another value of a column, by its type.
ANOTHER = {
    "uuid": "id",
    "int8": "coalesce({0}, 0) + 1",
    "int4": "coalesce({0}, 0) + 1",
    "int2": "coalesce({0}, 0) + 1",
    "varchar": "left(md5({0}), 9)",
    "text": "left(md5({0}), 9)",
    "timestamptz": "'2024-01-01Z'",
    "date": "coalesce({0}, '2024-01-01') + 1",
    "jsonb": "'{{\"another\": 1}}'",
}


def columns_of(kind):
    """Return the columns that a leaf says, and another value of each."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
            " WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped",
            [kind.table],
        )
        types = dict(cursor.fetchall())
    said = {name for name in types if any(f"t.{name}" in sql for sql in kind.facts.values())}
    return {name: ANOTHER[types[name]].format(name) for name in sorted(said)}


@pytest.mark.parametrize("name", altered(OTHERS))
def test_each_sealed_row_that_is_changed_is_named_whichever_column_it_is(closed, name):
    kind = sealed.registered()[name]
    columns = columns_of(kind)
    assert len(columns) >= len(kind.facts) - 2  # two at most are of a row beside it
    row_id = rows_of(kind)[0]

    # All columns are read by one statement; every fourth is changed in the short proof.
    for column, another in [*columns.items()][:: 1 if IS_LONG else 4]:
        with transaction.atomic():
            for (constraint,) in constraints_of(kind.table):
                untriggered(f'ALTER TABLE {kind.table} DROP CONSTRAINT IF EXISTS "{constraint}"')
            untriggered(f"UPDATE {kind.table} SET {column} = {another} WHERE id = '{row_id}'")
            found = found_in(closed)
            transaction.set_rollback(True)
        assert any(one.startswith(named(name, row_id)) for one in found), column
        assert all("in seal 1" in one for one in found), found

    assert found_in(closed) == []


def constraints_of(table):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass"
            " AND contype IN ('c', 'u', 'x')",
            [table],
        )
        return cursor.fetchall()


def test_a_rule_is_sealed_with_the_versions_and_a_batch_with_its_lines(closed):
    with transaction.atomic():
        untriggered("UPDATE points_rule SET category = 'another' WHERE category = '*'")
        assert ": rule version: " in found_in(closed)[0]
        transaction.set_rollback(True)
    untriggered("UPDATE merchants_bankbatch SET made_by_id = id")
    (found,) = found_in(closed)
    assert ": bank line: " in found


@pytest.mark.parametrize("name", OTHERS)
def test_each_sealed_row_that_is_deleted_is_named(closed, name):
    kind = sealed.registered()[name]
    row_id = rows_of(kind)[0]

    untriggered(f"DELETE FROM {kind.table} WHERE id = '{row_id}'")

    # A statement is one of two kinds, and so are withdrawn terms.
    assert f"{named(name, row_id)}it was sealed in seal 1, and is gone" in found_in(closed)


@pytest.mark.parametrize("name", altered(OTHERS))
def test_each_row_that_is_slipped_in_is_named(closed, name):
    kind = sealed.registered()[name]
    row_id = rows_of(kind)[0]
    copy = "01900000-0000-7000-8000-000000000000"  # as if of June 2024
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            " AND attname <> 'id'",
            [kind.table],
        )
        ((columns,),) = cursor.fetchall()

    for (constraint,) in constraints_of(kind.table):
        untriggered(f'ALTER TABLE {kind.table} DROP CONSTRAINT "{constraint}"')
    indexes = ("payout_once", "bank_line_once")
    untriggered(
        *(f"DROP INDEX IF EXISTS {index}" for index in indexes),
        f"INSERT INTO {kind.table} (id, {columns})"
        f" SELECT '{copy}', {columns} FROM {kind.table} WHERE id = '{row_id}'",
    )

    found = [one for one in found_in(closed) if one.startswith(named(name, copy))]
    assert len(found) == 1
    assert found[0].endswith(": it is neither sealed nor waiting to be")


@pytest.mark.parametrize(
    "name", altered(name for name in OTHERS if sealed.registered()[name].happened)
)
def test_one_that_is_slipped_in_with_a_mark_and_an_early_moment_is_named(closed, name):
    kind = sealed.registered()[name]
    row_id = rows_of(kind)[0]
    copy = "01900000-0000-7000-8000-000000000000"

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
            " AND attname NOT IN ('id', %s)",
            [kind.table, kind.happened],
        )
        ((columns,),) = cursor.fetchall()
    for (constraint,) in constraints_of(kind.table):
        untriggered(f'ALTER TABLE {kind.table} DROP CONSTRAINT "{constraint}"')
    untriggered(
        f"INSERT INTO {kind.table} (id, {columns}, {kind.happened})"
        f" SELECT '{copy}', {columns}, '2024-06-10 02:35Z' FROM {kind.table}"
        f" WHERE id = '{row_id}'",
        "INSERT INTO points_unsealed (id, community_id, kind, row_id)"
        f" VALUES (gen_random_uuid(), '{closed.pk}', '{name}', '{copy}')",
    )

    for _ in range(2):  # while it waits, and once it was sealed
        (found,) = found_in(closed)
        assert found.startswith(named(name, copy))
        assert "and was not there when seal 1 was closed at" in found
        sealing.seal(community=closed)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            "UPDATE merchants_terms SET withdrawn_at = NULL, withdrawn_by_id = NULL",
            ["merchants_terms .*: withdrawal: it was sealed in seal 1, and is gone"],
            marks=pytest.mark.plain,  # see ``altered``
        ),
        pytest.param(
            "UPDATE merchants_terms SET withdrawn_at = now(), withdrawn_by_id = agreed_by_id"
            " WHERE withdrawn_at IS NULL AND version = 1",
            ["merchants_terms .*: withdrawal: it is neither sealed nor waiting to be"],
            marks=pytest.mark.plain,
        ),
        (
            "UPDATE merchants_statement SET status = 'approved', paid_at = NULL, paid_by_id = NULL"
            " WHERE payment_reference = 'bank-1'",
            ["merchants_statement .*: payment: it was sealed in seal 1, and is gone"],
        ),
        (
            "UPDATE points_seal SET other_ids[1] = other_ids[2], other_ids[2] = other_ids[1]",
            ["points_seal .*: seal 1: its rows are out of order"],
        ),
        (
            "UPDATE points_seal SET other_kinds[1] = 'terms'",
            ["points_seal .*: seal 1: its rows are out of order"],
        ),
        (
            "UPDATE points_seal SET other_kinds = '{}'",
            ["points_seal .*: seal 1: its size is not the length of its lists"],
        ),
    ],
)
def test_what_was_undone_or_moved_is_found(closed, change, expected):
    if "merchants_terms" in change:
        for (constraint,) in constraints_of("merchants_terms"):
            untriggered(f'ALTER TABLE merchants_terms DROP CONSTRAINT "{constraint}"')

    untriggered(change)

    found = found_in(closed)
    for one in expected:
        assert any(re.search(f"seals: {one}", line) for line in found), found


def test_two_that_were_swapped_are_named_as_that(closed):
    first, second = rows_of(sealed.registered()["audit"])[:2]
    facts = "action, actor_id, target_type, target_id, before, after, request_id, at"
    untriggered(
        "CREATE TEMPORARY TABLE kept AS SELECT * FROM audit_auditentry",
        *(
            f"UPDATE audit_auditentry SET ({facts}) ="
            f" (SELECT {facts} FROM kept WHERE kept.id = '{theirs}') WHERE id = '{ours}'"
            for ours, theirs in ((first, second), (second, first))
        ),
    )

    found = found_in(closed)

    assert len(found) == 2
    assert f"that were sealed as audit {second}: they were swapped" in found[0]


# --- receipts ---------------------------------------------------------------------------------
def check(receipt, tmp_path: Path):
    """Return what the stand-alone script answers to a receipt and the published heads."""
    heads = APIClient().get("/api/v1/communities/lake/seals").content
    for name, content in (("receipt", receipt), ("heads", heads)):
        (tmp_path / f"{name}.json").write_bytes(content)
    return verify_receipt.main([str(tmp_path / f"{name}.json") for name in ("receipt", "heads")])


@pytest.mark.parametrize("who", ["zhou", "zhao"])
def test_an_owner_and_staff_prove_a_statement(closed, zhou, zhao, who, logged_in, tmp_path, capsys):
    statement = Statement.objects.get(period_start=date(2024, 4, 1))
    client = logged_in({"zhou": zhou, "zhao": zhao}[who])

    answer = client.get(f"/api/v1/statements/{statement.pk}/proof")

    assert answer.status_code == 200
    leaf = json.loads(answer.json()["leaf"])
    assert leaf["format"] == "linli-statement-1"
    assert (leaf["id"], leaf["amount_fen"], leaf["digest"]) == (
        str(statement.pk),
        statement.amount_fen,
        statement.digest,
    )
    assert check(answer.content, tmp_path) == 0
    assert f"amount_fen: {statement.amount_fen}" in capsys.readouterr().out
    more = answer.json()
    more["leaf"] = more["leaf"].replace('"amount_fen": 300', '"amount_fen": 900')
    assert check(json.dumps(more).encode(), tmp_path) == 1


def test_who_may_not_read_a_statement_may_not_prove_it(closed, chen, logged_in):
    statement = Statement.objects.get(period_start=date(2024, 4, 1))

    answer = logged_in(chen).get(f"/api/v1/statements/{statement.pk}/proof")

    assert answer.status_code == 404


def test_a_statement_that_is_not_sealed_or_not_what_was_has_no_receipt(story, zhou, logged_in):
    statement = Statement.objects.get(period_start=date(2024, 4, 1))
    address, client = f"/api/v1/statements/{statement.pk}/proof", logged_in(zhou)
    answer = client.get(address)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_sealed_yet")

    sealing.seal(community=story)
    assert client.get(address).status_code == 200
    untriggered("UPDATE merchants_statement SET amount_fen = amount_fen * 1000")

    answer = client.get(address)
    assert (answer.status_code, answer.json()["code"]) == (409, "seal_broken")
