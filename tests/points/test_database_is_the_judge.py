"""The database refuses raw SQL by the tables' owner as well: each test goes round Python."""

from datetime import date, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from backend.ids import new_id
from backend.sql import constraint_of
from points.expiry import services as expiry
from points.kinds import AccountKind, Unit
from points.ledger import services as ledger
from points.models import (
    Account,
    Award,
    ExpiryPolicy,
    Rollup,
    RuleVersion,
    Seal,
    Transfer,
)
from points.seals.services import sealing
from volunteers.attendance.services import hours

DAY = date(2031, 12, 31)
INSERT = """
    INSERT INTO points_transfer (id, community_id, key, debit_id, credit_id, amount, reason,
        source, explanation, occurred_at, reverses_id, expires_on)
    VALUES (%(id)s, %(community)s, %(key)s, %(debit)s, %(credit)s, %(amount)s, 'x', 'test:x', '{}',
        now(), %(reverses)s, %(expires_on)s)
"""
REVERSAL = """
    INSERT INTO points_reversal (id, community_id, key, transfer_id, account_id, amount, recovered,
        reason, source, explanation, occurred_at)
    VALUES (%(id)s, %(community)s, %(key)s, %(reverses)s, %(account)s, %(amount)s, %(recovered)s,
        'x', 'test:x', '{}', now())
"""
HOLD = """
    INSERT INTO points_hold (id, community_id, key, debit_id, credit_id, amount, reason, source,
        explanation, occurred_at, state, expires_at)
    VALUES (%(id)s, %(community)s, %(key)s, %(debit)s, %(credit)s, %(amount)s, 'x', 'test:x', '{}',
        now(), %(state)s, now() + interval '1 hour')
"""


def named(refusal) -> str:
    """The constraint that refused, or the trigger function's name."""
    return constraint_of(refusal.value) or refusal.value.__cause__.diag.context


def run(statement, **values):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as if the fixtures had committed
        cursor.execute(statement, values)


@pytest.fixture
def books(lake, hill, wang, grant_points):
    """A wallet with 100 points, 30 of them held; what raw SQL needs to know of it."""
    wallet = grant_points(wang, 100)
    shop = ledger.account(community=lake, kind=AccountKind.MERCHANT, holder="merchant:1")
    movement = ledger.Movement(
        debit=wallet, credit=shop, amount=30, key="held", reason="x", source="test:held"
    )
    hold = ledger.hold(movement, lifetime=timedelta(hours=1))
    return {
        "community": lake.pk,
        "wallet": wallet.pk,
        "shop": shop.pk,
        "hold": hold.pk,
        "foreign": ledger.account(community=hill, kind=AccountKind.MERCHANT).pk,
        "fen": ledger.account(community=lake, kind=AccountKind.PAYOUT, unit=Unit.FEN).pk,
        "issuance": ledger.account(community=lake, kind=AccountKind.ISSUANCE).pk,
    }


@pytest.fixture
def reversed_books(books, lake, hill):
    """Books with 10 points of an ``award``, 6 of which went ``back``; and 5 that were ``spent``.

    20 more expire on the same day, so that only the award has too little left. Rows ``abroad`` are
    another community's.
    """

    def moved(debit, credit, amount, **other):
        movement = ledger.Movement(
            debit=debit,
            credit=credit,
            amount=amount,
            key=f"{amount}",
            reason="x",
            source=f"test:{amount}",
            **other,
        )
        return ledger.post(movement)

    wallet, shop, issuance = (
        Account.objects.get(pk=books[name]) for name in ("wallet", "shop", "issuance")
    )
    award = moved(issuance, wallet, 10, expires_on=DAY)
    moved(issuance, wallet, 20, expires_on=DAY)
    ledger.reverse(
        community_id=lake.pk,
        transfer_id=award.pk,
        amount=6,
        key="reversed",
        reason="x",
        source="undo:reversed",
    )
    abroad = moved(
        ledger.account(community=hill, kind=AccountKind.ISSUANCE),
        ledger.account(community=hill, kind=AccountKind.WALLET),
        10,
        expires_on=DAY,
    )
    return books | {
        "award": award.pk,
        "back": Transfer.objects.get(reverses=award).pk,
        "spent": moved(wallet, shop, 5).pk,
        "abroad": abroad.pk,
        "unknown": new_id(),
    }


def transfer(books, **other):
    values = {"debit": "wallet", "credit": "shop"} | other
    return {
        "id": new_id(),
        "community": books["community"],
        "key": values.get("key", "new"),
        "debit": books[values["debit"]],
        "credit": books[values["credit"]],
        "amount": values.get("amount", 1),
        "state": values.get("state", "held"),
        "reverses": books.get(values.get("reverses")),
        "expires_on": values.get("expires_on"),
    }


@pytest.mark.parametrize(
    ("statement", "refused_by"),
    [
        ("UPDATE points_transfer SET amount = amount + 1", "transfer_is_final"),
        ("UPDATE points_transfer SET explanation = '{}'", "transfer_is_final"),
        ("DELETE FROM points_transfer", "transfer_is_final"),
        ("TRUNCATE points_transfer CASCADE", "transfer_is_not_emptied"),
        ("UPDATE points_account SET credits = 1000", "account_totals_follow_movements"),
        ("UPDATE points_account SET held = 0", "account_totals_follow_movements"),
        ("UPDATE points_account SET kind = 'issuance'", "account_keeps_its_name"),
        ("UPDATE points_account SET holder = 'me'", "account_keeps_its_name"),
        ("UPDATE points_account SET shortfall = 5", "account_totals_follow_movements"),
        ("DELETE FROM points_account", "account_stays"),
        ("TRUNCATE points_account CASCADE", "account_is_not_emptied"),
        ("UPDATE points_earned SET points = 1000", "earned_follows_transfers"),
        ("UPDATE points_earned SET expires_on = '2031-12-31'", "earned_follows_transfers"),
        (
            "INSERT INTO points_earned SELECT gen_random_uuid(), '2031-12-31', 1, id, community_id"
            " FROM points_account",
            "earned_follows_transfers",
        ),
        ("DELETE FROM points_earned", "earned_stays"),
        ("TRUNCATE points_earned", "earned_is_not_emptied"),
        ("DELETE FROM points_hold", "hold_stays"),
        ("TRUNCATE points_hold CASCADE", "hold_is_not_emptied"),
        ("UPDATE points_hold SET amount = 1, state = 'voided'", "hold_terms_are_final"),
        ("UPDATE points_hold SET expires_at = now() + '1 day'", "hold_resolves_once"),
        (
            "UPDATE points_hold SET state = 'captured', captured_amount = 31,"
            " transfer_id = '00000000-0000-7000-8000-000000000000', resolved_at = now()",
            "hold_captured_or_not",
        ),
        (
            "UPDATE points_hold SET state = 'captured', resolved_at = now()",
            "hold_captured_or_not",
        ),
    ],
)
def test_what_is_written_stays(books, statement, refused_by):
    with pytest.raises(DatabaseError) as refusal:
        run(statement)

    assert refused_by in named(refusal)


@pytest.mark.parametrize(
    ("other", "refused_by"),
    [
        ({"amount": 71}, "account_never_overdrawn"),
        ({"amount": 0}, "transfer_moves_something"),
        ({"amount": -5}, "transfer_moves_something"),
        ({"credit": "wallet"}, "transfer_two_accounts"),
        ({"credit": "foreign"}, "transfer_in_one_book"),
        ({"credit": "fen"}, "transfer_in_one_book"),
    ],
)
def test_a_wrong_transfer_is_refused(books, other, refused_by):
    with pytest.raises(DatabaseError) as refusal:
        run(INSERT, **transfer(books, **other))

    assert named(refusal) == refused_by


@pytest.mark.parametrize(
    "other",
    [
        {"credit": "foreign"},
        {"credit": "fen"},
        # A cluster makes a statement of each community's part.
        pytest.param({"debit": "foreign", "credit": "foreign_too"}, marks=pytest.mark.plain),
    ],
)
def test_a_wrong_transfer_is_refused_among_right_ones(books, hill, other):
    """The last is right by itself: but one statement posts for one community."""
    books["foreign_too"] = ledger.account(community=hill, kind=AccountKind.ISSUANCE).pk
    wrong = transfer(books, **other)
    if "debit" in other:
        wrong["community"] = hill.pk
    statement = INSERT + (
        ", (gen_random_uuid(), %(lake)s, 'right', %(wallet)s, %(shop)s, 1, 'x', 'test:x', '{}',"
        " now(), NULL, NULL)"
    )

    with pytest.raises(DatabaseError) as refusal:
        run(statement, **books | wrong | {"lake": books["community"]})

    assert named(refusal) == "transfer_in_one_book"


@pytest.mark.parametrize(
    ("other", "refused_by"),
    [
        ({"amount": 71}, "account_never_overdrawn"),
        ({"amount": 0}, "hold_holds_something"),
        ({"credit": "wallet"}, "hold_two_accounts"),
        ({"credit": "foreign"}, "hold_in_one_book"),
        ({"credit": "fen"}, "hold_in_one_book"),
        ({"debit": "issuance"}, "hold_in_one_book"),
        ({"key": "held"}, "hold_once"),
        ({"state": "voided"}, "hold_"),
    ],
)
def test_a_wrong_hold_is_refused(books, other, refused_by):
    with pytest.raises(DatabaseError) as refusal:
        run(HOLD, **transfer(books, **other))

    assert refused_by in named(refusal)


@pytest.mark.parametrize(
    ("statement", "refused_by"),
    [
        ("UPDATE points_reversal SET recovered = 0", "reversal_follows_transfers"),
        ("UPDATE points_reversal SET amount = 7", "reversal_follows_transfers"),
        ("DELETE FROM points_reversal", "reversal_stays"),
        ("TRUNCATE points_reversal CASCADE", "reversal_is_not_emptied"),
    ],
)
def test_a_reversal_stays(reversed_books, statement, refused_by):
    with pytest.raises(DatabaseError) as refusal:
        run(statement)

    assert refused_by in named(refusal)


BACK = {
    "debit": "wallet",
    "credit": "issuance",
    "amount": 4,
    "reverses": "award",
    "expires_on": DAY,
}


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 5},
        {"debit": "issuance", "credit": "wallet"},
        {"credit": "shop"},
        {"expires_on": None},
        {"expires_on": DAY + timedelta(days=1)},
        {"reverses": "spent"},
        {"reverses": "back", "debit": "issuance", "credit": "wallet"},
        {"reverses": "abroad"},
        {"reverses": "unknown"},
    ],
    ids=str,
)
@pytest.mark.parametrize("together", [False, True])
def test_a_wrong_reversal_is_refused(reversed_books, other, together):
    statement, values = INSERT, transfer(reversed_books, **BACK | other)
    if together:  # with a right one, of what was spent
        right = transfer(reversed_books, debit="shop", credit="wallet", reverses="spent", key="r")
        statement += (
            ", (%(right_id)s, %(community)s, 'right', %(right_debit)s, %(right_credit)s, 1,"
        )
        statement += " 'x', 'test:x', '{}', now(), %(right_reverses)s, NULL)"
        values |= {f"right_{name}": value for name, value in right.items()}

    with pytest.raises(DatabaseError) as refusal:
        run(statement, **values)

    assert named(refusal) == "transfer_reverses_at_most_all"


def test_a_right_reversal_is_posted_once(reversed_books):
    run(INSERT, **transfer(reversed_books, **BACK))

    with pytest.raises(DatabaseError) as refusal:
        run(INSERT, **transfer(reversed_books, **BACK | {"amount": 1, "key": "more"}))

    assert named(refusal) == "transfer_reverses_at_most_all"


@pytest.mark.parametrize(
    ("other", "refused_by"),
    [
        ({"amount": 5}, "reversal_is_of_a_transfer"),
        ({"account": "issuance"}, "reversal_is_of_a_transfer"),
        ({"reverses": "back", "account": "issuance"}, "reversal_is_of_a_transfer"),
        ({"reverses": "abroad"}, "reversal_is_of_a_transfer"),
        ({"reverses": "unknown"}, "reversal_is_of_a_transfer"),
        ({"amount": 0, "recovered": 0}, "reversal_recovers_its_amount"),
        ({"recovered": 5}, "reversal_recovers_its_amount"),
        ({"recovered": -1}, "reversal_recovers_its_amount"),
        ({"key": "reversed"}, "reversal_once"),
        ({"reverses": "spent", "account": "shop", "recovered": 0}, "reversal_is_of_a_transfer"),
    ],
    ids=str,
)
def test_a_wrong_claim_to_reverse_is_refused(reversed_books, other, refused_by):
    values = {"account": "wallet", "amount": 4, "recovered": 4} | other

    with pytest.raises(DatabaseError) as refusal:
        run(
            REVERSAL,
            **transfer(reversed_books, **{"reverses": "award"} | other)
            | {"amount": values["amount"], "recovered": values["recovered"]},
            account=reversed_books[values["account"]],
        )

    assert named(refusal) == refused_by


def test_one_id_is_one_transfer(books):
    values = transfer(books)
    run(INSERT, **values)

    with pytest.raises(DatabaseError) as refusal:
        run(INSERT, **values | {"id": new_id()})

    assert named(refusal) == "transfer_once"


def test_a_transfer_written_by_hand_moves_the_totals_too(books):
    run(INSERT, **transfer(books, amount=70))

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT credits, debits, held FROM points_account WHERE id = %s", [books["wallet"]]
        )
        assert cursor.fetchone() == (100, 70, 30)


def test_a_hold_that_has_expired_is_not_captured_by_hand(books):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            HOLD.replace("interval '1 hour'", "interval '0'"), transfer(books, key="late")
        )
    with pytest.raises(DatabaseError) as refusal:
        run(
            "UPDATE points_hold SET state = 'captured', captured_amount = 1,"
            " transfer_id = %(transfer)s, resolved_at = now() WHERE key = 'late'",
            transfer=new_id(),
        )

    assert named(refusal) == "hold_not_captured_late"


def test_an_account_opens_empty(books):
    with pytest.raises(DatabaseError) as refusal:
        run(
            "INSERT INTO points_account"
            " (id, community_id, kind, unit, holder, credits, debits, held)"
            " VALUES (%(id)s, %(community)s, 'wallet', 'points', 'me', 5, 0, 0)",
            id=new_id(),
            community=books["community"],
        )

    assert named(refusal) == "account_opens_empty"


@pytest.mark.parametrize("model", [RuleVersion, Award])
def test_a_published_rule_and_an_award_are_final(served, wang, zhao, model):
    hours.verify(attendance=served(wang, "2024-03-01 07:00", "2024-03-01 09:00"), verifier=zhao)
    table = model._meta.db_table

    for statement in (f"UPDATE {table} SET community_id = community_id", f"DELETE FROM {table}"):
        with pytest.raises(DatabaseError, match="Cannot"):
            run(statement)


@pytest.mark.parametrize("model", [Seal, Rollup, ExpiryPolicy])
def test_what_was_sealed_or_promised_is_final(books, lake, model):
    sealing.seal(community=lake)
    expiry.set_policy(community=lake, kind="end_of_year", valid_from=date(2024, 1, 1))
    table = model._meta.db_table
    assert model.objects.exists()

    for statement in (f"UPDATE {table} SET community_id = community_id", f"DELETE FROM {table}"):
        with pytest.raises(DatabaseError, match="Cannot"):
            run(statement)
    with pytest.raises(DatabaseError) as refusal:
        run(f"TRUNCATE {table}")
    assert named(refusal).endswith("_is_not_emptied")
