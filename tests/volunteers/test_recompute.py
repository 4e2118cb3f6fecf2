"""Recomputing: every award follows from its record, and what does not is named."""

import json
from dataclasses import asdict
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.utils import timezone

from backend.communities.models import Community
from backend.registries.checks import Kind, Scope
from points.awards.services.rederiving import Recomputation
from points.expiry import services as expiry
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.models import Award, ExpiryPolicy, Rule, Transfer
from points.rules import services as rules
from tests.verified import found_in
from volunteers.attendance.services import hours
from volunteers.reports.services import handling, submitting


def told(community, **options) -> list[str]:
    return [str(difference) for difference in Recomputation(community, **options)]


def tamper(*statements: str) -> None:
    """Change the tables as nobody may, with all triggers off."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as if the fixtures had committed
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.fixture
def reverse(lake):
    """Takes back an award, or points of it: ``reverse("hours:…", 20)``."""

    def take_back(source, points=None):
        return ledger.reverse(
            community_id=lake.pk,
            transfer_id=Transfer.objects.get(key=source).pk,
            key=f"void:{source}:{points}",
            reason="mistake",
            source=f"undo:void:{source}:{points}",
            amount=points,
        )

    return take_back


@pytest.fixture
def verified(served, zhao):
    """Hours that zhao has verified: ``verified(wang, "2024-03-01 07:00", …)``; their source."""

    def verify(*args):
        return hours.verify(attendance=served(*args), verifier=zhao)[1].source

    return verify


@pytest.fixture
def reported(lake, zhao):
    """Submit and close a report, a hazard by default; returns its source."""

    def report(user, category="hazard"):
        seen = {"category": category, "text": "井盖松动", "latitude": 30.5, "longitude": 114.3}
        mine = submitting.submit(community=lake, reporter=user, **seen)
        return handling.close(report=mine, handler=zhao)[1].source

    return report


@pytest.fixture
def year(lake, wang, li, zhao, verified, reported, reverse, kept):
    return kept(a_year, lake, wang, li, verified, reported, reverse)


def a_year(lake, wang, li, verified, reported, reverse):
    """A year with everything in it; the sources of what the tests tamper with, by name.

    ``walk`` and ``rush`` (20 and 25 points) have their days to themselves; on the day of
    ``long`` (50) and ``cut`` (30 of 50) the cap is reached.
    """
    sources = {
        "walk": verified(wang, "2024-03-01 13:00", "2024-03-01 15:00"),
        "long": verified(wang, "2024-03-02 08:00", "2024-03-02 13:00"),
        "cut": verified(wang, "2024-03-02 13:00", "2024-03-02 18:00", "便民活动"),
        "nothing left": verified(wang, "2024-03-02 18:00", "2024-03-02 19:00"),
        "too short": verified(wang, "2024-03-03 18:00", "2024-03-03 18:05"),
        "rush": verified(wang, "2024-03-04 08:00", "2024-03-04 10:00", "交通劝导"),
        "over midnight": verified(li, "2024-12-31 22:00", "2025-01-01 08:00", "交通劝导"),
        "hazard": reported(li),
    }
    reported(wang)
    # Mistaken, and spent before anybody saw: the day's cap is free again for what was right.
    wrong = verified(li, "2024-03-02 08:00", "2024-03-02 16:00")
    wallet = ledger.wallet(community=lake, person_id=li.pk)
    shop = ledger.account(community=lake, kind=AccountKind.MERCHANT, holder="merchant:1")
    ledger.post(
        ledger.Movement(
            debit=wallet, credit=shop, amount=170, key="tea", reason="x", source="test:tea"
        )
    )
    verified(li, "2024-03-02 16:00", "2024-03-02 16:30")  # 0 of 5
    assert reverse(wrong, 30).outstanding > 0
    verified(li, "2024-03-02 17:00", "2024-03-02 19:00")  # 20 of 20
    reverse(wrong)
    verified(li, "2024-03-02 19:00", "2024-03-03 02:00")  # 60 of 70
    # What was earned keeps what it was promised.
    tamper("UPDATE points_ruleversion SET published_at = now() - interval '1 day'")
    rules.publish(
        community=lake,
        subject=Rule.Subject.HOURS,
        category="*",
        parameters={"points_per_hour": 20},
        valid_from=date(2024, 3, 2),
    )
    verified(wang, "2024-05-01 13:00", "2024-05-01 22:00")  # 180
    expiry.set_policy(
        community=lake, kind=ExpiryPolicy.Kind.MONTHS, months=6, valid_from=date(2024, 3, 1)
    )
    verified(wang, "2024-06-01 13:00", "2024-06-01 15:00")
    assert sorted(Award.objects.values_list("amount", flat=True)) == [
        *[0, 0, 0, 20, 20, 20, 20, 25, 30, 40, 50, 60, 80, 90, 180],
    ]
    return sources


def test_an_untouched_year_recomputes_without_difference(lake, year):
    recomputation = Recomputation(lake)

    assert list(recomputation) == []
    assert recomputation.awards == Award.objects.count() == 15


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_the_cap_is_known_across_what_is_read_at_once(lake, year, at_once):
    recomputation = Recomputation(lake, at_once=at_once)

    assert list(recomputation) == []
    assert recomputation.awards == 15


def test_a_thousand_awards_take_as_many_statements_as_one(
    lake, wang, verified, reported, django_assert_num_queries
):
    verified(wang, "2024-03-01 13:00", "2024-03-01 15:00")
    reported(wang)
    statements = 15  # one for voids, one for what is to be awarded of each of five kinds
    with django_assert_num_queries(statements):
        assert told(lake) == []
    for day in range(2, 22):
        verified(wang, f"2024-03-{day:02} 13:00", f"2024-03-{day:02} 15:00")
        reported(wang)
    with django_assert_num_queries(statements):
        assert told(lake) == []


AWARD = "UPDATE points_award SET {change} WHERE source = '{source}'"
MOVED = "UPDATE points_transfer SET {change} WHERE key = '{source}'"
SERVED = "UPDATE volunteers_attendance SET {change} WHERE id = '{id}'"
# An hour longer, and the shift as well: beyond it nothing counts.
HOUR_LATER = "{column} = ({column} AT TIME ZONE 'UTC' + interval '1 hour') AT TIME ZONE 'UTC'"
LONGER = (
    SERVED.replace("{change}", HOUR_LATER.format(column="checked_out_at"))
    + f"; UPDATE volunteers_shift SET {HOUR_LATER.format(column='ends_at')}"
    " WHERE id = (SELECT shift_id FROM volunteers_attendance WHERE id = '{id}')"
)


@pytest.mark.parametrize(
    ("which", "statement", "differences"),
    [
        (
            "walk",
            LONGER,
            [
                "points is 20, should be 30; transfer.amount is 20, should be 30;"
                " inputs.checked_out_at is 2024-03-01T07:00:00+00:00,"
                " should be 2024-03-01T08:00:00+00:00;"
                " arithmetic.minutes is 120, should be 180;"
                " arithmetic.weighted_minutes_bp is 1200000, should be 1800000;"
                " arithmetic.points_before_cap is 20, should be 30;"
                " arithmetic.points is 20, should be 30;"
                " transfer.occurred_at is 2024-03-01T07:00:00+00:00,"
                " should be 2024-03-01T08:00:00+00:00"
            ],
        ),
        (
            "too short",  # earned nothing, so nothing was posted
            LONGER,
            [
                "points is 0, should be 10; transfer.amount is None, should be 10;"
                " inputs.checked_out_at is 2024-03-03T10:05:00+00:00,"
                " should be 2024-03-03T11:05:00+00:00;"
                " arithmetic.minutes is 5, should be 65;"
                " arithmetic.weighted_minutes_bp is 50000, should be 650000;"
                " arithmetic.points_before_cap is 0, should be 10;"
                " arithmetic.points is 0, should be 10"
            ],
        ),
        (
            "walk",
            SERVED.replace("{change}", "status = 'checked_out'"),
            ["record is checked_out, should be verified"],
        ),
        (
            "walk",
            SERVED.replace("{change}", "volunteer_id = '{li}'"),
            [
                "account is wallet points person:{wang}, should be wallet points person:{li};"
                " transfer.credit is wallet points person:{wang},"
                " should be wallet points person:{li}"
            ],
        ),
        (
            "walk",
            "DELETE FROM volunteers_attendance WHERE id = '{id}'",
            ["record is None, should be verified"],
        ),
        (
            "walk",
            "DELETE FROM points_award WHERE source = '{source}'",
            ["award is None, should be given"],
        ),
        (
            "hazard",
            "DELETE FROM points_award WHERE source = '{source}'",
            ["award is None, should be given"],
        ),
        ("walk", AWARD.replace("{change}", "amount = 21"), ["points is 21, should be 20"]),
        (
            "walk",
            AWARD.replace("{change}", "local_day = '2024-02-29'"),
            ["local_day is 2024-02-29, should be 2024-03-01"],
        ),
        (
            "walk",
            AWARD.replace("{change}", "account_id = '{wallet of li}'"),
            ["account is wallet points person:{li}, should be wallet points person:{wang}"],
        ),
        (
            "walk",
            AWARD.replace(
                "{change}",
                "rule_version_id = (SELECT id FROM points_ruleversion WHERE number = 2)",
            ),
            ["version is lake hours * 2, should be lake hours * 1"],
        ),
        (
            "walk",
            AWARD.replace("{change}", "source = 'hours:gone'"),
            [
                "hours:gone: record is None, should be verified",
                "award is None, should be given",
            ],
        ),
        (
            "walk",
            MOVED.replace("{change}", "amount = 200"),
            ["transfer.amount is 200, should be 20"],
        ),
        (
            "walk",
            MOVED.replace("{change}", "credit_id = '{wallet of li}'"),
            ["transfer.credit is wallet points person:{li}, should be wallet points person:{wang}"],
        ),
        (
            "walk",
            MOVED.replace("{change}", "debit_id = '{shop}'"),
            [
                "transfer.debit is merchant points merchant:1, should be issuance points",
            ],
        ),
        (
            "walk",
            MOVED.replace("{change}", "reason = 'gift', source = 'x:1', expires_on = NULL"),
            [
                "transfer.source is x:1, should be {source};"
                " transfer.reason is gift, should be hours;"
                " transfer.expires_on is None, should be {last day}"
            ],
        ),
        (
            "walk",
            MOVED.replace("{change}", "occurred_at = '2024-03-01 00:00Z', reverses_id = id"),
            [
                "transfer.occurred_at is 2024-03-01T00:00:00+00:00,"
                " should be 2024-03-01T07:00:00+00:00;"
                " transfer.reverses is {transfer}, should be None"
            ],
        ),
        (
            "walk",
            MOVED.replace(
                "{change}",
                """explanation = jsonb_set(explanation, '{{arithmetic,minutes}}', '"many"')""",
            ),
            ["arithmetic.minutes is many, should be 120"],
        ),
        (
            "walk",
            MOVED.replace("{change}", "key = 'x'"),
            ["transfer.key is x, should be {source}"],
        ),
        (
            "walk",
            "DELETE FROM points_transfer WHERE key = '{source}'",
            ["transfer.amount is None, should be 20"],
        ),
        (
            "rush",
            "UPDATE points_ruleversion"
            " SET parameters = jsonb_set(parameters, '{{points_per_hour}}', '20')"
            " WHERE parameters ? 'peak_windows'",
            [
                "points is 25, should be 50; transfer.amount is 25, should be 50;"
                " arithmetic.points_per_hour is 10, should be 20;"
                " arithmetic.points_before_cap is 25, should be 50;"
                " arithmetic.points is 25, should be 50",
                "{over midnight}: arithmetic.points_per_hour is 10, should be 20;"
                " arithmetic.points_before_cap is 105, should be 210",
            ],
        ),
        (
            "hazard",
            "UPDATE points_ruleversion SET parameters = '{{}}'"
            " WHERE parameters = '{{\"reward_points\": 20}}'",
            [
                "version is lake report hazard 1: rule_invalid, should be lake report hazard 1",
                "{other hazard}: version is lake report hazard 1: rule_invalid,"
                " should be lake report hazard 1",
            ],
        ),
        (
            "hazard",
            "UPDATE volunteers_report SET category = 'facility' WHERE id = '{id}'",
            ["inputs.reported_as is hazard, should be facility"],
        ),
        (
            "hazard",
            "UPDATE volunteers_report SET status = 'rejected' WHERE id = '{id}'",
            ["record is rejected, should be verified"],
        ),
        (
            "long",  # what followed on that day does not follow any more
            "DELETE FROM points_award WHERE source = '{source}'",
            [
                "{cut}: points is 30, should be 50; transfer.amount is 30, should be 50;"
                " arithmetic.awarded_that_day is 50, should be 0;"
                " arithmetic.points is 30, should be 50",
                "{nothing left}: points is 0, should be 10;"
                " transfer.amount is None, should be 10;"
                " arithmetic.awarded_that_day is 80, should be 30;"
                " arithmetic.points is 0, should be 10",
                "award is None, should be given",
            ],
        ),
    ],
)
def test_each_change_behind_our_back_is_named(lake, wang, li, year, which, statement, differences):
    source = year[which]
    names = year | {
        "source": source,
        "id": source.partition(":")[2],
        "wang": wang.pk,
        "li": li.pk,
        "wallet of li": ledger.wallet(community=lake, person_id=li.pk).pk,
        "shop": ledger.account(community=lake, kind=AccountKind.MERCHANT, holder="merchant:1").pk,
        "last day": lake.today + timedelta(days=expiry.AT_LEAST_DAYS),
        "transfer": Transfer.objects.filter(key=source).values_list("pk", flat=True).first(),
        "other hazard": Award.objects.exclude(source=year["hazard"])
        .get(source__startswith="report:")
        .source,
    }

    tamper(statement.format(**names))

    expected = [line.format(**names) for line in differences]
    assert sorted(told(lake)) == sorted(
        line if line.startswith(("hours:", "report:")) else f"{source}: {line}" for line in expected
    )


def test_a_record_that_was_voided_has_to_be_reversed_whole(lake, wang, verified, reverse):
    source = verified(wang, "2024-03-01 13:00", "2024-03-01 15:00")
    tamper("UPDATE volunteers_attendance SET status = 'rejected'")
    still_there = [f"{source}: record is rejected, should be verified"]

    assert told(lake) == still_there
    reverse(source, 15)
    assert told(lake) == still_there
    reverse(source)
    assert told(lake) == []


def test_an_award_follows_the_version_that_was_published_by_then(lake, wang, verified):
    source = verified(wang, "2024-03-01 13:00", "2024-03-01 15:00")
    rules.publish(
        community=lake,
        subject=Rule.Subject.HOURS,
        category="*",
        parameters={"points_per_hour": 20},
        valid_from=date(2024, 1, 1),
    )
    second = "UPDATE points_ruleversion SET published_at = now() {moment} WHERE number = 2"

    tamper(second.format(moment="+ interval '1 second'"))
    assert told(lake) == []
    tamper(second.format(moment="- interval '1 second'"))  # it may not have been seen
    assert told(lake) == []
    tamper(second.format(moment="- interval '1 hour'"))
    (difference,) = told(lake)
    assert difference.startswith(
        f"{source}: version is lake hours * 1, should be lake hours * 2; points is 20, should be 40"
    )


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ("expires_on = '2099-12-31'", ["transfer.expires_on is 2099-12-31"]),
        (
            "expires_on = '2099-12-31', explanation ="
            " jsonb_set(explanation, '{expiry,expires_on}', '\"2099-12-31\"')",
            ["expiry.expires_on is 2099-12-31", "transfer.expires_on is 2099-12-31"],
        ),
        (
            "explanation = jsonb_set(explanation, '{expiry,at_least_days}', '366')",
            ["expiry.at_least_days is 366, should be 90"],
        ),
        (
            "explanation = jsonb_set(explanation, '{expiry,policy}', '\"never\"')",
            ["expiry.policy is never, should be end_of_next_year"],
        ),
        ("explanation = explanation - 'expiry'", ["expiry.posted_on is None"]),
    ],
)
def test_how_long_its_points_last_follows_from_when_it_was_posted(
    lake, wang, verified, change, differs
):
    verified(wang, "2024-03-01 13:00", "2024-03-01 15:00")
    tamper(f"UPDATE points_transfer SET {change}")

    (difference,) = told(lake)
    assert all(one in difference for one in differs), difference


def test_an_award_posted_as_the_day_turned_is_of_the_day_that_it_says(lake, wang, verified):
    """The award's day was read just before midnight, and its row was written just after."""
    verified(wang, "2024-03-01 13:00", "2024-03-01 15:00")
    midnight = datetime.combine(
        lake.today + timedelta(days=1), time(), tzinfo=ZoneInfo(lake.timezone)
    )
    moved = "UPDATE points_transfer SET posted_at = '{}'"

    tamper(moved.format(midnight + timedelta(seconds=5)))
    assert told(lake) == []
    tamper(moved.format(midnight + timedelta(hours=1)))
    (difference,) = told(lake)
    assert "expiry.posted_on" in difference


def test_what_the_street_lends_counts_where_there_is_nothing_nearer(
    lake, hill, wang, verified, reported
):
    Community.objects.filter(pk=hill.pk).update(kind="street")
    Community.objects.filter(pk=lake.pk).update(parent=hill)
    lake.refresh_from_db()
    rules.publish_all(
        community=hill,
        written={
            "service": {"巡逻": {"points_per_hour": 60}},
            "reports": {"facility": {"reward_points": 5}},
        },
        valid_from=date(2020, 1, 1),
    )
    expiry.set_policy(community=hill, kind=ExpiryPolicy.Kind.NEVER, valid_from=date(2020, 1, 1))

    verified(wang, "2024-03-01 13:00", "2024-03-01 14:00", "巡逻")  # by the lake's own "*"
    reported(wang, "facility")

    awarded = Award.objects.order_by("amount").values_list(
        "amount", "rule_version__community__code", "transfer__expires_on"
    )
    assert list(awarded) == [(5, "hill", None), (10, "lake", None)]
    assert told(lake) == []


@pytest.mark.django_db(transaction=True)
def test_awards_and_reversals_at_once_have_an_order(lake, wang, zhao, served, reverse, at_once):
    """Four mistakes are taken back while the right hours are verified, all of one day."""
    clock = ZoneInfo(lake.timezone)
    begin = [datetime(2024, 3, 1, hour, tzinfo=clock) for hour in range(9)]

    def hour(number):
        times = (f"{at:%Y-%m-%d %H:%M}" for at in (begin[number], begin[number + 1]))
        return served(wang, *times)

    mistaken = [
        hours.verify(attendance=hour(number), verifier=zhao)[1].source for number in range(4)
    ]
    right = [hour(number) for number in range(4, 8)]

    def work(number):
        if number % 2:
            return reverse(mistaken[number // 2]).amount
        return hours.verify(attendance=right[number // 2], verifier=zhao)[1].amount

    assert at_once(8, work) == [10] * 8
    recomputation = Recomputation(lake)
    assert list(recomputation) == []
    assert recomputation.awards == 8


# --- as a check -----------------------------------------------------------------------------------


def test_what_differs_is_told_by_the_award_and_a_missing_one_by_its_record(lake, year):
    tamper(
        f"UPDATE points_award SET amount = 21 WHERE source = '{year['walk']}'",
        f"DELETE FROM points_award WHERE source = '{year['hazard']}'",
    )

    differs = {
        "table": "points_award",
        "row": str(Award.objects.get(source=year["walk"]).pk),
        "source": year["walk"],
        "found": {"points": 21},
        "expected": {"points": 20},
    }
    missing = {
        "table": "volunteers_report",
        "row": year["hazard"].partition(":")[2],
        "source": year["hazard"],
        "found": {"award": None},
        "expected": {"award": "given"},
    }
    told = [json.loads(json.dumps(asdict(difference))) for difference in Recomputation(lake)]
    assert told == [differs, missing]
    assert [
        (one.check, one.table, one.row, one.because)
        for one in found_in(lake, Kind.AWARDS)
        if one.check == "rederived"
    ] == [
        (
            "rederived",
            "points_award",
            differs["row"],
            f"{year['walk']}: points is 21, should be 20",
        ),
        (
            "rederived",
            "volunteers_report",
            missing["row"],
            f"{year['hazard']}: award is None, should be given",
        ),
    ]


def test_of_what_is_new_whole_days_are_derived_anew(lake, wang, year, verified, reverse):
    """The part that a day's cap cut depends on all awards of the day; other days are not read."""
    tamper(
        # All that was there is of days ago; the day of "long" and "cut" goes on below.
        "UPDATE points_award SET id = overlay(id::text PLACING '01900000' FROM 1)::uuid",
        "UPDATE points_reversal SET id = overlay(id::text PLACING '01900000' FROM 1)::uuid",
        f"UPDATE points_award SET amount = 21 WHERE source IN ('{year['walk']}', '{year['cut']}')",
    )
    since = timezone.now()
    new = verified(wang, "2024-03-02 19:00", "2024-03-02 20:00")

    def derived(**when):
        recomputation = Recomputation(lake, scope=Scope(lake, **when))
        return [one.source for one in recomputation], recomputation.awards

    # What "cut" says it brought is what it left of the cap to the one after it.
    that_day = [year["cut"], year["nothing left"]]
    assert derived(since=since) == (that_day, 4)
    assert derived() == ([year["walk"], *that_day], 16)
    assert derived(since=since + timedelta(days=1)) == ([], 0)
    tamper(f"DELETE FROM points_award WHERE source IN ('{new}', '{year['walk']}')")
    tamper(
        f"UPDATE volunteers_attendance SET verified_at = '{since - timedelta(days=2)}'"
        f" WHERE id = '{year['walk'].partition(':')[2]}'"
    )
    assert derived(since=since) == ([new], 0)


def test_recomputing_writes_nothing(lake, year):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")
        assert told(lake) == []
        transaction.set_rollback(True)
