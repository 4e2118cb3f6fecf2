"""What the public reads of reports: each one's progress, figures, and the use of the funds."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import combinations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from points.funds import services as funds
from points.kinds import Unit
from points.ledger import services as ledger
from points.models import Seal, Transfer
from points.seals.services import sealing
from tests.long import IS_LONG
from volunteers.models import ConfidentialTold, Confirmation, Report, ReportTally
from volunteers.reports import figures, fund_figures, tasks
from volunteers.reports.categories import DEFAULTS
from volunteers.reports.figures import By
from volunteers.reports.fund_figures import OTHER, Part, folded
from volunteers.reports.services import handling

CONFIDENTIAL = [code for code, known in DEFAULTS.items() if known.is_confidential]
PUBLIC = [code for code in DEFAULTS if code not in CONFIDENTIAL]
NOON = datetime(2026, 1, 15, 4, tzinfo=UTC)


@pytest.fixture
def reported(lake, wang):
    """A report of a moment: ``reported("hazard", NOON)``."""

    def report(category, at=NOON, **facts):
        known = DEFAULTS[category]
        return Report.objects.create(
            community=lake,
            reporter=wang,
            category=category,
            is_confidential=known.is_confidential,
            colour=known.colour,
            text="三楼的老刘把楼道堵了",
            submitted_at=at,
            **facts,
        )

    return report


def get(path):
    answer = Client().get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


# --- a report ---------------------------------------------------------------------------------
def test_a_reports_progress_and_reward_are_public_and_nobodys_name(lake, wang, zhao, reported):
    report = reported("hazard", latitude=30.528371, longitude=114.317264, place="老刘家门口")
    handling.accept(report=report, handler=zhao)
    handling.close(report=report, handler=zhao, answer="通道已清理")
    report.refresh_from_db()

    answer = Client().get(f"/api/v1/communities/lake/reports/{report.pk}")

    def told(moment):
        return moment.isoformat().replace("+00:00", "Z")

    assert answer.json() == {
        "id": str(report.pk),
        "category": "hazard",
        "coord_type": "wgs84",
        "status": "closed",
        "submitted_at": told(report.submitted_at),
        "accepted_at": told(report.accepted_at),
        "closed_at": told(report.closed_at),
        "answer": "通道已清理",
        "colour": "red",
        "made_safe_at": told(report.closed_at),
        "fixed_at": told(report.closed_at),
        "latitude": 30.53,
        "longitude": 114.32,
        "confirmations": 0,
        "progress": [
            {"status": "submitted", "at": told(report.submitted_at)},
            {"status": "accepted", "at": told(report.accepted_at)},
            {"status": "made_safe", "at": told(report.closed_at)},
            {"status": "fixed", "at": told(report.closed_at)},
            {"status": "closed", "at": told(report.closed_at)},
        ],
        "reward_state": "paid",
    }


@pytest.mark.parametrize(("people", "told"), [(0, 0), (1, None), (4, None), (5, 5)])
def test_one_to_four_confirmers_are_not_counted_in_public(lake, person, reported, people, told):
    report = reported("hazard")
    for number in range(people):
        Confirmation.objects.create(
            community=lake, report=report, confirmer=person(f"neighbour{number}")
        )

    (listed,) = get("communities/lake/reports")["results"]

    assert listed["confirmations"] is told
    assert get(f"communities/lake/reports/{report.pk}")["confirmations"] is told


@pytest.mark.parametrize("category", CONFIDENTIAL)
def test_a_confidential_report_is_at_no_public_address(lake, reported, category):
    report = reported(category)

    assert get("communities/lake/reports")["results"] == []
    for path in (
        f"/api/v1/communities/lake/reports/{report.pk}",
        f"/c/lake/reports/{report.pk}",
    ):
        assert Client().get(path).status_code == 404


def test_a_page_of_public_reports_costs_as_many_statements_however_many_are_on_it(lake, reported):
    def statements():
        with CaptureQueriesContext(connection) as asked:
            get("communities/lake/reports")
        return len(asked)

    reported("hazard")
    one = statements()
    for _ in range(9):
        reported("facility")

    assert statements() == one


# --- counts -----------------------------------------------------------------------------------
def recounted(community):
    """The figures, counted from the reports themselves."""
    found = Counter()
    for report in Report.objects.filter(community=community):
        month = report.submitted_at.astimezone(community.clock).date().replace(day=1)
        if report.is_confidential:
            found[month, "", ""] += 1
        elif report.is_screened and not report.is_by_child and report.text:
            found[month, report.category, report.status] += 1
    return found


def tallied(community):
    found = Counter()
    for row in ReportTally.objects.filter(community=community):
        found[row.month, row.category, row.status] += row.count
    return +found


def test_the_tally_is_what_counting_finds_whatever_happens_to_reports(lake, zhao, reported):
    chance = random.Random(19)
    reports = []
    for _ in range(120):
        at = NOON + timedelta(hours=chance.randrange(24 * 400))
        reports.append(reported(chance.choice(list(DEFAULTS)), at))
        one = chance.choice(reports)
        Report.objects.filter(pk=one.pk, closed_at=None, fixed_at=None).update(
            **chance.choice(
                [
                    {"status": "accepted"},
                    {"status": "fixed", "fixed_at": one.submitted_at + timedelta(hours=30)},
                    {"is_screened": False},
                    {"category": "facility"},
                    {"is_confidential": True},
                    {"status": "rejected", "closed_at": timezone.now(), "closed_by": zhao},
                ]
            )
        )
    open_ones = Report.objects.filter(closed_at=None).values_list("pk", flat=True)
    Report.objects.filter(pk__in=list(open_ones[:10])).delete()

    assert tallied(lake) == recounted(lake)
    before = ReportTally.objects.count()
    for _ in range(2):
        tasks.bring_figures_up_to_date(str(lake.pk))
        assert tallied(lake) == recounted(lake)
    assert ReportTally.objects.count() < before


@pytest.mark.django_db(transaction=True)
def test_nothing_is_counted_twice_by_two_sweeps_and_a_reporter_at_once(lake, at_once, reported):
    for _ in range(20):
        reported("hazard")

    def work(number):
        if number % 2:
            reported("facility")
        else:
            figures.compact(lake.pk)

    at_once(8, work)

    assert tallied(lake) == recounted(lake)


def test_figures_say_what_became_of_reports_and_how_soon(lake, zhao, reported):
    for hours in (1, 30, 40, 500):
        report = reported("hazard")
        fixed_at = report.submitted_at + timedelta(hours=hours)
        Report.objects.filter(pk=report.pk).update(status="fixed", fixed_at=fixed_at)
    reported("hazard")
    reported("facility", datetime(2026, 1, 31, 17, tzinfo=UTC))  # February by the lake's clock
    reported("dispute")

    told = get("communities/lake/report-figures?year=2026&by=month")

    counts = {
        "reports": 5,
        "by_status": [{"status": "fixed", "reports": 4}, {"status": "submitted", "reports": 1}],
        "fixed": 4,
        "median_within_hours": 48,
        "fixed_within_a_day": 1,
        "fixed_within_a_week": 3,
        "fixed_within_30_days": 4,
    }
    none = {
        "reports": 1,
        "by_status": [{"status": "submitted", "reports": 1}],
        "fixed": 0,
        "median_within_hours": None,
        "fixed_within_a_day": 0,
        "fixed_within_a_week": 0,
        "fixed_within_30_days": 0,
    }
    assert told == {
        "periods": [
            {
                "since": "2026-02-01",
                "until": "2026-03-01",
                "total": none,
                "categories": [{"category": "facility", "name": "设施损坏", **none}],
            },
            {
                "since": "2026-01-01",
                "until": "2026-02-01",
                "total": counts,
                "categories": [{"category": "hazard", "name": "安全隐患", **counts}],
            },
        ],
        "confidential": [],
    }
    for by in ("quarter", "year"):
        (period,) = get(f"communities/lake/report-figures?year=2026&by={by}")["periods"]
        assert period["total"]["reports"] == 6


@pytest.mark.parametrize("asked", ["year=1899", "year=x", "by=estate", "by=week", "estate=east"])
def test_figures_are_told_in_no_finer_division(lake, asked):
    answer = Client().get(f"/api/v1/communities/lake/report-figures?{asked}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


# --- nothing about fewer than five ------------------------------------------------------------
def months_of(year, month, count):
    for number in range(count):
        yield date(year + (month - 1 + number) // 12, (month - 1 + number) % 12 + 1, 1)


@pytest.mark.parametrize("seed", range(6 if IS_LONG else 2))
def test_no_sum_or_difference_of_public_figures_is_about_fewer_than_five(lake, reported, seed):
    """Whatever was told over two years, in each month anew, by month, quarter, year, category."""
    chance = random.Random(seed)
    confidential, public, told = [], Counter(), set()
    months = list(months_of(2024, 1, 24))
    for month, following in zip(months, [*months[1:], date(2026, 1, 1)], strict=True):
        at = datetime(month.year, month.month, 10, tzinfo=UTC)
        for _ in range(chance.choice([0, 0, 1, 2, 3, 4, 5, 9])):
            reported(chance.choice(CONFIDENTIAL), at)
            confidential.append(month)
        for _ in range(chance.randrange(4)):
            public[month] += 1
            reported(chance.choice(PUBLIC), at)
        late = datetime(following.year, following.month, 1, tzinfo=UTC)
        figures.tell_confidential(lake, now=late)
        figures.tell_confidential(lake, now=late + timedelta(days=9))
        for by in By:
            for year in (2024, 2025):
                found = figures.of_year(lake, year, by)
                # A period's numbers are those of public reports, which anybody can count.
                for period in found.periods:
                    within = [public[m] for m in months if period.since <= m < period.until]
                    assert period.total.reports == sum(within)
                    assert sum(one.reports for one in period.categories) == sum(within)
                    assert not {one.category for one in period.categories} & set(CONFIDENTIAL)
                told |= {(one.since, one.until, one.count) for one in found.confidential}

    # What was ever told, at whatever time: parts that do not overlap, each of five or more.
    parts = sorted(told)
    assert [since for since, _, _ in parts[1:]] == [until for _, until, _ in parts[:-1]]
    for since, until, count in parts:
        assert count == sum(since <= month < until for month in confidential) >= 5
    sums = {sum(c for *_, c in some) for n in (0, 1, 2, 3) for some in combinations(parts, n)}
    assert not sums & {1, 2, 3, 4}
    assert len(confidential) - sum(count for *_, count in parts) < 5


def test_two_histories_that_differ_in_few_confidential_reports_look_alike(lake, hill, wang):
    """One community has its disputes early in the year, the other calls for help late in it."""
    for community, category, month in ((lake, "dispute", 2), (hill, "assistance", 8)):
        for number in range(5):
            Report.objects.create(
                community=community,
                reporter=wang,
                category=category,
                is_confidential=True,
                colour="blue",
                text="有事",
                submitted_at=datetime(2024, 1 if number == 0 else month, 9, tzinfo=UTC),
            )
        figures.tell_confidential(community, now=datetime(2025, 1, 2, tzinfo=UTC))

    seen = [
        [get(f"communities/{code}/report-figures?year=2024&by={by}") for by in By]
        for code in ("lake", "hill")
    ]

    assert seen[0] == seen[1]
    assert seen[0][0]["confidential"] == [
        {"since": "2024-01-01", "until": "2025-01-01", "reports": 5}
    ]


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_tell_it_once(lake, at_once, reported):
    for _ in range(7):
        reported("dispute")

    at_once(4, lambda _: figures.tell_confidential(lake, now=NOON + timedelta(days=40)))

    assert [one.count for one in ConfidentialTold.objects.all()] == [7]


# --- funds ------------------------------------------------------------------------------------
@pytest.fixture
def qian(person):
    return person("qian", "钱书记")


@pytest.fixture
def fund(lake, qian):
    """A fund of this year with 200 yuan in it."""
    made = funds.open_fund(
        community=lake, name="红包", year=lake.today.year, unit=Unit.FEN, opened_by=qian
    )
    funds.top_up(fund=made, amount=20_000, reason="街道拨款", topped_up_by=qian)
    return made


@pytest.fixture
def rewarded(lake, fund, zhao, wang, reported):
    """A report rewarded from the fund: ``rewarded("hazard", 800)``; paid unless it ``waits``."""

    def reward(category, amount, *, waits=False):
        report = reported(category)
        claim = funds.claim(
            fund=fund,
            subject=f"report:{report.pk}",
            payee=f"person:{wang.pk}",
            amount=amount,
            closed_at=timezone.now(),
            reason="report",
            asked_by=zhao,
        )
        if not waits:
            funds.commit(claim=claim)
        return report

    return reward


def seal_all(community):
    for _ in sealing.close_batches(community=community):
        pass


def from_the_seals(fund, number):
    """What came into the fund and went out of it by the transfers that seals up to it hold."""
    seals = Seal.objects.filter(community=fund.community_id, number__lte=number)
    ids = [pk for seal in seals for pk in seal.transfer_ids]
    moved = Transfer.objects.filter(community=fund.community_id, pk__in=ids)
    came = sum(one.amount for one in moved if one.credit_id == fund.account_id)
    went = sum(one.amount for one in moved if one.debit_id == fund.account_id)
    return came, went


def test_a_funds_figures_are_those_of_the_transfers_under_the_head_that_they_name(
    lake, fund, rewarded, qian
):
    for number in range(3):
        rewarded("hazard", 1_000 + number)
    seal_all(lake)
    rewarded("facility", 500)
    rewarded("facility", 700, waits=True)

    (told,) = get("communities/lake/fund-figures")["funds"]

    seal = Seal.objects.get(community=lake, number=told["seal_number"])
    assert told["seal_head"] == bytes(seal.head).hex()
    assert (told["budget"], told["paid"]) == from_the_seals(fund, seal.number) == (20_000, 3_003)
    assert (told["unsealed"], told["reserved"], told["left"]) == (-500, 700, 15_797)
    balance = told["paid"] + told["ended"] + told["reserved"] + told["left"]
    assert told["budget"] + told["unsealed"] == balance

    seal_all(lake)
    (told,) = get("communities/lake/fund-figures")["funds"]
    assert (told["budget"], told["paid"]) == from_the_seals(fund, told["seal_number"])
    assert (told["paid"], told["unsealed"]) == (3_503, 0)


def test_what_was_taken_back_is_not_paid(lake, fund, rewarded):
    rewarded("hazard", 1_000)
    transfer = Transfer.objects.get(community=lake, key__startswith="fund_claim:")
    ledger.reverse(
        community_id=lake.pk,
        transfer_id=transfer.pk,
        key="back",
        amount=400,
        reason="taken_back",
        source="test:1",
    )
    seal_all(lake)

    (told,) = get("communities/lake/fund-figures")["funds"]

    assert (told["paid"], told["left"]) == (600, 19_400)
    assert [(one["category"], one["paid"]) for one in told["categories"]] == [("hazard", 600)]


def test_a_fund_that_nothing_seals_yet_is_told_as_unsealed(lake, fund):
    (told,) = get("communities/lake/fund-figures")["funds"]

    assert told["unsealed"] == 20_000
    assert (told["budget"], told["paid"], told["left"]) == (0, 0, 20_000)
    assert get("communities/lake/fund-figures?year=2001")["funds"] == []


def test_rewards_of_few_confidential_reports_are_folded_into_a_category(lake, fund, rewarded):
    for number in range(4):
        rewarded("dispute", 100 + number)
    few = fund_figures.told(lake)[0]
    assert {few[name] for name in ("categories", *fund_figures.USE)} == {None}
    rewarded("facility", 50)
    for _ in range(2):
        rewarded("hazard", 900)
    seal_all(lake)

    (told,) = get("communities/lake/fund-figures")["funds"]

    assert told["categories"] == [
        {"category": "hazard", "name": "安全隐患", "paid": 1_800, "reserved": 0},
        {"category": None, "name": "其他", "paid": 456, "reserved": 0},
    ]
    rewarded("assistance", 7)
    seal_all(lake)
    (told,) = get("communities/lake/fund-figures")["funds"]
    assert [one["category"] for one in told["categories"]] == ["hazard", "facility", None]
    assert told["categories"][-1]["paid"] == 413


PARTS = st.dictionaries(
    st.sampled_from([OTHER, *PUBLIC]), st.integers(1, 8), min_size=1, max_size=len(PUBLIC) + 1
)


@given(PARTS)
def test_what_is_left_of_a_fund_by_subtraction_is_of_five_reports(sizes):
    parts = {
        code: Part({f"{code}{n}" for n in range(size)}, paid=size * 100)
        for code, size in sizes.items()
    }
    hidden = set(parts[OTHER].reports) if OTHER in parts else set()

    told = folded(parts)

    if told is None:  # not even a total is told
        assert hidden
        assert sum(sizes.values()) < 5
        return
    assert sum(part.paid for part in told.values()) == sum(part.paid for part in parts.values())
    everything = set().union(*(part.reports for part in parts.values()))
    for number in range(len(told) + 1):
        for subtracted in combinations(told.values(), number):
            rest = everything - set().union(*(part.reports for part in subtracted))
            assert not rest & hidden or len(rest) >= 5
