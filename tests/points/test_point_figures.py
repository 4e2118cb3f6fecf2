"""Figures of points by month and by day, for those who watch over a community."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backend.communities.models import Role
from backend.communities.services import roles
from points.kinds import AccountKind, Unit
from points.ledger import services as ledger
from points.ledger.selectors import (
    figures_by_day,
    figures_by_month,
    figures_told_by_month,
    public_figures,
)

ADDRESS = "/api/v1/communities/lake/point-figures"


@pytest.fixture
def auditor(lake, person, logged_in):
    user = person("qian", "钱审计")
    roles.give(user=user, community=lake, role=Role.AUDITOR)
    return logged_in(user)


@pytest.fixture
def year(lake, earn, spend, wallet):
    """100 points earned on New Year's Eve, 50 in March, of which 10 were taken back in April, 30
    spent in March, 5 expired and 7 given away in June; and 900 fen, which are no points."""

    def post(move, number, at, **facts):
        facts = {"key": f"{number}", "source": f"test:{number}", "occurred_at": at, **facts}
        return ledger.post(replace(move, **facts))

    def account(kind, unit=Unit.POINTS):
        return ledger.account(community=lake, kind=kind, unit=unit)

    # In Shanghai it was New Year's Day by then; the second was not yet April there.
    post(earn, 1, datetime(2024, 12, 31, 17, tzinfo=UTC), amount=100)
    post(earn, 2, datetime(2025, 3, 31, 15, 59, tzinfo=UTC), amount=50)
    post(spend, 3, datetime(2025, 3, 4, 4, tzinfo=UTC), amount=30)
    back = replace(earn, debit=earn.credit, credit=earn.debit, reason="correction")
    post(back, 4, datetime(2025, 4, 1, tzinfo=UTC), amount=10)
    post(replace(spend, credit=account(AccountKind.EXPIRED)), 5, JUNE, amount=5)
    post(replace(spend, credit=account(AccountKind.POOL)), 6, JUNE, amount=7)
    fund, payout = account(AccountKind.FUND, Unit.FEN), account(AccountKind.PAYOUT, Unit.FEN)
    post(replace(earn, debit=account(AccountKind.ISSUANCE, Unit.FEN), credit=fund), 7, JUNE)
    post(replace(earn, debit=fund, credit=payout), 8, JUNE, amount=90)


JUNE = datetime(2025, 6, 1, 4, tzinfo=UTC)


def months(lake, year):
    return {
        one.since.month: (one.issued, one.redeemed, one.expired, one.given_back, one.outstanding)
        for one in figures_by_month(lake, year)
    }


def test_each_month_says_what_moved_in_it_and_what_was_outstanding_at_its_end(lake, year):
    assert months(lake, 2025) == {
        1: (100, 0, 0, 0, 100),
        2: (0, 0, 0, 0, 100),
        3: (50, 30, 0, 0, 120),
        4: (-10, 0, 0, 0, 110),
        5: (0, 0, 0, 0, 110),
        6: (0, 0, 5, 7, 98),
        **dict.fromkeys(range(7, 13), (0, 0, 0, 0, 98)),
    }
    assert months(lake, 2024) == dict.fromkeys(range(1, 13), (0, 0, 0, 0, 0))


def test_the_days_of_a_month_add_up_to_it(lake, year):
    days = figures_by_day(lake, 2025, 3)

    assert (len(days), days[0].since, days[-1].until) == (31, date(2025, 3, 1), date(2025, 4, 1))
    moved = {one.since.day: (one.issued, one.redeemed) for one in days if one.issued + one.redeemed}
    assert moved == {4: (0, 30), 31: (50, 0)}
    assert [one.outstanding for one in days] == [100] * 3 + [70] * 27 + [120]


def test_the_last_period_ends_with_what_the_public_is_told(lake, year):
    told = public_figures(lake)
    figures = figures_by_month(lake, lake.today.year)

    assert figures[-1].outstanding == told["outstanding"] == 98
    assert figures[-1].since.month == lake.today.month
    all_time = [one for y in range(2024, lake.today.year + 1) for one in figures_by_month(lake, y)]
    assert sum(one.issued for one in all_time) == told["issued"]
    assert sum(one.redeemed for one in all_time) == told["redeemed"]


def test_the_api_tells_those_who_watch_over_the_community(lake, year, auditor, logged_in, wang):
    told = auditor.get(f"{ADDRESS}?year=2025").json()["periods"]

    assert told[2] == {
        "since": "2025-03-01",
        "until": "2025-04-01",
        "issued": 50,
        "redeemed": 30,
        "expired": 0,
        "given_back": 0,
        "outstanding": 120,
    }
    assert len(auditor.get(f"{ADDRESS}?year=2025&month=2").json()["periods"]) == 28
    assert auditor.get(f"{ADDRESS}?year=2100").json() == {"periods": []}
    assert logged_in(wang).get(ADDRESS).status_code == 404


@pytest.mark.parametrize("query", ["year=1800", "month=13", "month=0", "year=this"])
def test_a_year_or_month_that_is_none_is_refused(lake, auditor, query):
    answer = auditor.get(f"{ADDRESS}?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


def test_a_longer_ledger_costs_no_more_statements(lake, earn, year):
    def statements():
        with CaptureQueriesContext(connection) as captured:
            figures_by_month(lake, 2025)
        return len(captured)

    before = statements()
    for number in range(20):
        ledger.post(replace(earn, key=f"more:{number}", source=f"test:more:{number}"))

    assert statements() == before == 2


# --- for everybody ----------------------------------------------------------------------------
def test_what_everybody_is_told_by_month_is_what_the_books_say(lake, year):
    told = figures_told_by_month(lake, 2025, fewest=1)

    assert {what: one.total for what, one in told.items()} == {
        "issued": 140,
        "redeemed": 30,
        "expired": 5,
        "given": 7,
    }
    assert told["issued"].months[:4] == [100, 0, 50, -10]
    assert told["expired"].months[5] == 5


def test_nothing_is_told_of_months_in_which_too_few_moved_points(lake, year):
    told = figures_told_by_month(lake, 2025, fewest=2)

    assert told["issued"].months == [None, 0, None, None] + [0] * 8
    assert told["issued"].total is None


def test_a_month_of_few_takes_the_smallest_other_with_it(lake, person, issuance):
    def earn(name, at, amount):
        wallet = ledger.wallet(community=lake, person_id=people[name].pk)
        facts = {"key": f"{name}:{at}", "reason": "hours", "source": f"test:{name}"}
        ledger.post(
            ledger.Movement(debit=issuance, credit=wallet, amount=amount, occurred_at=at, **facts)
        )

    people = {name: person(name) for name in ("an", "bo", "chi")}
    january, february, march = (datetime(2025, month, 5, tzinfo=UTC) for month in (1, 2, 3))
    earn("an", january, 1)
    for name in ("an", "bo"):
        earn(name, february, 10)
    for name in people:
        earn(name, march, 100)

    issued = figures_told_by_month(lake, 2025, fewest=2)["issued"]

    assert issued.months[:3] == [None, None, 300]
    assert issued.total == 321
