"""Awards: once for each record, capped by the day, explained to the last step."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction

from backend.errors import Refusal
from backend.notices.models import Notice
from points.awards.errors import AwardSourceReused
from points.awards.kinds import Facts
from points.awards.selectors import explain
from points.awards.services import awards
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.ledger.selectors import balance
from points.models import Award, Rule, Transfer
from points.rules import services as rules
from points.rules.errors import RuleMissing
from tests.points.earning import award_hours, award_report
from volunteers.attendance.awards import BACKFILLED, HOURS


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def award(lake, wang):
    """Awards 王小明 hours: ``award("hours:1", "2024-01-01 01:00", "2024-01-01 02:00")``, in UTC."""

    def give(source, checked_in, checked_out, category="邻里服务"):
        return award_hours(
            community=lake,
            person_id=wang.pk,
            source=source,
            category=category,
            checked_in_at=at(checked_in),
            checked_out_at=at(checked_out),
        )

    return give


def test_an_award_is_posted_and_says_why(award, lake, wang):
    given = award("hours:1", "2024-01-01 01:00", "2024-01-01 04:25")

    transfer = Transfer.objects.get()
    assert (given.amount, transfer.amount, transfer.key) == (34, 34, "hours:1")
    assert transfer.credit.holder == f"person:{wang.pk}"
    assert transfer.occurred_at == at("2024-01-01 04:25")
    rule = Rule.objects.get(community=lake, subject="hours", category="*")
    assert given.explanation == transfer.explanation
    assert transfer.explanation == {
        "kind": {"name": "hours", "inputs": 1},
        "rule": {"id": str(rule.pk), "subject": "hours", "category": "*", "version": 1},
        "inputs": {
            "category": "邻里服务",
            "checked_in_at": "2024-01-01T01:00:00+00:00",
            "checked_out_at": "2024-01-01T04:25:00+00:00",
            "timezone": "Asia/Shanghai",
        },
        "arithmetic": {
            "minutes": 205,
            "peak_minutes": 0,
            "peak_multiplier_bp": 10000,
            "weighted_minutes_bp": 2050000,
            "points_per_hour": 10,
            "points_before_cap": 34,
            "daily_cap_points": 80,
            "awarded_that_day": 0,
            "points": 34,
        },
        "expiry": {
            "served_on": "2024-01-01",
            "policy": "end_of_next_year",
            "months": None,
            "posted_on": lake.today.isoformat(),
            "at_least_days": 90,
            "expires_on": transfer.expires_on.isoformat(),
        },
    }
    assert transfer.expires_on == max(date(2025, 12, 31), lake.today + timedelta(days=90))


def test_the_dearest_hours_that_a_rule_may_write_are_awarded(lake, award):
    rules.publish(
        community=lake,
        subject=Rule.Subject.HOURS,
        category="邻里服务",
        parameters={
            "points_per_hour": rules.MOST,
            "peak_windows": [["00:00", "24:00"]],
            "peak_multiplier_bp": rules.MOST,
        },
        valid_from=date(2024, 1, 1),
    )

    given = award("hours:1", "2024-01-01 00:00", "2024-01-02 00:00")

    assert given.amount == given.transfer.amount == 24_000_000


def test_a_record_earns_once(award):
    first = award("hours:1", "2024-01-01 01:00", "2024-01-01 02:00")

    assert award("hours:1", "2024-01-01 01:00", "2024-01-01 02:00").pk == first.pk
    with pytest.raises(AwardSourceReused):
        award("hours:1", "2024-01-01 01:00", "2024-01-01 03:00")
    assert Transfer.objects.count() == 1


def test_the_cap_is_shared_by_all_categories_without_a_rule_of_their_own(award):
    records = [
        ("hours:1", "2024-01-01 01:00", "2024-01-01 06:00", "邻里服务", 50),
        ("hours:2", "2024-01-01 06:00", "2024-01-01 11:00", "便民活动", 30),  # 50 is cut
        ("hours:3", "2024-01-01 11:00", "2024-01-01 12:00", "邻里服务", 0),  # nothing is left
        ("hours:4", "2024-01-01 12:00", "2024-01-01 13:00", "交通劝导", 10),  # its own cap
    ]
    for source, checked_in, checked_out, category, points in records:
        assert award(source, checked_in, checked_out, category).amount == points


def test_earning_nothing_is_an_award_with_its_reason(award):
    nothing = award("hours:1", "2024-01-01 01:00", "2024-01-01 01:05")

    assert nothing.amount == 0
    assert nothing.transfer is None
    assert nothing.explanation["arithmetic"]["minutes"] == 5
    assert not Transfer.objects.exists()


def test_the_day_of_the_cap_is_that_of_the_check_in_by_the_communitys_clock(award):
    # 15:30 UTC is 23:30 in Shanghai; 16:30 UTC is the next day there.
    late = award("hours:1", "2024-01-01 15:30", "2024-01-02 00:30")
    early = award("hours:2", "2024-01-01 16:30", "2024-01-02 01:30")

    assert (late.local_day, late.amount) == (date(2024, 1, 1), 80)
    assert (early.local_day, early.amount) == (date(2024, 1, 2), 80)


def test_another_version_of_the_rule_shares_the_days_cap(award, lake):
    award("hours:1", "2024-01-01 01:00", "2024-01-01 08:00")
    rules.publish(
        community=lake,
        subject=Rule.Subject.HOURS,
        category="*",
        parameters={"points_per_hour": 20, "daily_cap_points": 80},
        valid_from=date(2024, 1, 1),
    )

    assert award("hours:2", "2024-01-01 08:00", "2024-01-01 09:00").amount == 10


def test_without_a_rule_nothing_is_awarded(hill, wang):
    with pytest.raises(RuleMissing) as refusal:
        award_report(
            community=hill,
            person_id=wang.pk,
            source="report:1",
            category="hazard",
            verified_at=at("2024-01-01 01:00"),
        )

    assert refusal.value.facts == {"category": "hazard", "day": "2024-01-01"}
    assert not Award.objects.exists()


def test_a_report_earns_its_categorys_reward_once(lake, wang):
    def report():
        return award_report(
            community=lake,
            person_id=wang.pk,
            source="report:1",
            category="hazard",
            verified_at=at("2024-01-01 01:00"),
        )

    assert report().pk == report().pk
    assert balance(ledger.wallet(community=lake, person_id=wang.pk)) == 20


# --- what was reversed ----------------------------------------------------------------------------


@pytest.fixture
def reverse(lake):
    """Takes back an award, or points of it: ``reverse("hours:1", 20)``."""

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


@pytest.mark.parametrize(
    ("reversed_points", "left"),
    [((), 30), ((50,), 80), ((None,), 80), ((20,), 50), ((20, 10), 60)],
)
def test_what_was_reversed_leaves_the_days_cap_free(award, reverse, reversed_points, left):
    award("hours:1", "2024-01-01 01:00", "2024-01-01 06:00")  # 50 of 80
    for points in reversed_points:
        reverse("hours:1", points)

    right = award("hours:2", "2024-01-01 06:00", "2024-01-01 15:00")

    assert right.amount == left
    assert right.explanation["arithmetic"]["awarded_that_day"] == 80 - left


def test_the_cap_is_free_of_what_was_reversed_but_is_still_owed(award, reverse, lake, wang):
    award("hours:1", "2024-01-01 01:00", "2024-01-01 06:00")
    wallet = ledger.wallet(community=lake, person_id=wang.pk)
    shop = ledger.account(community=lake, kind=AccountKind.MERCHANT, holder="merchant:1")
    ledger.post(
        ledger.Movement(
            debit=wallet, credit=shop, amount=45, key="tea", reason="x", source="test:tea"
        )
    )
    assert reverse("hours:1").outstanding == 45

    assert award("hours:2", "2024-01-01 06:00", "2024-01-01 15:00").amount == 80
    assert balance(wallet) == 35


def test_a_transfer_is_explained_from_its_rule_to_what_was_taken_back_of_it(
    award, reverse, lake, django_assert_max_num_queries
):
    given = award("hours:1", "2024-01-01 01:00", "2024-01-01 04:25", "交通劝导")
    taken = reverse("hours:1", 10)
    transfer = Transfer.objects.get(key="hours:1")

    with django_assert_max_num_queries(4):
        why = explain(transfer)

    version = given.rule_version
    moved = {
        "id": transfer.pk,
        "amount": 34,
        "reason": "hours",
        "source": "hours:1",
        "occurred_at": at("2024-01-01 04:25"),
        "posted_at": transfer.posted_at,
    }
    assert why == {
        "transfer": moved,
        "award": {
            "source": "hours:1",
            "local_day": date(2024, 1, 1),
            "unit": "points",
            "amount": 34,
            "awarded_at": Award.objects.get().awarded_at,
        },
        "rule_version": {
            "id": version.pk,
            "rule_id": version.rule_id,
            "subject": "hours",
            "category": "交通劝导",
            "number": 1,
            "parameters": version.parameters,
            "valid_from": date(2020, 1, 1),
            "valid_to": None,
            "place": {"code": "lake", "name": lake.name},
        },
        "inputs": given.explanation["inputs"],
        "arithmetic": given.explanation["arithmetic"],
        "reversals": [
            {
                "id": taken.pk,
                "amount": 10,
                "recovered": 10,
                "outstanding": 0,
                "reason": "mistake",
                "occurred_at": taken.occurred_at,
                "requested_at": taken.requested_at,
            }
        ],
        "reverses": None,
    }
    with django_assert_max_num_queries(4):
        why = explain(Transfer.objects.get(reverses=transfer))
    assert (why["reverses"], why["award"], why["rule_version"]) == (moved, None, None)


def test_a_rule_lent_by_the_street_is_told_as_the_streets(award, lake, hill, wang):
    hill.kind = "street"
    hill.save()
    lake.parent = hill
    lake.save()
    rules.publish(
        community=hill,
        subject=Rule.Subject.REPORT,
        category="facility",
        parameters={"reward_points": 5},
        valid_from=date(2020, 1, 1),
    )
    given = award_report(
        community=lake,
        person_id=wang.pk,
        source="report:1",
        category="facility",
        verified_at=at("2024-01-01 01:00"),
    )

    why = explain(given.transfer)

    assert why["rule_version"]["place"] == {"code": "hill", "name": hill.name}


def test_what_no_rule_brought_has_no_rule(grant_points, wang):
    grant_points(wang, 5)

    why = explain(Transfer.objects.get())

    assert {name: why[name] for name in ("award", "rule_version", "inputs", "reversals")} == {
        "award": None,
        "rule_version": None,
        "inputs": {},
        "reversals": [],
    }


# --- who is told --------------------------------------------------------------------------
def test_whoever_earned_points_is_told_once_what_for(lake, wang):
    earned = {"community": lake, "person_id": wang.pk, "category": "hazard"}
    for _ in range(2):
        given = award_report(source="report:1", verified_at=at("2024-01-01 01:00"), **earned)

    (notice,) = Notice.objects.all()
    assert (notice.kind, notice.recipient) == ("points_earned", wang)
    assert notice.target_id == given.transfer_id
    assert notice.facts == {"points": 20, "community": "碧沙湖社区"}


def test_of_hours_their_own_notice_says_what_they_earned(lake, wang):
    (given,) = awards.award_many(
        HOURS, community=lake, earnings=[hours_of(wang.pk, 1, "2024-03-01 01:00", 120)]
    )

    assert given.amount == 20
    assert not Notice.objects.exists()


# --- many at once -------------------------------------------------------------------------
def hours_of(person_id, number, checked_in, minutes, category="邻里服务", **more):
    since = at(checked_in)
    return awards.Earning(
        person_id=person_id,
        source=f"hours:many-{number}",
        facts=Facts(
            category=category,
            counts_from=since,
            occurred_at=since + timedelta(minutes=minutes),
            more=more,
        ),
    )


def what_came_of(lake, outcomes):
    """Outcomes as anybody may read them, and the books."""
    told = [
        one.code
        if isinstance(one, Refusal)
        else (one.source, one.amount, one.local_day, one.explanation, one.transfer is None)
        for one in outcomes
    ]
    moved = Transfer.objects.filter(community=lake).order_by("id")
    return told, list(moved.values_list("key", "amount", "credit__holder", "expires_on"))


def test_many_awards_are_those_that_one_by_one_are(lake, hill, wang, li):
    people = (wang.pk, li.pk)
    earnings = [
        # The cap of 80 a day cuts the third of a day; the hour after local midnight is the next.
        *(hours_of(people[n % 2], n, f"2024-03-0{n // 6 + 1} 0{n % 6}:00", 200) for n in range(12)),
        hours_of(wang.pk, "late", "2024-03-01 16:30", 60),
        hours_of(wang.pk, "nothing", "2024-03-05 01:00", 3),
        hours_of(li.pk, "rush", "2024-03-05 23:30", 120, "交通劝导"),
        hours_of(li.pk, "too-early", "2019-12-31 01:00", 60),
        hours_of(wang.pk, 0, "2024-03-01 00:00", 200),  # known by then
        hours_of(wang.pk, 2, "2024-03-01 02:00", 201),  # other contents
    ]

    def one_by_one():
        for one in earnings:
            try:
                yield awards.award(
                    HOURS,
                    community=lake,
                    person_id=one.person_id,
                    source=one.source,
                    facts=one.facts,
                )
            except Refusal as refusal:
                yield refusal

    with transaction.atomic():
        expected = what_came_of(lake, one_by_one())
        transaction.set_rollback(True)
    assert not Award.objects.exists()

    outcomes = awards.award_many(HOURS, community=lake, earnings=earnings)

    assert what_came_of(lake, outcomes) == expected
    assert [one.code for one in outcomes if isinstance(one, Refusal)] == [
        "rule_missing",
        "award_source_reused",
    ]
    again = awards.award_many(HOURS, community=lake, earnings=earnings[:3])
    assert [one.pk for one in again] == [one.pk for one in outcomes[:3]]
    assert Award.objects.count() == 15


def test_two_hundred_awards_take_a_posting_each_and_little_more(
    lake, person, django_assert_max_num_queries
):
    people = [person(f"helper{n}") for n in range(20)]
    earnings = [
        hours_of(people[n % 20].pk, n, f"2024-03-{n // 20 + 1:02} 01:00", 60) for n in range(200)
    ]

    with django_assert_max_num_queries(200 + 50):
        awards.award_many(HOURS, community=lake, earnings=earnings)

    assert Transfer.objects.count() == 200


@pytest.mark.django_db(transaction=True)
def test_wallets_opened_by_many_at_once_are_opened_once(lake, person, at_once):
    people = [person(f"helper{n}") for n in range(8)]

    def work(number):
        mine = people[number % 8 :] + people[: number % 8]
        earnings = [
            hours_of(one.pk, f"{number}-{one.username}", f"2024-03-0{number + 1} 01:00", 60)
            for one in mine
        ]
        return len(awards.award_many(HOURS, community=lake, earnings=earnings))

    assert at_once(6, work) == [8] * 6
    assert {balance(ledger.wallet(community=lake, person_id=one.pk)) for one in people} == {60}


@pytest.mark.parametrize(("rule", "points"), [({}, 10), ({"backfilled": False}, 0)])
def test_hours_from_paper_earn_unless_their_rule_says_otherwise(lake, wang, rule, points):
    rules.publish(
        community=lake,
        subject=Rule.Subject.HOURS,
        category="纸质",
        parameters={"points_per_hour": 10} | rule,
        valid_from=date(2024, 1, 1),
    )
    paper, tapped = (
        hours_of(wang.pk, name, f"2024-03-01 0{n}:00", 60, "纸质", **more)
        for n, (name, more) in enumerate({"paper": BACKFILLED, "tapped": {}}.items())
    )

    on_paper, on_the_day = awards.award_many(HOURS, community=lake, earnings=[paper, tapped])

    assert (on_paper.amount, on_the_day.amount) == (points, 10)
    why = on_paper.explanation
    assert why["inputs"]["is_backfilled"] is True
    assert why["arithmetic"]["backfilled"] is (points > 0)
    assert "backfilled" not in on_the_day.explanation["arithmetic"]
