"""Expiry: when points can be spent until, what is lost when the day is over, and who is told."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from backend.communities.models import Community
from backend.communities.services import places
from backend.ids import new_id
from backend.notices.models import Notice
from backend.notices.services import notices
from backend.notices.texts import words
from backend.scenarios import demo
from points import errors, selectors, tasks
from points.models import AccountKind, ExpiryPolicy, ExpiryRun, Transfer
from points.services import awards, expiry, ledger

HOUR = timedelta(hours=1)
NEVER, END_OF_YEAR, END_OF_NEXT_YEAR, MONTHS = ExpiryPolicy.Kind
Y2024, Y2025 = date(2024, 12, 31), date(2025, 12, 31)


class Purse:
    """Somebody's wallet, and words for what happens to it."""

    def __init__(self, community, user):
        self.community = community
        self.user = user
        self.wallet = ledger.wallet(community=community, person_id=user.pk)
        self.issuance, self.shop, self.expired = (
            ledger.account(community=community, kind=kind)
            for kind in (AccountKind.ISSUANCE, AccountKind.MERCHANT, AccountKind.EXPIRED)
        )
        self.named = {}

    def earn(self, points, until, name=None):
        name = name or str(new_id())
        self.named[name] = ledger.post(self._movement(self.issuance, self.wallet, points, until))

    def spend(self, points, name="spent"):
        self.named[name] = ledger.post(self._movement(self.wallet, self.shop, points))

    def hold(self, points, name="held"):
        movement = self._movement(self.wallet, self.shop, points)
        self.named[name] = ledger.hold(movement, lifetime=HOUR)

    def capture(self, name, points=None):
        hold = self.named[name]
        ledger.capture(community_id=hold.community_id, hold_id=hold.pk, amount=points)

    def void(self, name):
        ledger.void(community_id=self.community.pk, hold_id=self.named[name].pk)

    def reverse(self, name, points=None):
        ledger.reverse(
            community_id=self.community.pk,
            transfer_id=self.named[name].pk,
            key=f"void:{new_id()}",
            reason="correction",
            amount=points,
        )

    def expire(self, day):
        return expiry.expire(community=self.community, expires_on=day)

    @property
    def available(self):
        self.wallet.refresh_from_db()
        return self.wallet.available

    @property
    def expiring(self):
        self.wallet.refresh_from_db()
        return selectors.expiring(self.wallet)

    @property
    def lost(self):
        """What of it has expired and was not given back."""
        expiries = selectors.transfers_of(self.expired)
        ours = expiries.filter(debit=self.wallet) | expiries.filter(credit=self.wallet)
        return selectors.total(ours, self.expired)

    def _movement(self, debit, credit, points, until=None):
        key = f"test:{new_id()}"
        return ledger.Movement(
            debit=debit, credit=credit, amount=points, key=key, reason="test", expires_on=until
        )


@pytest.fixture
def purse(lake, wang) -> Purse:
    """王小明's."""
    return Purse(lake, wang)


@pytest.fixture
def street(lake):
    """湖滨街道, above the lake."""
    place = places.found(code="street", name="湖滨街道", kind=Community.Kind.STREET)
    lake.parent = place
    lake.save(update_fields=["parent"])
    return place


def local_today(community) -> date:
    return timezone.now().astimezone(community.clock).date()


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
    assert expiry.spendable_until(community=lake, earned_on=date(2024, 6, 1)) == Y2025


def test_the_policy_is_the_latest_of_the_nearest_place_that_has_one(lake, street):
    def until(day):
        return expiry.spendable_until(community=lake, earned_on=date.fromisoformat(day))

    expiry.set_policy(community=street, kind=END_OF_YEAR, valid_from=date(2024, 3, 1))
    expiry.set_policy(community=lake, kind=NEVER, valid_from=date(2024, 6, 1))
    expiry.set_policy(community=street, kind=MONTHS, months=1, valid_from=date(2024, 7, 1))
    expiry.set_policy(community=lake, kind=MONTHS, months=2, valid_from=date(2024, 9, 1))

    assert until("2024-02-29") == Y2025  # none yet
    assert until("2024-03-01") == Y2024  # the street's
    assert until("2024-08-31") is None  # its own, whatever the street says
    assert until("2024-09-01") == date(2024, 11, 30)


def test_policies_are_told_in_the_order_in_which_they_will_count(lake, street, hill):
    def told(community, day):
        policies = selectors.expiry_policies_from(community, date.fromisoformat(day))
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
    ],
)
def test_what_is_no_policy_is_refused(lake, wrong, parameter):
    with pytest.raises(errors.ExpiryPolicyInvalid) as refusal:
        expiry.set_policy(community=lake, valid_from=date(2024, 1, 1), **wrong)

    assert refusal.value.facts == {"parameter": parameter}
    assert not ExpiryPolicy.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_policy_set_by_several_at_once_is_one(at_once, lake):
    day = date(2024, 1, 1)
    set_by = at_once(8, lambda n: expiry.set_policy(community=lake, kind=NEVER, valid_from=day).pk)

    assert len(set(set_by)) == ExpiryPolicy.objects.count() == 1


def test_a_policy_changed_in_the_middle_of_the_year_keeps_what_was_promised(lake, wang):
    def award(day):
        checked_in_at = datetime.fromisoformat(f"{day} 01:00").replace(tzinfo=UTC)
        return awards.award_hours(
            community=lake,
            person_id=wang.pk,
            source=f"hours:{day}",
            category="邻里服务",
            checked_in_at=checked_in_at,
            checked_out_at=checked_in_at + HOUR,
        ).transfer

    first = award("2024-05-01")
    expiry.set_policy(community=lake, kind=MONTHS, months=6, valid_from=date(2024, 7, 1))
    served_before, served_after = award("2024-06-30"), award("2024-07-01")

    promised = dict(Transfer.objects.values_list("pk", "expires_on"))
    assert promised == {
        first.pk: Y2025,
        served_before.pk: Y2025,
        served_after.pk: date(2025, 1, 31),
    }
    wallet = ledger.wallet(community=lake, person_id=wang.pk)
    assert selectors.expiring(wallet) == [(date(2025, 1, 31), 10), (Y2025, 20)]


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
    "what was held over the date and given back is lost on the next": [
        ("earn 100 by 2024", 100, 0),
        ("hold 60 as voucher", 40, 0),
        ("2024 is over", 0, 40),
        ("void voucher", 60, 40),
        ("2025 is over", 0, 100),
    ],
    "unless it is spent meanwhile": [
        ("earn 100 by 2024", 100, 0),
        ("hold 60 as voucher", 40, 0),
        ("2024 is over", 0, 40),
        ("capture voucher 20", 40, 40),
        ("spend 25", 15, 40),
        ("2025 is over", 0, 55),
    ],
    "a refund brings back what the date has passed over, until the next": [
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
    "an award held over its date expired on the next, and is reversed from there": [
        ("earn 100 by 2024 as hours", 100, 0),
        ("hold 70 as voucher", 30, 0),
        ("2024 is over", 0, 30),
        ("void voucher", 70, 30),
        ("earn 50 by 2026", 120, 30),
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
    "an award that comes after its date is lost on the next": [
        ("earn 100 by 2024", 100, 0),
        ("2024 is over", 0, 100),
        ("earn 50 by 2024", 50, 100),
        ("2025 is over", 0, 150),
    ],
    "and reversed it brings back nothing that expired before it came": [
        ("earn 100 by 2024", 100, 0),
        ("2024 is over", 0, 100),
        ("earn 50 by 2024 as late", 50, 100),
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
def test_what_is_lost(lake, purse, li, example):
    neighbour = Purse(lake, li)  # for whom something expires each year
    for year in (2024, 2025, 2026):
        neighbour.earn(1, date(year, 12, 31))

    for step, available, expired, *owed in example:
        lost_before, foretold = purse.lost, dict(purse.expiring)
        take(purse, step)
        assert purse.available == available, step
        assert purse.lost == expired, step
        assert purse.wallet.shortfall == sum(owed), step
        assert sum(selectors.totals_by_kind(lake).values()) == 0, step
        if step.endswith("over"):
            by_then = [
                points for day, points in foretold.items() if day <= date(int(step[:4]), 12, 31)
            ]
            assert sum(by_then) == expired - lost_before, step


def test_what_has_expired_explains_itself(purse, lake):
    purse.earn(100, Y2024)
    purse.earn(40, Y2025)
    purse.spend(30)

    run = purse.expire(Y2024)

    (transfer,) = Transfer.objects.filter(reason="expiry")
    assert transfer.key == f"expire:{purse.wallet.pk}:2024-12-31"
    assert transfer.source == f"expiry:{run.pk}"
    assert transfer.explanation == {
        "expires_on": "2024-12-31",
        "available": 110,
        "kept": 40,
        "points": 70,
    }
    assert (transfer.debit, transfer.credit, transfer.amount) == (purse.wallet, purse.expired, 70)
    assert transfer.occurred_at == datetime(2024, 12, 31, 16, tzinfo=UTC)  # midnight in Shanghai
    assert (run.wallets, run.points) == (1, 70)


def test_a_day_is_expired_once(purse):
    purse.earn(100, Y2024)
    first = purse.expire(Y2024)
    purse.earn(50, Y2024)

    again = purse.expire(Y2024)

    assert again == first
    assert (again.points, again.ran_at, purse.available) == (100, first.ran_at, 50)


@pytest.mark.django_db(transaction=True)
def test_a_day_expired_by_several_at_once_is_expired_once(at_once, purse):
    purse.earn(100, Y2024)

    runs = at_once(8, lambda n: purse.expire(Y2024).pk)

    assert len(set(runs)) == ExpiryRun.objects.count() == 1
    assert (purse.available, purse.lost) == (0, 100)


def test_a_day_that_nobody_lost_anything_on_is_over_too(lake):
    run = expiry.expire(community=lake, expires_on=Y2024)

    assert (run.wallets, run.points) == (0, 0)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Asia/Shanghai", "Pacific/Niue"])
def test_points_can_be_spent_until_the_day_is_over_by_the_communitys_clock(purse, lake, zone):
    lake.timezone = zone
    today = local_today(lake)
    purse.earn(100, today)
    purse.earn(50, today - timedelta(days=1))

    with pytest.raises(errors.ExpiryDayNotOver) as refusal:
        purse.expire(today)
    assert refusal.value.facts == {"today": today.isoformat()}
    assert [run.points for run in expiry.expire_due(community=lake)] == [50]
    assert purse.available == 100


def test_only_the_communitys_own_wallets_lose_points(purse, hill, wang):
    elsewhere = Purse(hill, wang)
    for one in (purse, elsewhere):
        one.earn(100, Y2024)

    purse.expire(Y2024)

    assert (purse.available, elsewhere.available) == (0, 100)


def test_however_many_lose_points_the_database_is_asked_as_often(purse, lake, person):
    def statements(day, people):
        for number in range(people):
            Purse(lake, person(f"p{day}{number}")).earn(10, day)
        with CaptureQueriesContext(connection) as asked:
            assert purse.expire(day).wallets == people
        return len(asked)

    assert statements(Y2024, people=1) == statements(Y2025, people=20)


class Meanwhile:
    """Something that another connection does, which has to wait for what is not committed here."""

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
            "SELECT EXISTS (SELECT FROM pg_locks"
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
        (lambda purse: purse.earn(50, Y2025), 100, 50),
        (lambda purse: purse.spend(80), 20, 0),
        (lambda purse: purse.hold(80), 20, 0),
        (lambda purse: purse.reverse("hours"), 0, 0),
    ],
    ids=["earned", "spent", "held", "reversed"],
)
def test_what_happens_while_expiry_waits_for_the_wallet_counts(purse, meanwhile, lost, available):
    purse.earn(100, Y2024, "hours")

    with transaction.atomic():
        meanwhile(purse)
        expiring = Meanwhile(lambda: purse.expire(Y2024))
    run = expiring.result()

    assert (run.points, purse.lost, purse.available) == (lost, lost, available)


# --- seeing it come ---------------------------------------------------------------------------
def test_a_wallet_foresees_what_it_will_lose_the_nearest_day_first(purse):
    for points, until in [(10, None), (20, date(2031, 1, 31)), (30, date(2030, 1, 31))]:
        purse.earn(points, until)
    assert purse.expiring == [(date(2030, 1, 31), 30), (date(2031, 1, 31), 20)]

    purse.hold(35)

    assert purse.expiring == [(date(2031, 1, 31), 15)]


def test_what_is_left_of_a_day_that_is_over_goes_with_the_communitys_next(purse, lake, li):
    purse.earn(100, Y2024)
    purse.spend(60, "tea")
    purse.expire(Y2024)
    purse.reverse("tea")
    assert purse.expiring == []  # nothing else expires in the community

    Purse(lake, li).earn(1, date(2030, 1, 31))

    assert purse.expiring == [(date(2030, 1, 31), 60)]


def test_a_day_is_previewed_without_writing(purse, lake, li):
    neighbour = Purse(lake, li)
    for one, points in ((purse, 30), (neighbour, 50)):
        one.earn(points, Y2024)
        one.earn(7, Y2025)
    purse.spend(10)

    losing = list(selectors.losing(lake, Y2024))
    assert [(one.holder, one.available, one.kept, one.points) for one in losing] == [
        (neighbour.wallet.holder, 57, 7, 50),
        (purse.wallet.holder, 27, 7, 20),
    ]
    assert selectors.losses(lake, Y2024) == (2, 70)
    assert selectors.losses(lake, Y2025) == (2, 84)
    assert [one.points for one in selectors.losing(lake, Y2025, since=Y2024)] == [7, 7]
    assert not ExpiryRun.objects.exists()


def test_the_next_day_is_the_first_that_was_not_expired_yet(purse, lake):
    assert selectors.next_expiry_day(lake) is None
    for until in (Y2025, Y2024, None):
        purse.earn(10, until)
    assert selectors.next_expiry_day(lake) == Y2024
    purse.expire(Y2024)
    assert selectors.next_expiry_day(lake) == Y2025


# --- telling ----------------------------------------------------------------------------------
def told(community):
    """Days before, and points, of each notice owed in the community."""
    owed = Notice.objects.filter(community=community, kind="points_expiring").order_by("key")
    return [(int(notice.key.rpartition(":")[2]), notice.facts["points"]) for notice in owed]


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
        assert notice.key == f"expiry:{purse.wallet.pk}:{day}:{windows[0]}"
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
                key=f"expiry:{purse.wallet.pk}:{day}:30",
                recipient_id=purse.user.pk,
                facts={"points": 120},
            )
        ],
        due_at=timezone.now(),
    )
    purse.spend(15)

    expiry.tell(community=lake)

    assert told(lake) == [(30, 120), (7, 85)]


def test_of_two_days_each_is_told_what_it_takes_itself(purse, lake, li):
    today = local_today(lake)
    purse.earn(100, today + timedelta(days=5))
    purse.earn(30, today + timedelta(days=20))
    purse.earn(10, today - timedelta(days=1))  # due now, and nobody's news
    Purse(lake, li)

    expiry.tell(community=lake)

    assert sorted(told(lake)) == [(7, 100), (30, 30)]


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
    assert body == f"碧沙湖社区: 100 points can be spent until {day}, then they expire."


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
    runs = ExpiryRun.objects.filter(community=hill).values_list("expires_on", "points")
    assert list(runs.order_by("id")) == [(Y2024, 10), (Y2025, 10)]


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
    until = expiry.spendable_until(community=lake, earned_on=date(2024, 6, 1))
    assert until == Y2024


def test_an_office_sees_what_would_expire_and_expires_it(purse, lake, li):
    Purse(lake, li).earn(50, Y2025)
    purse.earn(100, Y2024)
    purse.spend(30)
    preview = ("expire_points", "--community", "lake", "--preview")
    holders = f"person:{purse.user.pk}", f"person:{li.pk}"

    assert said(*preview) == [f"{holders[0]}: 70 of 70", "2024-12-31: 70 points of 1 wallets"]
    assert said(*preview, "--on", "2025-12-31") == [
        f"{holders[0]}: 70 of 70",
        f"{holders[1]}: 50 of 50",
        "2025-12-31: 120 points of 2 wallets",
    ]
    assert purse.lost == 0
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
        (["expire_points", "--community", "nowhere"], "no community nowhere"),
        (["expire_points", "--community", "lake", "--on", "2024-12-31"], "--on is for --preview"),
    ],
)
def test_what_an_office_can_not_do_is_refused(lake, command, reason):
    with pytest.raises(CommandError, match=reason):
        said(*command)

    assert not ExpiryPolicy.objects.exists()
    assert not ExpiryRun.objects.exists()


# --- around it --------------------------------------------------------------------------------
def test_ids_made_by_the_database_are_in_the_order_of_time_with_ours(db):
    def made():
        with connection.cursor() as cursor:
            cursor.execute("SELECT points_uuid7()")
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
    until = expiry.spendable_until(community=community, earned_on=local_today(community))
    assert until == date(this_year + 1, 12, 31)
    assert ExpiryPolicy.objects.count() == 2
