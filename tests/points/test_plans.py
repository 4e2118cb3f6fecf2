"""What the ledger's functions read: the rows of one posting, not those of a community.

PostgreSQL chooses plans by statistics, which a new community has none of, and keeps them for as
long as a connection lives. So each function is looked at with statistics, without, and with plans
that were made when the tables were empty.
"""

import json
from dataclasses import replace
from datetime import date, timedelta
from itertools import count

import pytest
from django.db import connection

from points.kinds import AccountKind
from points.ledger import services as ledger
from points.ledger.services import Movement
from points.models import Account
from points.seals.services import sealing

pytestmark = pytest.mark.plain

WALLETS = 1200
A_FEW = 6  # rows of a table that one statement may look at
# What a table of a few hundred rows has of a community PostgreSQL takes for one row, until it has
# counted them: any index will do for it then. These are larger.
LARGE = {"points_account", "points_transfer", "points_earned", "points_unsealed"}
TABLES = [*LARGE, "points_hold", "points_reversal"]
LONG_AGO = date(2020, 12, 31)

serial = count()


class Books:
    """A community's accounts, and what is done with them."""

    def __init__(self, community):
        self.community = community
        self.issuance = ledger.account(community=community, kind=AccountKind.ISSUANCE)
        self.shop = ledger.account(
            community=community, kind=AccountKind.MERCHANT, holder="merchant:1"
        )
        self.fund = ledger.account(community=community, kind=AccountKind.FUND, holder="fund:1")
        self.wallets = []
        self.open(4)

    def open(self, number):
        """Open wallets and have something in each table of the ledger for each of them."""
        opened = Account.objects.bulk_create(
            Account(
                community=self.community,
                kind=AccountKind.WALLET,
                unit="points",
                holder=f"person:{next(serial)}",
            )
            for _ in range(number)
        )
        self.wallets += opened
        ledger.post_many(self.award(wallet, 1000) for wallet in opened)
        ledger.post(self.moves(self.issuance, self.fund, 1000))
        for wallet in opened[: number // 4]:
            ledger.hold(self.moves(wallet, self.shop, 1), lifetime=timedelta(hours=1))
            self.reverse(ledger.post(self.award(wallet, 1)))

    def moves(self, debit, credit, amount, **more):
        return Movement(
            debit=debit,
            credit=credit,
            amount=amount,
            key=f"{next(serial)}",
            reason="test",
            source=f"test:{next(serial)}",
            **more,
        )

    def award(self, wallet, amount, **more):
        return self.moves(self.issuance, wallet, amount, **more)

    def reverse(self, transfer):
        return ledger.reverse(
            community_id=self.community.pk,
            transfer_id=transfer.pk,
            key=f"{next(serial)}",
            reason="test",
            source=f"undo:{next(serial)}",
        )


def awards(books):
    ledger.post(books.award(books.wallets[0], 5))


def spends(books):
    ledger.post(books.moves(books.wallets[0], books.shop, 5))


def gives(books):
    ledger.post(books.moves(books.wallets[1], books.wallets[0], 5))


def pays_out_of_a_fund(books):
    ledger.post(books.moves(books.fund, books.wallets[0], 5))


def repeats(books):
    movement = books.award(books.wallets[0], 5)
    ledger.post(movement)
    ledger.post(replace(movement, occurred_at=None))


def captures(books):
    held = ledger.hold(books.moves(books.wallets[0], books.shop, 5), lifetime=timedelta(hours=1))
    ledger.capture(community_id=books.community.pk, hold_id=held.pk, amount=3)


def releases(books):
    held = ledger.hold(books.moves(books.wallets[0], books.shop, 5), lifetime=timedelta(hours=1))
    ledger.void(community_id=books.community.pk, hold_id=held.pk)


def owes_and_repays(books):
    wallet = books.wallets[2]
    wallet.refresh_from_db()
    wrong = ledger.post(books.moves(books.fund, wallet, 50))
    ledger.post(books.moves(wallet, books.shop, wallet.available + 20))
    reversal = books.reverse(wrong)
    assert reversal.outstanding == 20
    ledger.post(books.award(wallet, 40))
    reversal.refresh_from_db()
    assert reversal.outstanding == 0


def loses_what_expired(books):
    wallet = books.wallets[3]
    ledger.post(books.award(wallet, 5, expires_on=LONG_AGO))
    ledger.post(books.moves(wallet, books.shop, 1))
    ledger.post(books.award(wallet, 1))


def posts_some(books):
    ledger.post_many(books.award(wallet, 5) for wallet in books.wallets[:2])


WORK = [
    awards,
    spends,
    gives,
    pays_out_of_a_fund,
    repeats,
    captures,
    releases,
    owes_and_repays,
    loses_what_expired,
    posts_some,
]


def nodes(plan):
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


@pytest.fixture
def plans_of(db):
    """``plans_of(work)``: the nodes of all plans, also inside functions, and their statements."""
    told = []

    def tell(notice):
        if "plan:" in (notice.message_primary or ""):
            plan = json.loads(notice.message_primary.partition("plan:")[2])
            told.extend((node, plan["Query Text"]) for node in nodes(plan["Plan"]))

    def plans_of(work, *given):
        told.clear()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL client_min_messages = log")
            cursor.execute("SET LOCAL auto_explain.log_min_duration = 0")
            work(*given)
            cursor.execute("SET LOCAL auto_explain.log_min_duration = -1")
            cursor.execute("SET LOCAL client_min_messages = notice")
        return told

    with connection.cursor() as cursor:
        cursor.execute("LOAD 'auto_explain'")
        cursor.execute("SET LOCAL auto_explain.log_nested_statements = on")
        cursor.execute("SET LOCAL auto_explain.log_analyze = on")
        cursor.execute("SET LOCAL auto_explain.log_format = json")
    connection.connection.add_notice_handler(tell)
    yield plans_of
    connection.connection.remove_notice_handler(tell)


def rows_looked_at(node):
    """How many rows a node looked at, those it left out included."""
    rows = sum(
        node.get(what, 0)
        for what in ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    )
    return rows * node["Actual Loops"]


@pytest.fixture(params=["without statistics", "with statistics", "as when it was empty"])
def books(request, lake):
    books = Books(lake)
    with connection.cursor() as cursor:
        cursor.execute("DISCARD PLANS")
        if request.param == "as when it was empty":
            cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            for work in WORK:
                work(books)
            books.open(WALLETS)
        else:
            books.open(WALLETS)
            cursor.execute("DISCARD PLANS")
        books.has_statistics = request.param == "with statistics"
        if books.has_statistics:
            cursor.execute(f"ANALYZE {', '.join(TABLES)}")
        else:  # nor what another test's ANALYZE left behind, which no rollback takes back
            cursor.execute(
                "DELETE FROM pg_statistic WHERE starelid = ANY(%s::regclass[])", [TABLES]
            )
            cursor.execute(
                "UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE oid = ANY(%s::regclass[])",
                [TABLES],
            )
    return books


@pytest.mark.slow
def test_whatever_is_posted_reads_its_own_rows_and_not_the_communitys(books, plans_of):
    tables = LARGE | ({"points_hold", "points_reversal"} if books.has_statistics else set())
    too_many = []
    for work in WORK:
        plans = plans_of(work, books)
        assert "points_account" in {node.get("Relation Name") for node, _ in plans}, work
        too_many += [
            f"{work.__name__}: {rows_looked_at(node)} rows of {node['Relation Name']}: {text}"
            for node, text in plans
            if node.get("Relation Name") in tables
            and "Scan" in node["Node Type"]
            and rows_looked_at(node) > A_FEW
            # Of many at once what others hold is asked once for all of them.
            and "posting p JOIN points_hold" not in text
        ]

    assert not too_many, "\n".join(too_many)


@pytest.mark.slow
@pytest.mark.usefixtures("_no_rules")
def test_a_seal_reads_what_it_closes_and_not_all_that_waits(books, plans_of, monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", A_FEW)

    plans = plans_of(lambda: next(sealing.close_batches(community=books.community)))

    read = [
        (node["Relation Name"], rows_looked_at(node))
        for node, _ in plans
        if node.get("Relation Name") in {"points_unsealed", "points_transfer"}
        and "Scan" in node["Node Type"]
    ]
    assert len(read) >= 4
    assert max(rows for _, rows in read) <= A_FEW
