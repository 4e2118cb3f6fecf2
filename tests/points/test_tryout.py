"""A draft rule on a past period: what it would have cost, who gains and who loses."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.communities.models import Community
from backend.communities.services import places
from points.awards.kinds import Facts
from points.awards.services import awards
from points.awards.services.tryout import tryout
from points.ledger import services as ledger
from points.ledger.errors import PeriodInvalid
from points.models import Award, Rule
from points.rules import services as rules
from points.rules.errors import CashNotAllowedForHours, RuleInvalid
from tests.points.earning import award_hours, award_report
from volunteers.attendance.awards import BACKFILLED
from volunteers.attendance.awards import HOURS as HOURS_AWARDS

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOURS, REPORT = Rule.Subject.HOURS, Rule.Subject.REPORT
MARCH = {"since": date(2024, 3, 1), "until": date(2024, 3, 31)}
# As the lake has them.
ORDINARY = {"points_per_hour": 10, "daily_cap_points": 80}
TRAFFIC = {
    "points_per_hour": 10,
    "peak_windows": [["07:00", "09:00"], ["17:00", "19:00"]],
    "peak_multiplier_bp": 15000,
    "daily_cap_points": 90,
}


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def earn(community, user, checked_in, minutes, category):
    checked_in_at = local(checked_in)
    return award_hours(
        community=community,
        person_id=user.pk,
        source=f"hours:{user.pk}:{category}:{checked_in}",
        category=category,
        checked_in_at=checked_in_at,
        checked_out_at=checked_in_at.astimezone(UTC) + timedelta(minutes=minutes),
    )


def publish(community, category, parameters, **days):
    return rules.publish(
        community=community,
        subject=HOURS,
        category=category,
        parameters=parameters,
        **{"valid_from": date(2020, 1, 1)} | days,
    )


def changes(trial):
    """Return gains and losses as ``{holder: (before, after)}``."""
    return {
        change.holder: (change.points_before, change.points_after)
        for change in [*trial.gains, *trial.losses]
    }


def named(*people):
    return {f"person:{person.pk}": person.username for person in people}


@pytest.fixture
def march(lake, wang, li):
    """Awards of March 2024 at the lake: 110 points of 王小明 and 30 of 李阿姨."""
    given = [
        earn(lake, wang, "2024-03-01 09:00", 180, "邻里服务"),
        earn(lake, wang, "2024-03-01 13:00", 360, "便民活动"),  # 60, of which the cap leaves 50
        earn(lake, wang, "2024-03-02 07:00", 120, "交通劝导"),
        earn(lake, li, "2024-03-02 09:00", 60, "交通劝导"),
        award_report(
            community=lake,
            person_id=li.pk,
            source="report:1",
            category="hazard",
            verified_at=local("2024-03-03 10:00"),
        ),
    ]
    assert [award.amount for award in given] == [30, 50, 30, 10, 20]


@pytest.mark.parametrize(
    ("subject", "category", "parameters", "under_draft", "changed"),
    [
        # the rules in force
        (HOURS, "*", ORDINARY, 2, {}),
        (HOURS, "交通劝导", TRAFFIC, 2, {}),
        (REPORT, "hazard", {"reward_points": 20}, 1, {}),
        # 60 and 120, under one cap for all categories without a rule of their own
        (HOURS, "*", {"points_per_hour": 20, "daily_cap_points": 100}, 2, {"wang": (110, 130)}),
        (HOURS, "*", {"points_per_hour": 5}, 2, {"wang": (110, 75)}),
        # no rush hours: 24 for 30, and 12 for 10
        (HOURS, "交通劝导", {"points_per_hour": 12}, 2, {"wang": (110, 104), "li": (30, 32)}),
        # a rule of its own has a cap of its own
        (HOURS, "便民活动", ORDINARY, 1, {"wang": (110, 120)}),
        (REPORT, "hazard", {"reward_points": 5}, 1, {"li": (30, 15)}),
        # hazards have a rule of their own, and nobody cleaned
        (REPORT, "*", {"reward_points": 99}, 0, {}),
        (HOURS, "清扫", {"points_per_hour": 99}, 0, {}),
        # a category of hours is not one of reports
        (REPORT, "交通劝导", {"reward_points": 99}, 0, {}),
    ],
)
def test_worked_examples(
    lake, wang, li, march, subject, category, parameters, under_draft, changed
):
    trial = tryout(
        community=lake, subject=subject, category=category, parameters=parameters, **MARCH
    )

    who = named(wang, li)
    assert {who[holder]: points for holder, points in changes(trial).items()} == changed
    difference = sum(after - before for before, after in changed.values())
    assert (trial.cost.points_before, trial.cost.points_difference) == (140, difference)
    assert trial.cost.points_after == 140 + difference
    assert (trial.awards, trial.awards_under_draft, trial.volunteers) == (5, under_draft, 2)


@pytest.mark.parametrize(
    ("since", "until", "tried"),
    [
        (date(2024, 2, 28), date(2024, 2, 29), 0),
        (date(2024, 2, 29), date(2024, 3, 1), 1),
        (date(2024, 3, 1), date(2024, 3, 1), 1),
        (date(2024, 3, 1), date(2024, 3, 2), 2),
        (date(2024, 3, 3), date(2024, 3, 9), 0),
        (date(2024, 1, 1), date(2024, 12, 31), 2),  # 366 days
    ],
)
def test_a_period_is_of_the_communitys_days_with_both_its_ends(lake, wang, since, until, tried):
    earn(lake, wang, "2024-03-01 00:00", 60, "邻里服务")  # still February in UTC
    earn(lake, wang, "2024-03-02 23:59", 60, "邻里服务")

    trial = tryout(
        community=lake,
        subject=HOURS,
        category="*",
        parameters={"points_per_hour": 11},
        since=since,
        until=until,
    )

    assert trial.awards == tried
    assert trial.volunteers == min(tried, 1)
    assert (trial.cost.points_before, trial.cost.points_after) == (10 * tried, 11 * tried)


@pytest.mark.parametrize(
    ("refusal", "facts", "draft"),
    [
        (PeriodInvalid, {"most_days": 366}, {"since": date(2024, 4, 1)}),
        (PeriodInvalid, {"most_days": 366}, {"until": date(2025, 3, 2)}),  # 367 days
        (RuleInvalid, {"parameter": "points_per_hour"}, {"parameters": {}}),
        (RuleInvalid, {"parameter": "category"}, {"category": "类" * 41}),
        (
            CashNotAllowedForHours,
            {"parameter": "reward_fen"},
            {"parameters": {"points_per_hour": 1, "reward_fen": 5}},
        ),
    ],
)
def test_what_can_not_be_tried_is_refused(lake, refusal, facts, draft):
    with pytest.raises(refusal) as refused:
        tryout(
            **{
                "community": lake,
                "subject": HOURS,
                "category": "*",
                "parameters": {"points_per_hour": 1},
                **MARCH,
            }
            | draft
        )

    assert refused.value.facts == facts


@pytest.fixture
def river(db):
    """A community below a street with rules, of which it has overridden none."""
    street = places.found(code="street", name="街道", kind=Community.Kind.STREET)
    publish(street, "巡逻", {"points_per_hour": 5})
    publish(street, "*", {"points_per_hour": 3})
    return places.found(code="river", name="河畔社区", parent=street)


@pytest.mark.parametrize(
    ("category", "points_after"),
    [
        ("巡逻", 20 + 3 + 9),  # before the street's rule for it
        ("探访", 5 + 20 + 9),  # before the street's rule for all
        ("*", 20 + 20 + 9),  # before both, but after the community's own rule
        ("慰问", 5 + 3 + 20),
    ],
)
def test_a_draft_comes_before_what_the_street_lends(river, person, category, points_after):
    publish(river, "慰问", {"points_per_hour": 9})
    zhou = person("zhou")
    for patrol in ("巡逻", "探访", "慰问"):
        earn(river, zhou, "2024-03-01 09:00", 60, patrol)

    trial = tryout(
        community=river,
        subject=HOURS,
        category=category,
        parameters={"points_per_hour": 20},
        **MARCH,
    )

    assert (trial.cost.points_before, trial.cost.points_after) == (5 + 3 + 9, points_after)


def test_what_falls_under_a_draft_for_all_is_what_had_no_rule_of_its_own_then(lake, wang):
    earn(lake, wang, "2024-03-01 09:00", 60, "巡逻")
    publish(lake, "巡逻", {"points_per_hour": 30}, valid_from=date(2024, 3, 2))
    earn(lake, wang, "2024-03-02 09:00", 60, "巡逻")

    trial = tryout(
        community=lake, subject=HOURS, category="*", parameters={"points_per_hour": 20}, **MARCH
    )

    assert trial.awards_under_draft == 1
    assert (trial.cost.points_before, trial.cost.points_after) == (10 + 30, 20 + 30)


@pytest.mark.parametrize(("rate", "side"), [(20, "gains"), (0, "losses")])
@pytest.mark.slow
def test_the_ten_who_gain_or_lose_most_are_named_most_first(lake, person, rate, side):
    crowd = {hours: person(f"p{hours}") for hours in (3, 1, 12, 5, 2, 7, 11, 4, 9, 6, 10, 8)}
    for hours, user in crowd.items():
        earn(lake, user, "2024-03-01 06:00", 60, "邻里服务")
        for day in range(2, hours + 1):
            earn(lake, user, f"2024-03-{day:02} 06:00", 60, "邻里服务")

    trial = tryout(
        community=lake, subject=HOURS, category="*", parameters={"points_per_hour": rate}, **MARCH
    )

    shown = {"gains": trial.gains, "losses": trial.losses}
    assert [change.holder for change in shown.pop(side)] == [
        f"person:{crowd[hours].pk}" for hours in range(12, 2, -1)
    ]
    assert [*shown.values()] == [[]]
    assert trial.volunteers == 12


def test_another_communitys_awards_are_none_of_the_drafts_business(lake, hill, wang):
    publish(hill, "*", {"points_per_hour": 10})
    earn(hill, wang, "2024-03-01 09:00", 60, "邻里服务")

    trial = tryout(
        community=lake, subject=HOURS, category="*", parameters={"points_per_hour": 20}, **MARCH
    )

    assert (trial.awards, trial.cost.points_before, trial.cost.points_after) == (0, 0, 0)


@pytest.mark.slow
def test_more_awards_than_are_fetched_at_once_all_count(lake, wang):
    """Five minutes earn nothing by the lake's rule, and 5 points at 60 an hour."""
    count = 4_001
    first = earn(lake, wang, "2024-03-01 09:00", 5, "邻里服务")
    Award.objects.bulk_create(
        Award(
            community=lake,
            source=f"hours:{number}",
            kind="hours",
            inputs_version=1,
            unit="points",
            account=first.account,
            rule_version=first.rule_version,
            local_day=first.local_day,
            amount=0,
            explanation_of_nothing=first.explanation,
        )
        for number in range(1, count)
    )

    trial = tryout(
        community=lake,
        subject=HOURS,
        category="*",
        parameters={"points_per_hour": 60, "daily_cap_points": 12_345},
        **MARCH,
    )

    assert (trial.awards, trial.awards_under_draft) == (count, count)
    assert (trial.cost.points_before, trial.cost.points_after) == (0, 12_345)


def test_nothing_is_written(lake, march):
    def rows():
        return {
            model._meta.label: model.objects.count()
            for model in apps.get_app_config("points").get_models()
        }

    before = rows()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        trial = tryout(
            community=lake, subject=HOURS, category="*", parameters={"points_per_hour": 20}, **MARCH
        )
        transaction.set_rollback(True)  # to the time when something could be written

    assert trial.cost.points_difference == 100
    assert rows() == before


# --- against publishing and awarding ----------------------------------------------------------
records = st.lists(
    st.tuples(
        st.integers(0, 2),  # who
        st.datetimes(datetime(2024, 3, 1), datetime(2024, 3, 4)).map(
            lambda moment: moment.isoformat(" ", "minutes")
        ),
        st.integers(0, 700),  # minutes
        st.sampled_from(["邻里服务", "便民活动", "交通劝导"]),
    ),
    max_size=10,
    unique_by=lambda record: (record[0], record[1], record[3]),  # a record earns once
)
drafts = st.fixed_dictionaries(
    {"points_per_hour": st.integers(0, 60)},
    optional={"daily_cap_points": st.integers(0, 120)},
) | st.fixed_dictionaries(
    {
        "points_per_hour": st.integers(0, 60),
        "peak_windows": st.just([["06:30", "09:00"], ["12:00", "24:00"]]),
        "peak_multiplier_bp": st.integers(0, 40_000),
    },
    optional={"daily_cap_points": st.integers(0, 120)},
)
FEW = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def crowd(person):
    return [person(f"p{number}") for number in range(3)]


def earned(community, crowd):
    """Return what each of the crowd now has in the community."""
    wallets = [ledger.wallet(community=community, person_id=user.pk) for user in crowd]
    return {wallet.holder: wallet.credits for wallet in wallets}


@FEW
@given(records=records)
def test_the_rule_in_force_changes_nothing(lake, crowd, records):
    with transaction.atomic():
        for who, checked_in, minutes, category in records:
            earn(lake, crowd[who], checked_in, minutes, category)

        for category, parameters in [("*", ORDINARY), ("交通劝导", TRAFFIC)]:
            trial = tryout(
                community=lake, subject=HOURS, category=category, parameters=parameters, **MARCH
            )
            assert trial.cost.points_before == sum(earned(lake, crowd).values())
            assert (trial.cost.points_difference, changes(trial)) == (0, {})
        transaction.set_rollback(True)


@FEW
@given(records=records, category=st.sampled_from(["*", "交通劝导"]), draft=drafts)
@pytest.mark.slow
def test_a_draft_brings_what_it_would_have_brought(lake, hill, crowd, records, category, draft):
    """A draft is compared with the hill, where it is the rule and all else is the same."""
    with transaction.atomic():
        for name, parameters in {"*": ORDINARY, "交通劝导": TRAFFIC, category: draft}.items():
            publish(hill, name, parameters)
        for who, *record in records:
            earn(lake, crowd[who], *record)
            earn(hill, crowd[who], *record)

        trial = tryout(community=lake, subject=HOURS, category=category, parameters=draft, **MARCH)

        before, after = earned(lake, crowd), earned(hill, crowd)
        assert changes(trial) == {
            holder: (points, after[holder])
            for holder, points in before.items()
            if points != after[holder]
        }
        assert trial.cost.points_after == sum(after.values())
        transaction.set_rollback(True)


def test_a_draft_can_leave_out_hours_from_paper(lake, wang):
    since = local("2024-03-02 09:00")
    for source, more in (("hours:paper", BACKFILLED), ("hours:tapped", {})):
        awards.award(
            HOURS_AWARDS,
            community=lake,
            person_id=wang.pk,
            source=source,
            facts=Facts(
                category="邻里服务",
                counts_from=since,
                occurred_at=since + timedelta(hours=1),
                more=more,
            ),
        )

    draft = {"points_per_hour": 10, "backfilled": False}
    tried = tryout(community=lake, subject=HOURS, category="*", parameters=draft, **MARCH)

    assert (tried.cost.points_before, tried.cost.points_after) == (20, 10)
