"""The ledger under eight threads whose connections are killed: each does again what it can not
know to be done, and in the end nothing is lost and nothing is done twice.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from queue import SimpleQueue
from random import Random

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.db.models import F, Sum

from backend.errors import Refusal
from points.kinds import AccountKind
from points.ledger import selectors
from points.ledger import services as ledger
from points.ledger.services import Movement
from points.models import Account, Hold, Reversal, Transfer
from tests.long import times
from tests.verified import found_in_books

pytestmark = pytest.mark.slow

OPERATIONS = times(600)
THREADS = 8
LOST = {None, "57P01"}  # the connection broke, or the server says that it was ended
KILL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend'
    ORDER BY state = 'active' DESC, random() LIMIT 1
"""


class Crowd:
    """State that the threads share: holders to move points between, and confirmed movements."""

    def __init__(self, lake):
        self.community_id = lake.pk
        # Funds on both sides of the wallets in the order of ids, which is the order of locks.
        self.early = ledger.account(community=lake, kind=AccountKind.FUND, holder="early")
        self.wallets = [
            ledger.account(community=lake, kind=AccountKind.WALLET, holder=f"person:{n}")
            for n in range(4)
        ]
        self.late = ledger.account(community=lake, kind=AccountKind.FUND, holder="late")
        self.issuance = ledger.account(community=lake, kind=AccountKind.ISSUANCE)
        self.shop = ledger.account(community=lake, kind=AccountKind.MERCHANT)
        self.posted, self.held, self.captured, self.voided, self.reversed = [], [], [], [], []
        self.lost, self.refused = [], []
        self.steps = SimpleQueue()  # one for each operation that is over, None in the end

    def work(self, number):
        try:
            for turn in range(OPERATIONS // THREADS):
                # Every fifth is the same for all threads: one key, sent by each of them.
                same = turn % 5 == 0
                key = f"all:{turn}" if same else f"{number}:{turn}"
                self.persist(self.operation(Random(key), key, alone=not same))
                self.steps.put(turn)
        finally:
            connection.close()

    def persist(self, act):
        """Do it until it is known to be done, or refused."""
        while True:
            try:
                return act()
            except Refusal as refusal:
                return self.refused.append(refusal.code)
            except (OperationalError, InterfaceError) as error:
                if getattr(error.__cause__, "sqlstate", None) not in LOST:
                    raise
                self.lost.append(error)
                connection.close()

    def operation(self, draw, key, *, alone):
        one, other = draw.sample(self.wallets, 2)
        fund = draw.choice([self.early, self.late])
        amount = draw.randint(1, 50)

        def movement(debit, credit, amount=amount, key=key):
            return Movement(
                debit=debit, credit=credit, amount=amount, key=key, reason="x", source=f"test:{key}"
            )

        def post(debit, credit):
            self.posted.append((key, ledger.post(movement(debit, credit)).pk))

        def post_many():
            many = [
                movement(self.issuance, one, key=f"{key}:award"),
                movement(fund, other, 1, f"{key}:pay"),
                movement(one, self.shop, 1, f"{key}:spend"),
                movement(self.shop, self.issuance, 1, f"{key}:none"),
            ]
            draw.shuffle(many)
            ledger.post_many(many)
            self.posted += [(m.key, None) for m in many]

        def hold(debit, credit):
            made = ledger.hold(movement(debit, credit), lifetime=timedelta(hours=1))
            self.held.append((key, made.pk))

        def resolve(part):
            _, hold_id = draw.choice(self.held)
            ids = {"community_id": self.community_id, "hold_id": hold_id}

            def act():
                if part == 0:
                    ledger.void(**ids)
                    self.voided.append(hold_id)
                else:
                    self.captured.append((hold_id, ledger.capture(**ids, amount=part)))

            return act

        def reverse():
            _, transfer_id = draw.choice([posted for posted in self.posted if posted[1]])
            part = draw.choice([None, None, 1, 10])

            def act():
                done = ledger.reverse(
                    community_id=self.community_id,
                    transfer_id=transfer_id,
                    key=key,
                    reason="x",
                    source=f"undo:{key}",
                    amount=part,
                )
                self.reversed.append((key, done.pk))

            return act

        if alone and self.held and draw.random() < 0.2:
            return resolve(draw.choice([None, None, 1, 0]))
        if alone and len(self.posted) > THREADS and draw.random() < 0.3:
            return reverse()
        return draw.choice(
            [
                lambda: post(self.issuance, one),
                lambda: post(self.issuance, fund),
                lambda: post(fund, one),
                lambda: post(one, fund),
                lambda: post(one, other),
                lambda: post(one, self.shop),
                lambda: hold(one, self.shop),
                lambda: hold(one, fund),
                lambda: hold(fund, other),
                post_many,
            ]
        )

    def kill(self):
        """End somebody's connection every few operations, until all are done."""
        draw, killed = Random(THREADS), 0
        try:
            with connection.cursor() as cursor:
                while self.steps.get(timeout=300) is not None:
                    if draw.random() < 0.2:
                        cursor.execute(KILL)
                        killed += len(cursor.fetchall())
        finally:
            connection.close()
        return killed


@pytest.mark.django_db(transaction=True)
def test_what_was_answered_is_there_once_whoever_was_killed(lake):
    crowd = Crowd(lake)
    for account in (crowd.early, crowd.late, *crowd.wallets):
        ledger.post(
            Movement(
                debit=crowd.issuance,
                credit=account,
                amount=200,
                key=f"begin:{account.holder}",
                reason="x",
                source=f"test:begin:{account.holder}",
            )
        )
    connection.close()  # nobody else's is to be killed

    with ThreadPoolExecutor(THREADS + 1) as pool:
        killer = pool.submit(crowd.kill)
        workers = [pool.submit(crowd.work, number) for number in range(THREADS)]
        try:
            for worker in workers:
                worker.result()
        finally:
            crowd.steps.put(None)

    assert killer.result() > OPERATIONS // 20
    assert len(crowd.lost) > OPERATIONS // 40, "Some were at work when they were killed."
    assert set(crowd.refused) <= {
        "insufficient_points",
        "shortfall_outstanding",
        "hold_resolved",
        "capture_too_large",
        "transfer_reversed",
        "reversal_too_large",
    }
    all_that_was_answered_is_there(crowd)
    the_books_are_right(lake)


def all_that_was_answered_is_there(crowd):
    transfers = dict(Transfer.objects.values_list("key", "pk"))
    assert Transfer.objects.filter(reverses=None).count() == len(
        set(Transfer.objects.filter(reverses=None).values_list("key", flat=True))
    )
    for key, transfer_id in crowd.posted:
        assert transfers[key] == transfer_id or transfer_id is None
    assert set(crowd.held) <= set(Hold.objects.values_list("key", "pk"))
    captured = Hold.objects.filter(state="captured").values_list("pk", "transfer_id")
    assert set(crowd.captured) <= set(captured)
    assert {transfer_id for _, transfer_id in captured} <= set(transfers.values())
    assert set(crowd.voided) <= set(
        Hold.objects.filter(state="voided").values_list("pk", flat=True)
    )
    assert set(crowd.reversed) <= set(Reversal.objects.values_list("key", "pk"))
    assert min(map(len, (crowd.posted, crowd.held, crowd.captured, crowd.reversed))) > 0


def the_books_are_right(lake):
    def sums(rows, of, amount="amount"):
        return Counter(
            dict(rows.values_list(of).annotate(Sum(amount)).values_list(of, f"{amount}__sum"))
        )

    paid, got = sums(Transfer.objects, "debit"), sums(Transfer.objects, "credit")
    held = sums(Hold.objects.filter(state="held"), "debit")
    owed = sums(
        Reversal.objects.annotate(outstanding=F("amount") - F("recovered")),
        "account",
        "outstanding",
    )
    for account in Account.objects.filter(kind__in=["wallet", "fund"]):
        assert (account.credits, account.debits) == (got[account.pk], paid[account.pk])
        assert (account.held, account.shortfall) == (held[account.pk], owed[account.pk])
        assert account.available >= 0
        assert account.available == 0 or account.shortfall == 0
    assert sums(Transfer.objects.exclude(reverses=None), "reverses") == +sums(
        Reversal.objects, "transfer", "recovered"
    )
    assert sum(selectors.totals_by_kind(lake).values()) == 0
    assert found_in_books(lake) == []
