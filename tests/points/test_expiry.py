"""Expiry: when points can be spent until, what is lost when the day is over, and who is told."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from backend.communities.models import Community
from backend.communities.services import places
from backend.ids import new_id
from backend.notices import services as notices
from backend.notices.models import Notice
from backend.notices.words import words
from backend.top.scenarios import demo
from points.expiry import selectors as expiry_selectors
from points.expiry import services as expiry
from points.expiry import tasks
from points.expiry.errors import ExpiryDayNotOver, ExpiryPolicyInvalid
from points.expiry.selectors import (
    expired_days,
    expiry_policies_from,
    expiry_policies_on,
    losses_to_come,
    next_expiry_day,
)
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.ledger.errors import InsufficientPoints
from points.ledger.selectors import totals_by_kind, transfers_of
from points.models import Earned, ExpiryPolicy, Transfer
from tests import cluster
from tests.long import IS_LONG
from tests.points.earning import award_hours
from tests.verified import found_in_books, moved

NEVER, END_OF_YEAR, END_OF_NEXT_YEAR, MONTHS = ExpiryPolicy.Kind
Y2024, Y2025 = date(2024, 12, 31), date(2025, 12, 31)


class Purse:
    """A person's wallet, and words for what happens to it."""

    def __init__(self, community, user, clock=None):
        self.community = community
        self.clock = clock
        self.user = user
        self.wallet = ledger.wallet(community=community, person_id=user.pk)
        self.issuance, self.shop, self.expired = (
            ledger.account(community=community, kind=kind)
            for kind in (AccountKind.ISSUANCE, AccountKind.MERCHANT, AccountKind.EXPIRED)
        )
        self.named = {}

    def earn(self, points, until, name=None):
        name = name or str(new_id())
        self.named[name] = ledger.post(self.movement(self.issuance, self.wallet, points, until))

    def spend(self, points, name="spent"):
        self.named[name] = ledger.post(self.movement(self.wallet, self.shop, points))

    def hold(self, points, name="held"):
        movement = self.movement(self.wallet, self.shop, points)
        self.named[name] = ledger.hold(movement, lifetime=timedelta(days=2000))

    def capture(self, name, points=None):
        hold = self.named[name]
        ledger.capture(community_id=hold.community_id, hold_id=hold.pk, amount=points)

    def void(self, name):
        ledger.void(community_id=self.community.pk, hold_id=self.named[name].pk)

    def reverse(self, name, points=None):
        ledger.reverse(
            community_id=self.community.pk,
            transfer_id=self.named[name].pk,
            back_until=expiry.back_until(community=self.community),
            key=f"void:{new_id()}",
            reason="correction",
            source=f"undo:void:{new_id()}",
            amount=points,
        )

    def expire(self, day):
        """The day is over, and its points are taken."""
        if self.clock and day >= self.community.today:
            self.clock.noon(day + timedelta(days=1))
        return expiry.expire(community=self.community, until=day)

    @property
    def posted(self):
        """Balance that the account shows, whether or not it can still be spent."""
        self.wallet.refresh_from_db()
        return self.wallet.available

    @property
    def losses(self):
        self.wallet.refresh_from_db()
        return losses_to_come([self.wallet])[self.wallet.pk]

    @property
    def expiring(self):
        return [(day, points) for day, points in self.losses if day >= self.community.today]

    @property
    def over(self):
        """Points that are over and that nobody has taken yet."""
        return sum(points for day, points in self.losses if day < self.community.today)

    @property
    def available(self):
        return self.posted - self.over

    @property
    def lost(self):
        """Points of the wallet that have expired and were not given back."""
        expiries = transfers_of(self.expired)
        ours = expiries.filter(debit=self.wallet) | expiries.filter(credit=self.wallet)
        return moved(ours, self.expired) + self.over

    def movement(self, debit, credit, points, until=None):
        key = f"test:{new_id()}"
        return ledger.Movement(
            debit=debit,
            credit=credit,
            amount=points,
            key=key,
            reason="test",
            source=f"test:{key}",
            expires_on=until,
        )


@pytest.fixture
def purse(lake, wang) -> Purse:
    """王小明's."""
    return Purse(lake, wang)


@pytest.fixture
def past(clock, lake, wang) -> Purse:
    """王小明's, on a day in 2024."""
    clock.noon(date(2024, 6, 1))
    return Purse(lake, wang, clock)


@pytest.fixture
def street(lake):
    """湖滨街道, above the lake."""
    place = places.found(code="street", name="湖滨街道", kind=Community.Kind.STREET)
    lake.parent = place
    lake.save(update_fields=["parent"])
    return place


def local_today(community) -> date:
    return timezone.now().astimezone(community.clock).date()


def until(community, day) -> date | None:
    """By the policy alone."""
    (policy,) = expiry_policies_on(community, day)
    return expiry.expires_on(policy.kind, policy.months, day)


# --- how long points last ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "months", "earned_on", "last_day"),
    [
        (NEVER, None, "2024-05-01", None),
        (END_OF_YEAR, None, "2024-01-01", "2024-12-31"),
        (END_OF_YEAR, None, "2024-12-31", "2024-12-31"),
        (END_OF_NEXT_YEAR, None, "2024-01-01", "2025-12-31"),
        (END_OF_NEXT_YEAR, None, "2024-12-31", "2025-12-31"),
        (MONTHS, 1, "2024-01-31", "2024-02-29"),
        (MONTHS, 1, "2023-01-01", "2023-02-28"),
        (MONTHS, 12, "2023-02-28", "2024-02-29"),
        (MONTHS, 12, "2024-02-29", "2025-02-28"),
        (MONTHS, 11, "2024-01-15", "2024-12-31"),
        (MONTHS, 1, "2024-12-15", "2025-01-31"),
        (MONTHS, 3, "2024-11-01", "2025-02-28"),
        (MONTHS, 120, "2024-12-31", "2034-12-31"),
    ],
)
def test_the_last_day_of_points(kind, months, earned_on, last_day):
    expected = last_day and date.fromisoformat(last_day)
    assert expiry.expires_on(kind, months, date.fromisoformat(earned_on)) == expected


def test_without_a_policy_points_last_until_the_end_of_the_next_year(lake):
    assert until(lake, date(2024, 6, 1)) == Y2025


def test_the_policy_is_the_latest_of_the_nearest_place_that_has_one(lake, street):
    expiry.set_policy(community=street, kind=END_OF_YEAR, valid_from=date(2024, 3, 1))
    expiry.set_policy(community=lake, kind=NEVER, valid_from=date(2024, 6, 1))
    expiry.set_policy(community=street, kind=MONTHS, months=1, valid_from=date(2024, 7, 1))
    expiry.set_policy(community=lake, kind=MONTHS, months=2, valid_from=date(2024, 9, 1))

    assert until(lake, date.fromisoformat("2024-02-29")) == Y2025  # none yet
    assert until(lake, date.fromisoformat("2024-03-01")) == Y2024  # the street's
    assert until(lake, date.fromisoformat("2024-08-31")) is None  # its own
    assert until(lake, date.fromisoformat("2024-09-01")) == date(2024, 11, 30)


def test_policies_are_told_in_the_order_in_which_they_will_count(lake, street, hill):
    def told(community, day):
        policies = expiry_policies_from(community, date.fromisoformat(day))
        return [(policy.kind, policy.valid_from and str(policy.valid_from)) for policy in policies]

    expiry.set_policy(community=street, kind=END_OF_YEAR, valid_from=date(2024, 3, 1))
    expiry.set_policy(community=lake, kind=END_OF_YEAR, valid_from=date(2024, 6, 1))
    expiry.set_policy(community=lake, kind=NEVER, valid_from=date(2024, 6, 1))  # after all
    expiry.set_policy(community=street, kind=NEVER, valid_from=date(2024, 9, 1))

    assert told(lake, "2024-01-01") == [
        ("end_of_next_year", None),
        ("end_of_year", "2024-03-01"),
        ("never", "2024-06-01"),
    ]
    assert told(lake, "2024-09-01") == [("never", "2024-06-01")]
    assert told(hill, "2024-09-01") == [("end_of_next_year", None)]


def test_a_policy_that_says_what_is_in_force_that_day_is_not_set_again(lake, street):
    expiry.set_policy(community=street, kind=END_OF_YEAR, valid_from=date(2024, 1, 1))
    own = expiry.set_policy(community=lake, kind=END_OF_YEAR, valid_from=date(2024, 1, 1))

    for day in (date(2024, 1, 1), date(2024, 8, 1)):
        assert expiry.set_policy(community=lake, kind=END_OF_YEAR, valid_from=day) == own
    earlier = expiry.set_policy(community=lake, kind=END_OF_YEAR, valid_from=date(2023, 1, 1))
    assert earlier != own


@pytest.mark.parametrize(
    ("wrong", "parameter"),
    [
        ({"kind": "sometimes"}, "kind"),
        ({"kind": NEVER, "months": 3}, "months"),
        ({"kind": MONTHS}, "months"),
        ({"kind": MONTHS, "months": 0}, "months"),
        ({"kind": MONTHS, "months": 121}, "months"),
        ({"kind": NEVER, "at_least_days": -1}, "at_least_days"),
        ({"kind": NEVER, "at_least_days": 367}, "at_least_days"),
    ],
)
def test_what_is_no_policy_is_refused(lake, wrong, parameter):
    with pytest.raises(ExpiryPolicyInvalid) as refusal:
        expiry.set_policy(community=lake, valid_from=date(2024, 1, 1), **wrong)

    assert refusal.value.facts == {"parameter": parameter}
    assert not ExpiryPolicy.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_policy_set_by_several_at_once_is_one(at_once, lake):
    day = date(2024, 1, 1)
    set_by = at_once(8, lambda n: expiry.set_policy(community=lake, kind=NEVER, valid_from=day).pk)

    assert len(set(set_by)) == ExpiryPolicy.objects.count() == 1


def served(community, user, day, minutes=60):
    """The transfer of service at nine on that day, verified now."""
    checked_in_at = datetime.combine(day, time(1), tzinfo=UTC)
    return award_hours(
        community=community,
        person_id=user.pk,
        source=f"hours:{new_id()}",
        category="邻里服务",
        checked_in_at=checked_in_at,
        checked_out_at=checked_in_at + timedelta(minutes=minutes),
    ).transfer


def test_a_policy_changed_in_the_middle_of_the_year_keeps_what_was_promised(past, lake, wang):
    first = served(lake, wang, date(2024, 5, 1))
    expiry.set_policy(community=lake, kind=MONTHS, months=6, valid_from=date(2024, 7, 1))
    past.clock.noon(date(2024, 7, 2))
    before, after = (served(lake, wang, date(2024, *day)) for day in [(6, 30), (7, 1)])

    promised = dict(Transfer.objects.values_list("pk", "expires_on"))
    assert promised == {first.pk: Y2025, before.pk: Y2025, after.pk: date(2025, 1, 31)}
    assert past.expiring == [(date(2025, 1, 31), 10), (Y2025, 20)]


# --- what arrives late ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("policy", "served_on", "posted_on", "last_day"),
    [
        # December's hours, verified in January.
        ({"kind": END_OF_YEAR}, date(2024, 12, 20), date(2025, 1, 9), date(2025, 4, 9)),
        # Last year's book, and one from years before.
        ({"kind": END_OF_NEXT_YEAR}, date(2022, 3, 1), date(2024, 12, 1), date(2025, 3, 1)),
        ({"kind": MONTHS, "months": 1}, date(2020, 3, 1), date(2024, 2, 29), date(2024, 5, 29)),
        # On the last day itself, and so early that the policy says more.
        ({"kind": END_OF_YEAR}, Y2024, Y2024, date(2025, 3, 31)),
        ({"kind": END_OF_YEAR}, date(2024, 10, 2), date(2024, 10, 2), Y2024),
        ({"kind": END_OF_YEAR}, date(2024, 10, 3), date(2024, 10, 3), date(2025, 1, 1)),
        # As the community decides.
        (
            {"kind": END_OF_YEAR, "at_least_days": 30},
            date(2024, 12, 20),
            date(2025, 1, 9),
            date(2025, 2, 8),
        ),
        ({"kind": END_OF_YEAR, "at_least_days": 0}, Y2024, date(2025, 1, 9), date(2025, 1, 9)),
        ({"kind": NEVER}, date(2020, 1, 1), date(2024, 2, 29), None),
    ],
)
def test_what_is_posted_late_lasts_so_many_days_at_least(
    clock, lake, wang, policy, served_on, posted_on, last_day
):
    clock.noon(posted_on)
    expiry.set_policy(community=lake, valid_from=date(2020, 1, 1), **policy)

    transfer = served(lake, wang, served_on)

    assert Transfer.objects.get(pk=transfer.pk).expires_on == last_day
    assert transfer.explanation["expiry"] == {
        "served_on": served_on.isoformat(),
        "policy": policy["kind"],
        "months": policy.get("months"),
        "posted_on": posted_on.isoformat(),
        "at_least_days": policy.get("at_least_days", 90),
        "expires_on": last_day and last_day.isoformat(),
    }


def test_the_days_it_lasts_at_least_are_those_of_the_day_it_is_posted(past, lake, wang):
    begin = date(2023, 1, 1)
    expiry.set_policy(community=lake, kind=END_OF_YEAR, valid_from=begin)
    expiry.set_policy(community=lake, kind=NEVER, at_least_days=10, valid_from=date(2024, 6, 1))

    late = served(lake, wang, date(2023, 3, 1))

    assert Transfer.objects.get(pk=late.pk).expires_on == date(2024, 6, 11)


def test_what_arrived_late_can_be_spent_until_its_day_is_over(past, lake, wang):
    expiry.set_policy(community=lake, kind=END_OF_YEAR, valid_from=date(2020, 1, 1))
    past.clock.noon(date(2025, 1, 9))
    served(lake, wang, date(2024, 12, 20), minutes=120)
    expiry.expire(community=lake)

    past.clock.noon(date(2025, 4, 9))
    past.spend(5)
    assert past.expiring == [(date(2025, 4, 9), 15)]
    past.clock.noon(date(2025, 4, 10))

    assert (past.available, past.lost) == (0, 15)


# --- nothing hangs on when the task runs ------------------------------------------------------
@pytest.mark.parametrize("verb", ["spend", "hold"])
def test_what_is_over_can_not_be_spent_though_nothing_has_taken_it(past, verb):
    past.earn(100, Y2024)
    past.earn(50, Y2025)
    past.clock.noon(date(2025, 1, 1))

    with pytest.raises(InsufficientPoints) as refusal:
        getattr(past, verb)(51)
    assert refusal.value.facts == {"available": 50, "needed": 51}
    getattr(past, verb)(50)

    assert (past.available, past.lost, past.over) == (0, 100, 0)


def test_of_several_days_that_are_over_each_is_named(past):
    past.earn(100, Y2024)
    past.earn(50, Y2025)
    past.earn(7, None)
    past.clock.noon(date(2026, 2, 3))

    past.spend(7)

    taken = Transfer.objects.filter(reason="expiry").order_by("key")
    assert [(t.key.rpartition(":")[2], t.amount) for t in taken] == [
        ("2024-12-31", 100),
        ("2025-12-31", 50),
    ]
    assert expiry.expire(community=past.community) == []


def test_many_movements_at_once_spend_nothing_that_is_over(past):
    past.earn(100, Y2024)
    past.earn(50, Y2025)
    past.clock.noon(date(2025, 1, 1))

    with pytest.raises(InsufficientPoints):
        ledger.post_many([past.movement(past.wallet, past.shop, 51)])
    ledger.post_many([past.movement(past.wallet, past.shop, 50)])

    assert (past.available, past.lost) == (0, 100)


def test_what_is_given_back_twice_after_its_day_goes_on_that_day_twice(past):
    past.earn(100, Y2024)
    past.hold(60, "first")
    past.hold(40, "second")
    past.clock.noon(date(2025, 1, 1))

    for hold in ("first", "second"):
        past.void(hold)
        expiry.expire(community=past.community)

    keys = Transfer.objects.filter(reason="expiry").order_by("id").values_list("key", "amount")
    key = f"expire:{past.wallet.pk}:2024-12-31"
    assert list(keys) == [(key, 60), (f"{key}:2", 40)]
    findings = found_in_books(past.community)
    assert [f for f in findings if f.check == "expiry"] == []


def test_a_refund_after_the_day_says_until_when_it_can_be_spent(past):
    past.earn(100, Y2024)
    past.earn(30, Y2025)
    past.spend(100, "tea")
    past.clock.noon(date(2025, 1, 2))

    past.reverse("tea", 70)

    (back,) = Transfer.objects.filter(reverses=past.named["tea"].pk)
    assert (back.amount, back.expires_on) == (70, date(2025, 4, 2))
    assert past.expiring == [(date(2025, 4, 2), 70), (Y2025, 30)]
    findings = found_in_books(past.community)
    assert [f for f in findings if "its id was made at" not in f.because] == []


def test_of_a_refund_what_is_not_over_keeps_its_day(past):
    past.earn(40, Y2024)
    past.earn(60, Y2025)
    past.spend(100, "tea")
    past.clock.noon(date(2025, 1, 2))

    past.reverse("tea")

    back = Transfer.objects.filter(reverses=past.named["tea"].pk).order_by("amount")
    assert [(t.amount, t.expires_on) for t in back] == [(40, date(2025, 4, 2)), (60, None)]
    assert past.expiring == [(date(2025, 4, 2), 40), (Y2025, 60)]


def test_on_their_last_day_points_are_spent_and_what_is_refunded_keeps_the_day(past):
    past.earn(50, Y2024 - timedelta(days=1))
    past.earn(100, Y2024)
    past.clock.noon(Y2024)

    past.spend(100, "tea")
    past.reverse("tea", 70)

    assert (past.available, past.lost) == (70, 50)
    assert past.expiring == [(Y2024, 70)]


# --- what is lost -----------------------------------------------------------------------------
# What happens, and then: what can be spent, what has expired, what is owed (0 if not said).
EXAMPLES = {
    "what was spent before the date is not lost": [
        ("earn 100 by 2024", 100, 0),
        ("spend 30", 70, 0),
        ("2024 is over", 0, 70),
    ],
    "what was spent after it comes from what is left": [
        ("earn 100 by 2024", 100, 0),
        ("earn 50 by 2025", 150, 0),
        ("2024 is over", 50, 100),
        ("spend 20", 30, 100),
        ("2025 is over", 0, 130),
    ],
    "what expires first is spent first": [
        ("earn 100 by 2024", 100, 0),
        ("earn 100 by 2025", 200, 0),
        ("spend 130", 70, 0),
        ("2024 is over", 70, 0),
        ("2025 is over", 0, 70),
    ],
    "also if it was earned last": [
        ("earn 100 by 2025", 100, 0),
        ("earn 40 by 2024", 140, 0),
        ("spend 30", 110, 0),
        ("2024 is over", 100, 10),
    ],
    "what never expires is spent last": [
        ("earn 50 by never", 50, 0),
        ("earn 100 by 2024", 150, 0),
        ("spend 70", 80, 0),
        ("2024 is over", 50, 30),
        ("spend 20", 30, 30),
        ("2025 is over", 30, 30),
    ],
    "what is held does not expire, and captured it is spent": [
        ("earn 100 by 2024", 100, 0),
        ("hold 60 as voucher", 40, 0),
        ("2024 is over", 0, 40),
        ("capture voucher", 0, 40),
        ("2025 is over", 0, 40),
    ],
    "what was held over the date and given back is over": [
        ("earn 100 by 2024", 100, 0),
        ("hold 60 as voucher", 40, 0),
        ("2024 is over", 0, 40),
        ("void voucher", 0, 100),
        ("2025 is over", 0, 100),
    ],
    "what of it was captured is spent": [
        ("earn 100 by 2024", 100, 0),
        ("hold 60 as voucher", 40, 0),
        ("2024 is over", 0, 40),
        ("capture voucher 20", 0, 80),
        ("2025 is over", 0, 80),
    ],
    "what was held of newer points and given back is not": [
        ("earn 100 by 2024", 100, 0),
        ("earn 50 by 2025", 150, 0),
        ("hold 120 as voucher", 30, 0),
        ("2024 is over", 30, 0),
        ("void voucher", 50, 100),
        ("2025 is over", 0, 150),
    ],
    "a refund brings back what the date has passed over, for 90 days": [
        ("earn 100 by 2024", 100, 0),
        ("spend 100 as tea", 0, 0),
        ("2024 is over", 0, 0),
        ("reverse tea 80", 80, 0),
        ("2025 is over", 0, 80),
    ],
    "a refund beside newer points goes before them": [
        ("earn 100 by 2024", 100, 0),
        ("earn 50 by 2026", 150, 0),
        ("spend 100 as tea", 50, 0),
        ("2024 is over", 50, 0),
        ("reverse tea", 150, 0),
        ("spend 10", 140, 0),
        ("2025 is over", 50, 90),
    ],
    "an award reversed before the date is no loss": [
        ("earn 100 by 2024 as hours", 100, 0),
        ("earn 50 by 2024", 150, 0),
        ("reverse hours", 50, 0),
        ("2024 is over", 0, 50),
    ],
    "an award reversed after it expired takes nothing from newer points": [
        ("earn 100 by 2024 as hours", 100, 0),
        ("earn 50 by 2025", 150, 0),
        ("2024 is over", 50, 100),
        ("reverse hours", 50, 0),
        ("2025 is over", 0, 50),
    ],
    "in two parts as well": [
        ("earn 100 by 2024 as hours", 100, 0),
        ("2024 is over", 0, 100),
        ("reverse hours 60", 0, 40),
        ("reverse hours 40", 0, 0),
    ],
    "partly spent and partly expired, reversed: only what was spent is taken": [
        ("earn 100 by 2024 as hours", 100, 0),
        ("spend 40", 60, 0),
        ("2024 is over", 0, 60),
        ("earn 50 by 2025", 50, 60),
        ("reverse hours", 10, 0),
        ("2025 is over", 0, 10),
    ],
    "or owed, if nothing else is there": [
        ("earn 100 by 2024 as hours", 100, 0),
        ("spend 40", 60, 0),
        ("2024 is over", 0, 60),
        ("reverse hours", 0, 0, 40),
        ("earn 100 by 2025", 60, 0),
        ("2025 is over", 0, 60),
    ],
    "an award held over its date is over, and is reversed from there": [
        ("earn 100 by 2024 as hours", 100, 0),
        ("hold 70 as voucher", 30, 0),
        ("2024 is over", 0, 30),
        ("void voucher", 0, 100),
        ("earn 50 by 2026", 50, 100),
        ("2025 is over", 50, 100),
        ("reverse hours", 50, 0),
    ],
    "two awards of one date, reversed: no more comes back than expired": [
        ("earn 60 by 2024 as first", 60, 0),
        ("earn 40 by 2024 as second", 100, 0),
        ("spend 30", 70, 0),
        ("2024 is over", 0, 70),
        ("reverse first", 0, 10),
        ("reverse second", 0, 0, 30),
    ],
    "what comes after its date is over": [
        ("earn 100 by 2024", 100, 0),
        ("2024 is over", 0, 100),
        ("earn 50 by 2024", 0, 150),
        ("2025 is over", 0, 150),
    ],
    "and reversed it brings back nothing that expired before it came": [
        ("earn 100 by 2024", 100, 0),
        ("2024 is over", 0, 100),
        ("earn 50 by 2024 as late", 0, 150),
        ("reverse late", 0, 100),
    ],
    "who owes points loses none, and what repays them does not expire": [
        ("earn 100 by 2024 as hours", 100, 0),
        ("spend 100", 0, 0),
        ("reverse hours", 0, 0, 100),
        ("2024 is over", 0, 0, 100),
        ("earn 150 by 2025", 50, 0),
        ("2025 is over", 0, 50),
    ],
    "what is held and owed is given back to nobody": [
        ("earn 100 by 2024 as hours", 100, 0),
        ("hold 100 as voucher", 0, 0),
        ("reverse hours", 0, 0, 100),
        ("2024 is over", 0, 0, 100),
        ("void voucher", 0, 0, 0),
        ("2025 is over", 0, 0),
    ],
    "days in the wrong order take the same together": [
        ("earn 100 by 2024 as hours", 100, 0),
        ("earn 50 by 2025", 150, 0),
        ("2025 is over", 0, 150),
        ("2024 is over", 0, 150),
        ("reverse hours", 0, 50),
    ],
}


def take(purse, step):
    """One step of an example: ``earn 100 by 2024 as hours``, ``void voucher``, ``2024 is over``."""
    match step.split():
        case [year, "is", "over"]:
            purse.expire(date(int(year), 12, 31))
        case ["earn", points, "by", until, *name]:
            day = None if until == "never" else date(int(until), 12, 31)
            purse.earn(int(points), day, *name[1:])
        case ["spend" | "hold" as verb, points, *name]:
            getattr(purse, verb)(int(points), *name[1:])
        case [verb, name, *points]:
            getattr(purse, verb)(name, *map(int, points))


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
@pytest.mark.parametrize("with_neighbour", [True, False] if IS_LONG else [True])
def test_what_is_lost(lake, past, li, example, with_neighbour):
    purse = past
    neighbour = Purse(lake, li)  # for whom something expires each year
    for year in (2024, 2025, 2026) if with_neighbour else ():
        neighbour.earn(1, date(year, 12, 31))

    for step, available, expired, *owed in example:
        lost_before, foretold = purse.lost, dict(purse.expiring)
        take(purse, step)
        assert purse.available == available, step
        assert purse.lost == expired, step
        assert purse.wallet.shortfall == sum(owed), step
        assert sum(totals_by_kind(lake).values()) == 0, step
        if step.endswith("over"):
            by_then = [
                points for day, points in foretold.items() if day <= date(int(step[:4]), 12, 31)
            ]
            assert sum(by_then) == expired - lost_before, step


def test_what_has_expired_explains_itself(past):
    purse = past
    purse.earn(100, Y2024)
    purse.earn(40, Y2025)
    purse.spend(30)

    taken = purse.expire(Y2024)

    (transfer,) = Transfer.objects.filter(reason="expiry")
    assert transfer.key == f"expire:{purse.wallet.pk}:2024-12-31"
    earned = Earned.objects.get(account=purse.wallet, expires_on=Y2024)
    assert transfer.source == f"expiry:{earned.pk}"
    assert transfer.explanation == {
        "expires_on": "2024-12-31",
        "available": 110,
        "kept": 40,
        "points": 70,
    }
    assert (transfer.debit, transfer.credit, transfer.amount) == (purse.wallet, purse.expired, 70)
    assert transfer.occurred_at == datetime(2024, 12, 31, 16, tzinfo=UTC)  # midnight in Shanghai
    assert taken == [(Y2024, 1, 70)]


def test_what_was_taken_is_not_taken_again(purse):
    purse.earn(100, Y2024)

    assert purse.expire(Y2024) == [(Y2024, 1, 100)]
    assert purse.expire(Y2024) == []
    assert (purse.available, purse.lost) == (0, 100)


@pytest.mark.django_db(transaction=True)
def test_what_several_take_at_once_is_taken_once(at_once, purse):
    purse.earn(100, Y2024)

    took = at_once(8, lambda n: purse.expire(Y2024))

    assert [taken for one in took for taken in one] == [(Y2024, 1, 100)]
    assert (purse.posted, purse.lost) == (0, 100)


@pytest.mark.django_db(transaction=True)
def test_what_is_spent_and_expired_at_once_is_one_of_them(at_once, purse):
    """Spending takes points that are not over, and never those that are."""
    purse.earn(100, Y2024)
    purse.earn(80, None)

    def work(number):
        return purse.expire(Y2024) if number % 2 else purse.spend(20, str(number))

    at_once(8, work)

    assert (purse.posted, purse.over, purse.lost) == (0, 0, 100)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Asia/Shanghai", "Pacific/Niue"])
def test_points_can_be_spent_until_the_day_is_over_by_the_communitys_clock(purse, lake, zone):
    lake.timezone = zone
    lake.save(update_fields=["timezone"])
    today = local_today(lake)
    purse.earn(100, today)
    purse.earn(50, today - timedelta(days=1))

    with pytest.raises(ExpiryDayNotOver) as refusal:
        purse.expire(today)
    assert refusal.value.facts == {"today": today.isoformat()}
    assert [day.points for day in expiry.expire(community=lake)] == [50]
    assert purse.available == 100


def test_only_the_communitys_own_wallets_lose_points(purse, hill, wang):
    elsewhere = Purse(hill, wang)
    for one in (purse, elsewhere):
        one.earn(100, Y2024)

    purse.expire(Y2024)

    assert (purse.posted, elsewhere.posted) == (0, 100)


def test_however_many_lose_points_the_database_is_asked_as_often(purse, lake, person):
    def statements(day, people):
        for number in range(people):
            Purse(lake, person(f"p{day}{number}")).earn(10, day)
        with CaptureQueriesContext(connection) as asked:
            assert purse.expire(day) == [(day, people, 10 * people)]
        return len(asked)

    assert statements(Y2024, people=1) == statements(Y2025, people=20)


class Meanwhile:
    """An act on another connection, which has to wait for uncommitted work here."""

    def __init__(self, work):
        self.pool = ThreadPoolExecutor(1)
        self.future = self.pool.submit(self._run, work)
        with connection.cursor() as cursor:
            while not self._waits(cursor):
                assert not self.future.done(), self.future.result()

    @staticmethod
    def _run(work):
        try:
            return work()
        finally:
            connection.close()

    @staticmethod
    def _waits(cursor):
        cursor.execute(
            "SELECT EXISTS (SELECT FROM citus_lock_waits)"  # wherever the rows are
            if cluster.is_used()
            else "SELECT EXISTS (SELECT FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
        )
        return cursor.fetchone()[0]

    def result(self):
        with self.pool:
            return self.future.result()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("meanwhile", "lost", "available"),
    [
        (lambda purse: purse.earn(50, None), 100, 60),
        (lambda purse: purse.spend(8), 100, 2),
        (lambda purse: purse.hold(8), 100, 2),
        (lambda purse: purse.reverse("hours"), 0, 10),
    ],
    ids=["earned", "spent", "held", "reversed"],
)
def test_what_happens_while_expiry_waits_for_the_wallet_counts(purse, meanwhile, lost, available):
    purse.earn(100, Y2024, "hours")
    purse.earn(10, None)

    with transaction.atomic():
        meanwhile(purse)
        expiring = Meanwhile(lambda: purse.expire(Y2024))
    expiring.result()

    assert (purse.lost, purse.posted, purse.over) == (lost, available, 0)


# --- seeing it come ---------------------------------------------------------------------------
def test_a_wallet_foresees_what_it_will_lose_the_nearest_day_first(purse):
    for points, until in [(10, None), (20, date(2031, 1, 31)), (30, date(2030, 1, 31))]:
        purse.earn(points, until)
    assert purse.expiring == [(date(2030, 1, 31), 30), (date(2031, 1, 31), 20)]

    purse.hold(35)

    assert purse.expiring == [(date(2031, 1, 31), 15)]


def test_a_day_is_previewed_without_writing(past, lake, li):
    purse, neighbour = past, Purse(lake, li)
    for one, points in ((purse, 30), (neighbour, 50)):
        one.earn(points, Y2024)
        one.earn(7, Y2025)
    purse.spend(10)

    losing = list(expiry_selectors.losing(lake, Y2025))
    assert [one[1:] for one in losing] == [
        (neighbour.wallet.holder, Y2024, 57, 7, 50),
        (purse.wallet.holder, Y2024, 27, 7, 20),
        *((holder, Y2025, 7, 0, 7) for holder in ordered(purse, neighbour)),
    ]
    assert expiry_selectors.losses(lake, Y2024) == (Y2024, 2, 70)
    assert expiry_selectors.losses(lake, Y2025) == (Y2025, 2, 14)
    assert [one.points for one in expiry_selectors.losing(lake, Y2025, since=Y2025)] == [7, 7]
    assert not Transfer.objects.filter(reason="expiry").exists()


def ordered(*purses):
    return [purse.wallet.holder for purse in sorted(purses, key=lambda one: one.wallet.pk)]


def test_the_next_day_is_the_first_that_is_not_over(past, lake):
    assert next_expiry_day(lake) is None
    for until in (Y2025, Y2024, None):
        past.earn(10, until)
    assert next_expiry_day(lake) == Y2024
    past.clock.noon(date(2025, 1, 1))
    assert next_expiry_day(lake) == Y2025


# --- telling ----------------------------------------------------------------------------------
def told(community):
    """Days before, and points, of each notice owed in the community: of a month, or of a week."""
    owed = Notice.objects.filter(community=community, kind="points_expiring").order_by("key")
    return [(7 if "-W" in notice.key else 30, notice.facts["points"]) for notice in owed]


@pytest.mark.parametrize(
    ("days_left", "windows"),
    [(31, []), (30, [30]), (8, [30]), (7, [7]), (1, [7]), (0, [7]), (-1, [])],
)
def test_who_loses_points_is_told_30_and_7_days_before(purse, lake, wang, days_left, windows):
    day = local_today(lake) + timedelta(days=days_left)
    purse.earn(100, day)
    purse.earn(50, None)

    for _ in range(2):
        expiry.tell(community=lake)

    assert told(lake) == [(window, 100) for window in windows]
    for notice in Notice.objects.all():
        assert notice.recipient == wang
        period = f"{day:%Y-%m}" if windows == [30] else f"{day:%G-W%V}"
        assert notice.key == f"expiry:{purse.wallet.pk}:{period}"
        assert notice.due_at <= timezone.now() < notice.stale_at
        midnight = notice.stale_at.astimezone(lake.clock)
        assert (midnight.date(), midnight.hour) == (day + timedelta(days=1), 0)


def test_both_notices_are_told_though_the_first_was(purse, lake):
    day = local_today(lake) + timedelta(days=7)
    purse.earn(100, day)
    notices.owe_many(
        community=lake,
        kind="points_expiring",
        owed=[
            notices.Owed(
                key=f"expiry:{purse.wallet.pk}:{day:%Y-%m}",
                recipient_id=purse.user.pk,
                facts={"points": 120},
            )
        ],
        due_at=timezone.now(),
    )
    purse.spend(15)

    expiry.tell(community=lake)

    assert told(lake) == [(30, 120), (7, 85)]


@pytest.mark.parametrize(
    ("today", "days", "digests"),
    [
        # A month is told of 30 days before its first points expire, however many of its days do.
        ("2026-11-01", ["12-01", "12-02", "12-31"], ["2026-12"]),
        ("2026-11-01", ["12-02", "12-31"], []),
        ("2026-11-20", ["12-20", "01-01"], ["2026-12"]),
        # A week is told of 7 days before its first, here a Monday, up to its Sunday.
        ("2026-11-23", ["11-30", "12-06", "12-07"], ["2026-W49", "2026-12"]),
        ("2026-12-27", ["01-03", "01-04"], ["2026-W53"]),
    ],
)
def test_a_digest_says_what_a_month_or_a_week_takes(past, lake, today, days, digests):
    past.clock.noon(date.fromisoformat(today))
    past.earn(10, date.fromisoformat(today) - timedelta(days=1))  # due now, and nobody's news
    for day in days:
        past.earn(10, date.fromisoformat(f"{2027 if day < '06' else 2026}-{day}"))

    for _ in range(2):
        expiry.tell(community=lake)

    owed = Notice.objects.filter(kind="points_expiring").order_by("id")
    assert sorted(one.key.rpartition(":")[2] for one in owed) == sorted(digests)


def test_points_that_expire_day_after_day_are_told_of_once_a_month_and_once_a_week(past, lake):
    first = date(2026, 3, 1)  # a Sunday
    past.clock.noon(date(2026, 1, 1))
    for number in range(31):
        past.earn(1, first + timedelta(days=number))

    for number in range(90):
        past.clock.noon(date(2026, 1, 1) + timedelta(days=number))
        expiry.tell(community=lake)

    assert told(lake) == [
        (30, 31),  # before the first of them expires
        *[(7, points) for points in (1, 7, 7, 7, 7, 2)],
    ]


def test_who_has_spent_it_all_is_not_told(purse, lake):
    purse.earn(100, local_today(lake))
    purse.spend(100)

    expiry.tell(community=lake)

    assert told(lake) == []


def test_however_many_are_told_the_database_is_asked_as_often(lake, person):
    def statements(people):
        for number in range(people):
            Purse(lake, person(f"p{people}-{number}")).earn(10, local_today(lake))
        with CaptureQueriesContext(connection) as asked:
            expiry.tell(community=lake)
        return len(asked)

    assert statements(1) == statements(20)
    assert len(told(lake)) == 21


def test_a_long_list_is_owed_a_thousand_at_a_time(lake, person):
    people = [person(f"p{number}") for number in range(3)]
    rows = [
        notices.Owed(key=f"k{number}", recipient_id=people[number % 3].pk, facts={"n": number})
        for number in range(2 * notices.WRITTEN_AT_ONCE + 1)
    ]
    due = {"due_at": timezone.now(), "kind": "points_expiring", "community": lake}

    with CaptureQueriesContext(connection) as asked:
        notices.owe_many(owed=iter(rows), **due)
    notices.owe_many(owed=rows, **due)

    inserts = [query["sql"] for query in asked if query["sql"].startswith("INSERT")]
    assert len(inserts) == 3
    assert Notice.objects.count() == len(rows)
    assert Notice.objects.get(key="k2000").facts == {"n": 2000}


def test_the_words_say_how_many_points_where_and_until_when(purse, lake):
    day = local_today(lake)
    purse.earn(100, day)
    expiry.tell(community=lake)

    with translation.override("en"):
        title, body = words(Notice.objects.get())

    assert title == "Your points are about to expire"
    assert body == (
        f"碧沙湖社区: 100 points expire soon. The first can be spent until {day}, the last until"
        f" {day}."
    )


# --- every night ------------------------------------------------------------------------------
@pytest.mark.usefixtures("_tasks_run_at_once")
def test_the_hourly_sweep_expires_all_that_is_due_once(purse, hill, li, street):
    elsewhere = Purse(hill, li)
    for one in (purse, elsewhere):
        for until in (Y2024, Y2025, local_today(hill) + timedelta(days=1)):
            one.earn(10, until)

    for _ in range(2):
        tasks.sweep_expiry()

    assert (purse.available, elsewhere.available) == (10, 10)
    days = expired_days(hill, 12)
    assert [one[:3] for one in days] == [(Y2025, 1, 10), (Y2024, 1, 10)]


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_the_daily_sweep_tells_in_every_community(purse, lake, hill, li):
    for one in (purse, Purse(hill, li)):
        one.earn(10, local_today(lake) + timedelta(days=3))

    tasks.sweep_expiry_notices()

    assert told(lake) == told(hill) == [(7, 10)]


# --- by hand ----------------------------------------------------------------------------------
def said(*command):
    out = io.StringIO()
    call_command(*command, stdout=out)
    return out.getvalue().splitlines()


def test_an_office_sets_when_points_expire(lake, street):
    from_june = ("--valid-from", "2024-06-01")
    on_street = said("set_expiry", "months", "--months", "6", "--community", "street", *from_june)
    today = said("set_expiry", "never", "--community", "lake")

    assert on_street == ["湖滨街道: months from 2024-06-01"]
    assert today == [f"碧沙湖社区: never from {local_today(lake)}"]
    assert until(lake, date(2024, 6, 1)) == Y2024


def test_an_office_sees_what_would_expire_and_expires_it(past, lake, li):
    purse = past
    Purse(lake, li).earn(50, Y2025)
    purse.earn(100, Y2024)
    purse.spend(30)
    preview = ("expire_points", "--community", "lake", "--preview")
    holders = f"person:{purse.user.pk}", f"person:{li.pk}"

    assert said(*preview) == [f"{holders[0]}: 70 of 70", "2024-12-31: 70 points of 1 wallets"]
    assert said(*preview, "--on", "2025-12-31") == [
        f"{holders[1]}: 50 of 50",
        "2025-12-31: 50 points of 1 wallets",
    ]
    assert purse.posted == 70
    purse.clock.noon(date(2026, 2, 3))
    assert said(*preview)[-1] == "2024-12-31: 70 points of 1 wallets"
    assert said("expire_points", "--community", "lake") == [
        "2024-12-31: 70 points of 1 wallets",
        "2025-12-31: 50 points of 1 wallets",
    ]
    assert said("expire_points", "--community", "lake") == []
    assert said(*preview) == ["Nothing is to expire."]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["set_expiry", "never", "--community", "nowhere"], "code nowhere"),
        (["set_expiry", "months", "--community", "lake"], "'parameter': 'months'"),
        (["expire_points", "--community", "nowhere"], "no community with the code nowhere"),
        (["expire_points", "--community", "lake", "--on", "2024-12-31"], "--on is for --preview"),
    ],
)
def test_what_an_office_can_not_do_is_refused(lake, command, reason):
    with pytest.raises(CommandError, match=reason):
        said(*command)

    assert not ExpiryPolicy.objects.exists()
    assert not Transfer.objects.filter(reason="expiry").exists()


# --- around it --------------------------------------------------------------------------------
def test_ids_made_by_the_database_are_in_the_order_of_time_with_ours(db):
    def made():
        with connection.cursor() as cursor:
            cursor.execute("SELECT uuid7()")
            return cursor.fetchone()[0]

    before = new_id()
    ids = [made() for _ in range(50)]
    after = new_id()

    assert ids == sorted(set(ids))
    assert {(one.version, one.variant) for one in ids} == {(7, UUID(int=before.int).variant)}
    milliseconds = [one.int >> 80 for one in (before, *ids, after)]
    assert milliseconds == sorted(milliseconds)


def test_the_demos_points_outlast_its_year(db, tmp_path, monkeypatch):
    scenario = tmp_path / "bishahu"
    scenario.mkdir()
    for name, lines in {
        "rules.json": ['{"service": {"*": {"points_per_hour": 10}}}'],
        "hours.csv": [
            "活动,类别,姓名,手机号,签到,签退",
            "巡逻,巡逻,甲,19900000003,2024-02-29 08:00,2024-02-29 11:00",
        ],
        "merchants.csv": [
            "商户,行业,每积分结算(分),公益捐赠不结算",
            "餐饮合伙人01,餐饮,8,否",
        ],
    }.items():
        (scenario / name).write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(demo, "SCENARIO", scenario)

    for _ in range(2):
        demo.load(home=tmp_path, tell=str, watch=iter)

    community = Community.objects.get(code=demo.CODE)
    assert Transfer.objects.get(community=community, reason="hours").expires_on is None
    this_year = local_today(community).year
    assert until(community, local_today(community)) == date(this_year + 1, 12, 31)
    assert ExpiryPolicy.objects.count() == 2
