"""The trial balance at a moment, by posting and by occurrence, against one reckoned in Python."""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from python_calamine import CalamineWorkbook

from backend.communities.models import Role
from backend.communities.services import roles
from points.kinds import AccountKind, Unit
from points.ledger import services as ledger
from points.ledger.selectors import (
    Cause,
    balance,
    standings,
    stream_standings,
    transfers_apart,
    trial_balance,
)
from points.models import Account, Transfer
from points.seals.services import sealing
from tests.verified import found_in_books, tamper

TRIAL = "/api/v1/communities/lake/trial-balance"
BEGINNING = datetime(2024, 5, 1, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Moved:
    """What the test remembers of a transfer, so that no table is asked."""

    debit: Account
    credit: Account
    amount: int
    reason: str
    posted_at: datetime
    occurred_at: datetime


def post(debit, credit, amount, reason, number, occurred_at):
    key = f"{reason}:{number}"
    done = ledger.post(
        ledger.Movement(
            debit=debit,
            credit=credit,
            amount=amount,
            key=key,
            reason=reason,
            source=f"test:{key}",
            occurred_at=occurred_at,
        )
    )
    posted_at = Transfer.objects.values_list("posted_at", flat=True).get(pk=done.pk)
    return Moved(debit, credit, amount, reason, posted_at, occurred_at)


@pytest.fixture
def accounts(lake, wallet, issuance, shop):
    def made(kind, unit=Unit.POINTS, holder=""):
        return ledger.account(community=lake, kind=kind, unit=unit, holder=holder)

    return {
        "wallet": wallet,
        "another": made(AccountKind.WALLET, holder="person:2"),
        "issuance": issuance,
        "shop": shop,
        "pool": made(AccountKind.POOL),
        "fund": made(AccountKind.FUND, Unit.FEN, "fund:1"),
        "payout": made(AccountKind.PAYOUT, Unit.FEN),
    }


WAYS = [
    ("issuance", "wallet", "hours"),
    ("issuance", "another", "report"),
    ("wallet", "shop", "redemption"),
    ("another", "pool", "gift"),
    ("payout", "fund", "grant"),
    ("fund", "payout", "reward"),
]


def history(lake, clock, accounts, seed):
    """Forty days of transfers, some posted long after they happened or before, some sealed."""
    chance, done = Random(seed), []
    for number, (debit, credit) in enumerate(
        [("issuance", "wallet"), ("issuance", "another"), ("payout", "fund")]
    ):
        clock.set(BEGINNING)
        first = accounts[debit], accounts[credit], 10_000, "opening", number
        done.append(post(*first, BEGINNING - timedelta(days=chance.randrange(3))))
    for number in range(45):
        now = BEGINNING + timedelta(days=number, hours=chance.randrange(20))
        clock.set(now)
        debit, credit, reason = chance.choice(WAYS)
        days = chance.choice([0, 0, 0, 1, 9, 25, -2, -400])
        moved = accounts[debit], accounts[credit], chance.randrange(1, 90), reason, number
        done.append(post(*moved, now - timedelta(days=days, minutes=1)))
        if chance.random() < 0.1:
            sealing.seal(community=lake)
    return done


def reckoned(done, at, moment_of):
    """Debits and credits by account of what ``moment_of`` says was by ``at``."""
    debits, credits_ = Counter(), Counter()
    for one in done:
        if moment_of(one) <= at:
            debits[one.debit] += one.amount
            credits_[one.credit] += one.amount
    return debits, credits_


def by_kind(totals):
    summed = Counter()
    for account, amount in totals.items():
        summed[account.unit, account.kind] += amount
    return summed


def lines_of(found, *names):
    return {
        (one.unit, one.kind): tuple(getattr(one, name) for name in names)
        for one in found.lines
        if any(getattr(one, name) for name in names)
    }


def paired(debits, credits_):
    return {key: (debits[key], credits_[key]) for key in debits.keys() | credits_.keys()}


def moments(done):
    """Moments before, between and after all that happened, and the very moments of some."""
    yield from (BEGINNING - timedelta(days=5), BEGINNING, FAR)
    yield from (BEGINNING + timedelta(days=day, hours=3) for day in (2, 11, 30, 44))
    yield done[10].posted_at
    yield done[20].occurred_at
    yield datetime.now(UTC) + timedelta(hours=7)  # which the ids are long before


@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_the_transfers_come_to_by_posting_and_by_occurrence(lake, clock, accounts, seed):
    done = history(lake, clock, accounts, seed)

    for at in moments(done):
        found = trial_balance(lake, at=at)
        posted = reckoned(done, at, lambda one: one.posted_at)
        occurred = reckoned(done, at, lambda one: one.occurred_at)
        assert lines_of(found, "debits", "credits") == paired(*map(by_kind, posted))
        assert lines_of(found, "occurred_debits", "occurred_credits") == paired(
            *map(by_kind, occurred)
        )
        assert all(
            (summed.balance, summed.occurred_balance) == (0, 0) for summed in found.sums().values()
        )
        of_each = standings(lake.pk, [one.pk for one in accounts.values()], at=at)
        for account in accounts.values():
            one = of_each[account.pk]
            assert (one.debits, one.credits) == tuple(side[account] for side in posted)
            assert (one.occurred_debits, one.occurred_credits) == tuple(
                side[account] for side in occurred
            )
            assert balance(account, at=at) == one.balance
        streamed = {one["id"]: standing for one, standing in stream_standings(lake, at=at)}
        assert streamed == standings(lake.pk, list(streamed), at=at)


@pytest.mark.parametrize("seed", range(4))
def test_the_difference_is_explained_to_the_point(lake, clock, accounts, seed):
    done = history(lake, clock, accounts, seed)

    for at in moments(done):
        found = trial_balance(lake, at=at)
        apart = Counter()
        for one in found.apart:
            sign = 1 if one.cause == Cause.POSTED_LATER else -1
            apart[one.unit, one.debit_kind] -= sign * one.amount
            apart[one.unit, one.credit_kind] += sign * one.amount
        assert {key: amount for key, amount in apart.items() if amount} == {
            (line.unit, line.kind): line.occurred_difference
            for line in found.lines
            if line.occurred_difference
        }
        for cause in Cause:
            listed = transfers_apart(lake, at=at, cause=cause)
            groups = Counter((t.debit.kind, t.credit.kind, t.reason) for t in listed)
            assert groups == {
                (one.debit_kind, one.credit_kind, one.reason): one.transfers
                for one in found.apart
                if one.cause == cause
            }


def test_now_is_all_that_was_posted_whenever_it_is_dated(lake, wallet, issuance):
    post(issuance, wallet, 7, "hours", 1, FAR)

    found = trial_balance(lake)

    assert found.apart == []
    assert lines_of(found, "balance", "occurred_balance") == {
        ("points", "issuance"): (-7, -7),
        ("points", "wallet"): (7, 7),
    }


def test_accounts_on_which_nothing_moved_yet_are_not_counted(lake, accounts):
    post(accounts["issuance"], accounts["wallet"], 7, "hours", 1, BEGINNING)

    assert {line.kind: line.accounts for line in trial_balance(lake).lines} == {
        "issuance": 1,
        "wallet": 1,
    }


def test_a_total_that_somebody_wrote_to_puts_the_sums_out_of_step(lake, wallet, earn):
    ledger.post(earn)
    tamper("UPDATE points_account SET credits = credits + 5 WHERE id = %s", [wallet.pk])

    (summed,) = trial_balance(lake, at=FAR).sums().values()

    assert (summed.debits, summed.credits, summed.balance) == (100, 105, 5)
    assert "balance" in {finding.check for finding in found_in_books(lake)}


def test_it_reads_accounts_and_what_came_since_however_long_the_ledger_is(lake, wallet, issuance):
    tamper(
        """
        INSERT INTO points_transfer (id, community_id, key, debit_id, credit_id, amount, reason,
            source, explanation, occurred_at, posted_at)
        SELECT (lpad(to_hex(1714521600000 + n * 1000), 12, '0') || '7000800000000000ffff')::uuid,
            %s, 'old:' || n, %s, %s, 1, 'hours', 'old:' || n, '{}',
            to_timestamp(1714521600 + n - 60), to_timestamp(1714521600 + n)
        FROM generate_series(1, 3000) AS n
        """,
        [lake.pk, issuance.pk, wallet.pk],
    )
    with CaptureQueriesContext(connection) as asked:
        trial_balance(lake, at=datetime.now(UTC))
    assert len(asked) == 1

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE points_transfer")
        cursor.execute(f"EXPLAIN {asked[0]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "Seq Scan on points_transfer" not in plan
    assert re.search(r"Index Cond: .*id >= ", plan)
    assert "transfer_ahead" in plan  # what is dated ahead


# --- for those who watch over a community -----------------------------------------------------
@pytest.fixture
def client(lake, person, logged_in):
    user = person("qian", "钱审计")
    roles.give(user=user, community=lake, role=Role.AUDITOR)
    return logged_in(user)


@pytest.fixture
def june(clock, accounts):
    """Hours of 30 June that were posted that evening, and others that were posted on 2 July."""
    lake_evening = datetime(2024, 6, 30, 20, tzinfo=ZoneInfo("Asia/Shanghai"))
    clock.set(lake_evening)
    wallet, issuance = accounts["wallet"], accounts["issuance"]
    known = post(issuance, wallet, 100, "hours", 1, lake_evening - timedelta(hours=3))
    clock.set(datetime(2024, 7, 2, 1, tzinfo=UTC))
    late = post(issuance, wallet, 40, "hours", 2, lake_evening + timedelta(hours=3))
    return known, late


def both(debits, credits_, occurred_debits, occurred_credits):
    return {
        "debits": debits,
        "credits": credits_,
        "balance": credits_ - debits,
        "occurred_debits": occurred_debits,
        "occurred_credits": occurred_credits,
        "occurred_balance": occurred_credits - occurred_debits,
        "occurred_difference": occurred_credits - occurred_debits - credits_ + debits,
    }


def test_hours_of_june_that_were_posted_in_july_are_told_apart(client, june):
    response = client.get(TRIAL, {"day": "2024-06-30"})

    assert response.status_code == 200
    assert response.json() == {
        "at": "2024-06-30T15:59:59.999999Z",
        "lines": [
            {"unit": "points", "kind": "issuance", "accounts": 1, **both(100, 0, 140, 0)},
            {"unit": "points", "kind": "wallet", "accounts": 1, **both(0, 100, 0, 140)},
        ],
        "sums": [{"unit": "points", **both(100, 100, 140, 140)}],
        "apart": [
            {
                "unit": "points",
                "cause": "posted_later",
                "debit_kind": "issuance",
                "credit_kind": "wallet",
                "reason": "hours",
                "reason_words": "志愿服务",
                "transfers": 1,
                "amount": 40,
            }
        ],
    }


def test_it_goes_down_to_accounts_and_to_the_transfers_of_the_difference(
    client, june, accounts, wallet
):
    rows = client.get(f"{TRIAL}/accounts", {"day": "2024-06-30", "kind": "wallet"}).json()
    assert rows["results"] == [
        {
            "id": str(account.pk),
            "kind": "wallet",
            "unit": "points",
            "holder": account.holder,
            **both(*moved),
        }
        for account, moved in [(accounts["another"], (0, 0, 0, 0)), (wallet, (0, 100, 0, 140))]
    ]

    late = {"day": "2024-06-30", "reason": "hours", "debit_kind": "issuance"}
    rows = client.get(f"{TRIAL}/transfers", late).json()["results"]
    assert [(row["key"], row["amount"]) for row in rows] == [("hours:2", 40)]
    for other in (
        {"reason": "gift"},
        {"unit": "fen"},
        {"credit_kind": "pool"},
        {"cause": "occurs_later"},
    ):
        assert client.get(f"{TRIAL}/transfers", late | other).json()["results"] == []
    assert client.get(f"{TRIAL}/transfers").json()["results"] == []


def test_an_account_is_shown_as_it_was_at_the_end_of_a_day(client, june, wallet):
    address = f"/api/v1/communities/lake/accounts/{wallet.pk}"

    body = client.get(address, {"day": "2024-06-30"}).json()

    assert (body["at"], body["balance"]) == ("2024-06-30T15:59:59.999999Z", 100)
    assert client.get(address, {"day": "2024-07-02"}).json()["balance"] == 140


@pytest.mark.parametrize("address", ["", "/accounts", "/transfers", ".csv", "/accounts.xlsx"])
@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"day": "2024-02-30"}, "day"),
        ({"day": "9999-12-31"}, "day"),
        ({"at": "yesterday"}, "at"),
        ({"day": "2024-06-30", "at": "2024-06-30T00:00:00Z"}, "day"),
    ],
)
def test_a_moment_or_day_that_is_none_is_refused(client, address, asked, name):
    response = client.get(f"{TRIAL}{address}", asked)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert list(response.json()["errors"]) == [name]


def test_a_cause_that_is_none_is_refused(client):
    response = client.get(f"{TRIAL}/transfers", {"cause": "chance"})

    assert (response.status_code, list(response.json()["errors"])) == (400, ["cause"])


# --- as files ---------------------------------------------------------------------------------
def test_the_file_has_lines_sums_and_what_is_apart(client, june):
    response = client.get(f"{TRIAL}.csv", {"day": "2024-06-30"}, headers={"Accept-Language": "en"})

    text = response.getvalue().decode("utf-8-sig")
    lines = list(csv.reader(io.StringIO(text)))
    assert lines[:2] == [["Community", "碧沙湖社区"], ["As of", "2024-06-30 23:59:59"]]
    assert lines[4:] == [
        ["Points", "Issuance", "1", "100", "0", "-100", "140", "0", "-140", "-40"],
        ["Points", "Wallet", "1", "0", "100", "100", "0", "140", "140", "40"],
        ["Points", "Sum", "", "100", "100", "0", "140", "140", "0", "0"],
        [],
        ["Unit", "Cause", "From", "To", "Reason", "Transfers", "Amount"],
        ["Points", "Posted later", "Issuance", "Wallet", "Volunteer hours", "1", "40"],
    ]


def test_the_accounts_are_a_file_of_their_own(client, june, wallet):
    response = client.get(f"{TRIAL}/accounts.xlsx", {"day": "2024-06-30", "holder": wallet.holder})

    book = CalamineWorkbook.from_filelike(io.BytesIO(response.getvalue()))
    *_, line = book.get_sheet_by_index(0).to_python()
    assert line == [str(wallet.pk), "积分", "钱包", wallet.holder, 0, 100, 100, 0, 140, 140, 40]


def test_days_end_by_the_clock_of_the_community(client, june):
    def sums(day: date):
        body = client.get(TRIAL, {"day": day.isoformat()}).json()
        return [(one["credits"], one["occurred_credits"]) for one in body["sums"]]

    assert sums(date(2024, 6, 29)) == []
    assert sums(date(2024, 7, 2)) == [(140, 140)]
