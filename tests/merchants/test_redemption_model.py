"""Redemption and settlement against a plain Python model of them: both answer the same."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import pytest
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run

from backend.errors import Refusal
from merchants.catalogue.services import offers as catalogue
from merchants.models import MerchantMember, Offer, Redemption, Refund, Statement
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import refunds
from merchants.redemption.services import vouchers as redemption
from merchants.settlement.services import statements as settlement
from points.ledger import selectors as points
from tests.long import PARTS, examples
from tests.verified import found_in

pytestmark = pytest.mark.slow

SETTINGS = examples(4, parts=PARTS)
FIRST_DAY = date(2024, 3, 1)
FUNDS, STOCK = 600, 12
OFFERS = {"tea": ("tea house", 30, 10), "cake": ("tea house", 7, 10), "cut": ("barber", 80, 0)}


# --- the model --------------------------------------------------------------------------------
@dataclass(eq=False)
class Voucher:
    volunteer: str
    offer: str
    quantity: int
    lapses: bool
    status: str = "held"
    day: date | None = None  # redeemed on
    refunded: int = 0
    statement: "Settled | None" = None

    @property
    def points(self):
        return OFFERS[self.offer][1] * self.quantity

    @property
    def partner(self):
        return OFFERS[self.offer][0]


@dataclass(eq=False)
class GivenBack:
    voucher: Voucher
    quantity: int
    day: date
    statement: "Settled | None" = None


@dataclass(eq=False)
class Settled:
    partner: str
    end: date
    drafter: str | None
    points: int
    fen: int
    carried: int
    status: str = "draft"
    approver: str | None = None


class Refused(Exception):
    def __init__(self, code):
        self.code = code


class Model:
    """A model of docs/settlement.md."""

    def __init__(self):
        self.free = Counter({"wang": FUNDS, "li": FUNDS})
        self.stock = dict.fromkeys(OFFERS, STOCK)
        self.vouchers, self.refunds, self.statements = [], [], []

    def take(self, volunteer, offer, quantity, lapses, day):
        price = OFFERS[offer][1] * quantity
        if self.free[volunteer] < price:
            raise Refused("insufficient_points")
        if self.stock[offer] < quantity:
            raise Refused("out_of_stock")
        self.free[volunteer] -= price
        self.stock[offer] -= quantity
        self.vouchers.append(Voucher(volunteer, offer, quantity, lapses))

    def give_back(self, voucher, status):
        self.free[voucher.volunteer] += voucher.points
        self.stock[voucher.offer] += voucher.quantity
        voucher.status = status

    def scan(self, number, partner, day):
        voucher = self.vouchers[number]
        if voucher.partner != partner:
            raise Refused("not_your_merchant")
        if voucher.status == "redeemed":
            raise Refused("code_used")
        if voucher.status == "cancelled":
            raise Refused("code_cancelled")
        if voucher.status == "expired":
            raise Refused("code_expired")
        if voucher.lapses:
            self.give_back(voucher, "expired")
            raise Refused("code_expired")
        voucher.status, voucher.day = "redeemed", day

    def cancel(self, number):
        voucher = self.vouchers[number]
        if voucher.status == "redeemed":
            raise Refused("voucher_status_wrong")
        if voucher.status == "held":
            self.give_back(voucher, "cancelled")

    def sweep(self):
        for voucher in self.vouchers:
            if voucher.status == "held" and voucher.lapses:
                self.give_back(voucher, "expired")

    def refund(self, number, quantity, is_late, day):
        voucher = self.vouchers[number]
        if voucher.status != "redeemed":
            raise Refused("voucher_status_wrong")
        if not is_late and day != voucher.day:
            raise Refused("refund_too_late")
        if quantity > voucher.quantity - voucher.refunded:
            raise Refused("refund_too_large")
        voucher.refunded += quantity
        self.free[voucher.volunteer] += OFFERS[voucher.offer][1] * quantity
        self.stock[voucher.offer] += quantity
        self.refunds.append(GivenBack(voucher, quantity, day))

    def draft(self, drafter, end):
        for partner in ("tea house", "barber"):
            last = next((s for s in reversed(self.statements) if s.partner == partner), None)
            if last and last.end >= end:
                continue
            lines = [
                v
                for v in self.vouchers
                if v.partner == partner and v.day and v.day < end and not v.statement
            ]
            taken_off = [
                r
                for r in self.refunds
                if r.voucher.partner == partner and r.day < end and not r.statement
            ]
            if not lines and not taken_off:
                continue
            of_offers = Counter()
            for voucher in lines:
                of_offers[voucher.offer] += voucher.quantity
            for refund in taken_off:
                of_offers[refund.voucher.offer] -= refund.quantity
            statement = Settled(
                partner,
                end,
                drafter,
                sum(OFFERS[offer][1] * pieces for offer, pieces in of_offers.items()),
                sum(
                    OFFERS[offer][1] * OFFERS[offer][2] * pieces
                    for offer, pieces in of_offers.items()
                ),
                min(0, last.fen + last.carried) if last else 0,
            )
            for line in (*lines, *taken_off):
                line.statement = statement
            self.statements.append(statement)

    def approve(self, number, who):
        statement = self.statements[number]
        if statement.drafter == who:
            raise Refused("own_draft")
        if statement.status == "paid":
            raise Refused("statement_status_wrong")
        if statement.status == "draft":
            statement.status, statement.approver = "approved", who

    def pay(self, number, who):
        statement = self.statements[number]
        if statement.status == "draft":
            raise Refused("statement_status_wrong")
        if statement.status == "approved":
            if statement.approver == who:
                raise Refused("own_approval")
            statement.status = "paid"


# --- both, side by side -----------------------------------------------------------------------
NUMBERS = st.integers(0, 3)  # which voucher or statement, counted from the newest
PEOPLE, ITEMS = st.sampled_from(["wang", "li"]), st.sampled_from([*OFFERS])
OFFICE = st.sampled_from(["zhao", "qian"])
REDEEM = st.tuples(st.just("redeem"), PEOPLE, ITEMS, st.integers(1, 4))
REFUND = st.tuples(st.just("refund"), NUMBERS, st.integers(1, 2), st.booleans())
DRAFT = st.tuples(st.just("draft"), st.sampled_from([None, "zhao", "qian"]))
APPROVE, PAY = (st.tuples(st.just(name), NUMBERS, OFFICE) for name in ("approve", "pay"))
STEPS = st.one_of(
    *(REDEEM, REDEEM, REFUND, REFUND, DRAFT, DRAFT, APPROVE, PAY),
    st.tuples(st.just("take"), PEOPLE, ITEMS, st.integers(1, 4), st.booleans()),
    st.tuples(st.just("scan"), NUMBERS, st.sampled_from([None, "barber"])),
    st.tuples(st.just("cancel"), NUMBERS),
    st.tuples(st.just("sweep")),
)


class Counters(RuleBasedStateMachine):
    """A machine that asks each step of the services and of the model, then compares their rows.

    The checks of all records run at a history's end.
    """

    def __init__(self, community, people, merchants, settings):
        super().__init__()
        self.community, self.people, self.merchants = community, people, merchants
        self.settings, self.model, self.day = settings, Model(), FIRST_DAY
        self.vouchers, self.statements = [], []
        self.block = transaction.atomic()
        self.block.__enter__()

    def teardown(self):
        try:
            assert found_in(self.community) == []
        finally:
            transaction.set_rollback(True)
            self.block.__exit__(None, None, None)

    @property
    def now(self):
        return datetime.combine(self.day, time(12), tzinfo=self.community.clock)

    # One rule: hypothesis leaves out rules at random, and few steps would be left to try.
    @rule(step=STEPS)
    def step(self, step):
        name, *arguments = step
        getattr(self, name)(*arguments)

    def same(self, ours, theirs):
        """Check that both do it, or both refuse it with one code."""
        said = []
        for act in (ours, theirs):
            try:
                act()
                said.append("done")
            except (Refusal, Refused) as refusal:
                said.append(refusal.code)
        assert said[0] == said[1]

    def take(self, volunteer, offer, quantity, lapses):
        def ours():
            self.settings.VOUCHER_LIFETIME = timedelta(0) if lapses else timedelta(days=1)
            with transaction.atomic():
                voucher = redemption.take(
                    offer=Offer.objects.get(code=offer),
                    volunteer=self.people[volunteer],
                    quantity=quantity,
                    now=self.now,
                )
            self.vouchers.append(voucher)

        self.same(ours, lambda: self.model.take(volunteer, offer, quantity, lapses, self.day))

    def scan(self, number, partner):
        """By ``partner``, or where it is for."""
        if number < len(self.vouchers):
            partner = partner or self.model.vouchers[~number].partner
            self.same(
                lambda: redemption.scan(
                    merchant_id=self.merchants[partner].pk,
                    clerk=self.people["chen"],
                    code=self.vouchers[~number].code,
                    now=self.now,
                ),
                lambda: self.model.scan(~number, partner, self.day),
            )

    def cancel(self, number):
        if number < len(self.vouchers):
            self.same(
                lambda: redemption.cancel(redemption=self.vouchers[~number]),
                lambda: self.model.cancel(~number),
            )

    def sweep(self):
        for voucher in self.vouchers:
            redemption.expire(community_id=voucher.community_id, redemption_id=voucher.pk)
        self.model.sweep()

    def refund(self, number, quantity, is_late):
        if number < len(self.vouchers):
            self.same(
                lambda: refunds.refund(
                    redemption=self.vouchers[~number],
                    refunded_by=self.people["zhao" if is_late else "chen"],
                    reason="x",
                    quantity=quantity,
                    is_late=is_late,
                    now=self.now,
                ),
                lambda: self.model.refund(~number, quantity, is_late, self.day),
            )

    def redeem(self, volunteer, offer, quantity):
        before = len(self.vouchers)
        self.take(volunteer, offer, quantity, lapses=False)
        if len(self.vouchers) > before:
            self.scan(0, None)

    def draft(self, drafter):
        """Of all days so far; the next one begins."""
        self.day += timedelta(days=1)
        drafted = settlement.draft(
            community=self.community,
            period_start=FIRST_DAY - timedelta(days=1),
            period_end=self.day,
            drafted_by=self.people.get(drafter),
        )
        self.statements += drafted
        self.model.draft(drafter, self.day)

    def approve(self, number, who):
        if number < len(self.statements):
            self.same(
                lambda: settlement.approve(
                    statement=self.statements[~number], approver=self.people[who]
                ),
                lambda: self.model.approve(~number, who),
            )

    def pay(self, number, who):
        if number < len(self.statements):
            self.same(
                lambda: settlement.mark_paid(
                    statement=self.statements[~number], payer=self.people[who]
                ),
                lambda: self.model.pay(~number, who),
            )

    # --- what is stored -----------------------------------------------------------------------
    @invariant()
    def what_people_have_and_what_is_left(self):
        for name, free in self.model.free.items():
            wallet = points.wallet_of(self.community.pk, self.people[name].pk)
            held = sum(
                v.points for v in self.model.vouchers if v.volunteer == name and v.status == "held"
            )
            assert (wallet.available, wallet.held) == (free, held)
        assert dict(Offer.objects.values_list("code", "stock")) == self.model.stock

    @invariant()
    def vouchers_and_refunds(self):
        stored = Redemption.objects.order_by("pk").values_list("status", "refunded_quantity")
        assert list(stored) == [(v.status, v.refunded) for v in self.model.vouchers]
        assert Refund.objects.count() == len(self.model.refunds)

    @invariant()
    def statements_and_the_ledger(self):
        stored = Statement.objects.order_by("pk").values_list(
            "partnership__name", "points", "amount_fen", "carried_fen", "status"
        )
        assert list(stored) == [
            (s.partner, s.points, s.fen, s.carried, s.status) for s in self.model.statements
        ]
        totals = points.totals_by_kind(self.community)
        assert sum(totals.values()) == 0
        assert totals["settled"] == sum(
            s.points for s in self.model.statements if s.status == "paid"
        )


@pytest.mark.parametrize("part", PARTS)
def test_redemption_and_settlement_do_what_the_model_does(
    part, lake, person, wang, li, zhao, grant_points, settings
):
    shops = {
        name: partners.sign_contract(
            community=lake, name=name, trade="x", fen_per_point=rate, is_donated=not rate
        )
        for name, rate in (("tea house", 10), ("barber", 0))
    }
    for code, (name, price, _) in OFFERS.items():
        catalogue.offer(
            partnership=shops[name], code=code, title=code, price_points=price, stock=STOCK
        )
    people = {"wang": wang, "li": li, "zhao": zhao, "qian": person("qian"), "chen": person("c")}
    for shop in shops.values():
        partners.employ(merchant=shop.merchant, user=people["chen"], role=MerchantMember.Role.CLERK)
    for name in ("wang", "li"):
        grant_points(people[name], FUNDS)
    merchants = {name: shop.merchant for name, shop in shops.items()}
    run(lambda: Counters(lake, people, merchants, settings), settings=SETTINGS)
