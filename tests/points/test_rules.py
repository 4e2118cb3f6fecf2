"""Hours into points: the arithmetic of the scenarios' README, and what a rule may say."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from backend.communities.models import Community
from backend.communities.services import places
from backend.ids import new_id
from backend.sql import constraint_of
from points.models import Rule
from points.rules import selectors
from points.rules import services as rules
from points.rules.errors import CashNotAllowedForHours, RuleBackdated, RuleInvalid
from points.rules.services import HoursRule, hours_to_points, limited, peak_minutes

SHANGHAI = ZoneInfo("Asia/Shanghai")
TRAFFIC = HoursRule.read(
    {
        "points_per_hour": 10,
        "peak_windows": [["07:00", "09:00"], ["17:00", "19:00"]],
        "peak_multiplier_bp": 15000,
        "daily_cap_points": 90,
    }
)


def reckoned(rule, start, end, clock, awarded_that_day):
    earned, steps = hours_to_points(rule, start, end, clock)
    return limited(rule, earned, steps, awarded_that_day=awarded_that_day)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("checked_in", "checked_out", "earlier", "points"),
    [
        ("2024-01-01 09:00", "2024-01-01 10:00", 0, 10),  # an hour outside the rush
        ("2024-01-01 07:00", "2024-01-01 08:00", 0, 15),  # an hour inside it
        ("2024-01-01 06:30", "2024-01-01 09:30", 0, 40),  # 60 plain and 120 rush minutes
        ("2024-01-01 07:00", "2024-01-01 07:03", 0, 0),  # 0.75 is cut, not rounded
        ("2024-01-01 07:00", "2024-01-01 07:04", 0, 1),
        ("2024-01-01 16:59", "2024-01-01 19:01", 0, 30),  # 2 plain and 120 rush: 30.33
        ("2024-01-01 07:00", "2024-01-01 17:00", 0, 90),  # 110 before the cap
        ("2024-01-01 07:00", "2024-01-01 08:00", 80, 10),  # what the cap leaves of 15
        ("2024-01-01 07:00", "2024-01-01 08:00", 90, 0),  # nothing left
        ("2024-01-01 18:30", "2024-01-02 07:30", 0, 90),  # over midnight: 135 before the cap
        ("2024-02-29 07:00", "2024-02-29 09:00", 0, 30),  # a leap day is a day
        ("2024-01-01 07:00", "2024-01-01 07:00", 0, 0),  # no time at all
    ],
)
def test_worked_examples(checked_in, checked_out, earlier, points):
    earned, arithmetic = reckoned(TRAFFIC, at(checked_in), at(checked_out), SHANGHAI, earlier)

    assert earned == points
    assert arithmetic["points"] == points


def test_the_arithmetic_is_told_step_by_step():
    _, arithmetic = reckoned(TRAFFIC, at("2024-01-01 06:30"), at("2024-01-01 09:30"), SHANGHAI, 60)

    assert arithmetic == {
        "minutes": 180,
        "peak_minutes": 120,
        "peak_multiplier_bp": 15000,
        "weighted_minutes_bp": 60 * 10000 + 120 * 15000,
        "points_per_hour": 10,
        "points_before_cap": 40,
        "daily_cap_points": 90,
        "awarded_that_day": 60,
        "points": 30,
    }


def test_seconds_do_not_count():
    start, end = at("2024-01-01 09:00:59"), at("2024-01-01 10:00:01")

    assert rules.minutes_between(start, end) == 60


@pytest.mark.parametrize(
    ("since", "until", "minutes", "peak"),
    [
        ("2024-03-10 00:30", "2024-03-10 06:30", 300, 180),  # 02:00 to 03:00 is skipped
        ("2024-11-03 00:30", "2024-11-03 06:30", 420, 300),  # 01:00 to 02:00 comes twice
    ],
)
def test_minutes_are_real_ones_where_clocks_change(since, until, minutes, peak):
    new_york = ZoneInfo("America/New_York")
    rule = HoursRule.read(
        {"points_per_hour": 60, "peak_windows": [["01:00", "05:00"]], "peak_multiplier_bp": 20000}
    )
    start, end = (
        datetime.fromisoformat(moment).replace(tzinfo=new_york) for moment in (since, until)
    )

    _, arithmetic = reckoned(rule, start, end, new_york, 0)

    assert (arithmetic["minutes"], arithmetic["peak_minutes"]) == (minutes, peak)


moments = st.datetimes(datetime(2023, 12, 30), datetime(2024, 3, 5)).map(
    lambda naive: naive.replace(second=0, microsecond=0, tzinfo=SHANGHAI)
)


@given(start=moments, minutes=st.integers(0, 3000))
def test_rush_minutes_agree_with_counting_one_by_one(start, minutes):
    def is_rush(moment: datetime) -> bool:
        return 7 <= moment.hour < 9 or 17 <= moment.hour < 19

    counted = sum(is_rush(start + timedelta(minutes=n)) for n in range(minutes))

    assert peak_minutes(TRAFFIC, start, start + timedelta(minutes=minutes), SHANGHAI) == counted


def test_a_minute_in_two_windows_counts_once():
    rule = HoursRule.read(
        {
            "points_per_hour": 60,
            "peak_windows": [["08:00", "10:00"], ["09:00", "11:00"], ["22:00", "24:00"]],
            "peak_multiplier_bp": 20000,
        }
    )

    assert peak_minutes(rule, at("2024-01-01 00:00"), at("2024-01-02 00:00"), SHANGHAI) == 300


@pytest.mark.parametrize(
    ("parameter", "parameters"),
    [
        ("points_per_hour", {}),
        ("points_per_hour", {"points_per_hour": "10"}),
        ("backfilled", {"points_per_hour": 10, "backfilled": "no"}),
        ("points_per_hour", {"points_per_hour": -1}),
        ("points_per_hour", {"points_per_hour": True}),
        ("points_per_hour", {"points_per_hour": 10**7}),
        ("daily_cap_points", {"points_per_hour": 1, "daily_cap_points": 1.5}),
        ("peak_windows", {"points_per_hour": 1, "peak_windows": "07:00"}),
        ("peak_windows", {"points_per_hour": 1, "peak_windows": [["9:00", "10:00"]]}),
        ("peak_windows", {"points_per_hour": 1, "peak_windows": [["22:00", "02:00"]]}),
        ("peak_windows", {"points_per_hour": 1, "peak_windows": [["24:30", "25:00"]]}),
        ("peak_multiplier_bp", {"points_per_hour": 1, "peak_windows": [["07:00", "09:00"]]}),
        ("peak_multiplier_bp", {"points_per_hour": 1, "peak_multiplier_bp": "x"}),
        ("points_an_hour", {"points_an_hour": 1}),
    ],
)
def test_what_is_not_a_rule_is_refused_and_named(lake, parameter, parameters):
    with pytest.raises(RuleInvalid) as refusal:
        rules.publish(
            community=lake,
            subject=Rule.Subject.HOURS,
            category="巡逻",
            parameters=parameters,
            valid_from=date(2024, 1, 1),
        )

    assert refusal.value.facts == {"parameter": parameter}
    assert not Rule.objects.filter(category="巡逻").exists()


@pytest.mark.parametrize(
    ("parameter", "parameters"),
    [
        ("reward_fen", {"points_per_hour": 1, "reward_fen": 5}),
        ("reward_fen", {"points_per_hour": 1, "reward_fen": 0}),
        ("fen_per_hour_fen", {"fen_per_hour_fen": 2_000}),
        ("reward_fen", {"bonus": 1, "reward_fen": 5}),
    ],
)
def test_cash_never_rewards_hours(lake, parameter, parameters):
    with pytest.raises(CashNotAllowedForHours) as refusal:
        rules.publish(
            community=lake,
            subject=Rule.Subject.HOURS,
            category="巡逻",
            parameters=parameters,
            valid_from=date(2024, 1, 1),
        )

    assert refusal.value.facts == {"parameter": parameter}
    assert not Rule.objects.filter(category="巡逻").exists()


def test_a_file_of_rules_says_which_one_pays_cash(hill):
    written = {"service": {"巡逻": {"points_per_hour": 1}, "探访": {"reward_fen": 5}}}

    with pytest.raises(CashNotAllowedForHours) as refusal:
        rules.publish_all(community=hill, written=written, valid_from=date(2024, 1, 1))

    assert refusal.value.facts == {
        "section": "service",
        "category": "探访",
        "parameter": "reward_fen",
    }
    assert not Rule.objects.filter(community=hill).exists()


@pytest.mark.parametrize("category", ["", "类" * 41])
def test_a_category_has_1_to_40_characters(lake, category):
    with pytest.raises(RuleInvalid) as refusal:
        publish(lake, 10, category=category)

    assert refusal.value.facts == {"parameter": "category"}


def publish(community, points_per_hour, category="*", **days):
    return rules.publish(
        community=community,
        subject=Rule.Subject.HOURS,
        category=category,
        parameters={"points_per_hour": points_per_hour},
        **{"valid_from": date(2024, 1, 1)} | days,
    )


def rate(community, category, day):
    found = selectors.rules_for(community, Rule.Subject.HOURS, [(category, day)])
    return found[category, day].parameters["points_per_hour"] if found else None


def test_the_latest_version_valid_that_day_counts(hill):
    publish(hill, 1)
    publish(hill, 2, valid_from=date(2024, 6, 1), valid_to=date(2024, 6, 30))

    days = [date(2023, 12, 31), date(2024, 5, 31), date(2024, 6, 1), date(2024, 6, 30)]
    assert [rate(hill, "x", day) for day in [*days, date(2024, 7, 1)]] == [None, 1, 2, 2, 1]


def test_publishing_the_same_again_makes_no_new_version(hill):
    assert publish(hill, 1).pk == publish(hill, 1).pk
    assert publish(hill, 2).number == 2


@pytest.mark.django_db(transaction=True)
def test_versions_published_at_once_are_numbered_in_turn(hill, at_once):
    """The first of them also makes the rule."""
    numbers = at_once(6, lambda rate: publish(hill, rate).number)

    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("by_hand", "refused_by"),
    [
        ({"number": 1}, "rule_version_once"),
        ({"number": 2, "valid_to": date(2023, 12, 31)}, "rule_version_days_in_order"),
    ],
)
def test_the_database_refuses_a_version_that_can_not_be(hill, by_hand, refused_by):
    version = publish(hill, 1)

    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        insert(version, **by_hand)

    assert constraint_of(refusal.value) == refused_by


def test_a_version_is_not_changed_by_way_of_inserting_it_again(hill):
    version = publish(hill, 1)

    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        insert(
            version,
            "ON CONFLICT (community_id, rule_id, number) DO UPDATE SET parameters = '{}'",
            number=1,
        )


def insert(version, clause="", *, number, valid_to=None):
    """A version beside ``version``, by hand."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO points_ruleversion"
            " (id, community_id, rule_id, number, parameters, valid_from, valid_to)"
            f" VALUES (%s, %s, %s, %s, '{{}}', %s, %s) {clause}",
            [
                new_id(),
                version.community_id,
                version.rule_id,
                number,
                version.valid_from,
                valid_to,
            ],
        )


# --- while the community is at work -----------------------------------------------------------
def announce(community, valid_from):
    return rules.announce(
        community=community,
        subject=Rule.Subject.HOURS,
        category="*",
        parameters={"points_per_hour": 1},
        valid_from=valid_from,
    )


@pytest.mark.parametrize("timezone_name", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_what_is_announced_begins_today_at_the_earliest(db, timezone_name):
    """25 hours apart, so in one of them today is not the day it is in UTC."""
    island = places.found(code="island", name="岛", timezone=timezone_name)
    today = timezone.now().astimezone(ZoneInfo(timezone_name)).date()

    with pytest.raises(RuleBackdated) as refusal:
        announce(island, today - timedelta(days=1))

    assert refusal.value.facts == {"today": today.isoformat()}
    assert not Rule.objects.filter(community=island).exists()
    assert announce(island, today).valid_from == today
    assert announce(island, today + timedelta(days=1)).number == 2


@pytest.fixture
def street_and_community(db):
    street = places.found(code="street", name="街道", kind=Community.Kind.STREET)
    return street, places.found(code="river", name="河畔社区", parent=street)


def test_rules_are_inherited_from_the_street_unless_overridden(street_and_community):
    street, river = street_and_community
    publish(street, 5, category="巡逻")
    publish(street, 3)
    day = date(2024, 2, 1)
    assert (rate(river, "巡逻", day), rate(river, "探访", day)) == (5, 3)

    publish(river, 9)

    assert (rate(river, "巡逻", day), rate(river, "探访", day)) == (9, 9)
    assert rate(street, "巡逻", day) == 5


@pytest.mark.parametrize("valid_to", [date(2023, 12, 31)])
def test_a_rule_ends_after_it_begins(hill, valid_to):
    with pytest.raises(RuleInvalid):
        publish(hill, 1, valid_to=valid_to)


def applying(community, day):
    """The rules that apply, as ``street 巡逻``."""
    return {
        f"{rule.community.code} {rule.category}"
        for rule in selectors.rules_applying_in(community, day)
    }


def test_the_rules_that_apply_are_the_own_ones_and_those_lent(street_and_community, hill):
    street, river = street_and_community
    day = date(2024, 2, 1)
    publish(street, 5, category="巡逻")
    publish(street, 3)
    publish(hill, 7, category="探访")
    assert applying(river, day) == {"street 巡逻", "street *"}

    publish(river, 6, category="巡逻")
    assert applying(river, day) == {"river 巡逻", "street *"}

    publish(river, 9, valid_from=date(2024, 2, 1), valid_to=date(2024, 2, 29))
    assert applying(river, day) == {"river 巡逻", "river *"}
    # Before it counts and after, what the street says about all others is lent.
    for other_day in (date(2024, 1, 31), date(2024, 3, 1)):
        assert applying(river, other_day) == {"river 巡逻", "river *", "street *"}
    assert applying(street, day) == {"street 巡逻", "street *"}


def test_of_what_the_street_lends_only_what_counts_now_or_later_applies(street_and_community):
    street, river = street_and_community
    publish(street, 1, category="扫雪", valid_to=date(2024, 1, 31))
    publish(street, 1, category="防汛", valid_from=date(2024, 6, 1))

    assert applying(river, date(2024, 1, 31)) == {"street 扫雪", "street 防汛"}
    assert applying(river, date(2024, 2, 1)) == {"street 防汛"}
    assert applying(street, date(2024, 2, 1)) == {"street 扫雪", "street 防汛"}


def test_the_versions_from_a_day_on_leave_out_what_is_over(hill):
    publish(hill, 1, valid_to=date(2024, 1, 31))
    publish(hill, 2)
    publish(hill, 3, valid_from=date(2024, 6, 1))

    def numbers(day):
        (told,) = selectors.rules_told_in(hill, day)
        return [version.number for version in told.versions_to_come]

    assert numbers(date(2024, 1, 31)) == [1, 2, 3]
    assert numbers(date(2024, 2, 1)) == [2, 3]
