"""Awards: once for each record, capped by the day, explained to the last step."""

from datetime import UTC, date, datetime, timedelta

import pytest

from points.awards.errors import AwardSourceReused
from points.awards.selectors import explain
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.ledger.selectors import balance
from points.models import Award, Rule, Transfer
from points.rules import services as rules
from points.rules.errors import RuleMissing
from tests.points.earning import award_hours, award_report


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
            "points": 34,
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


def test_a_rule_lent_by_the_street_is_told_as_the_streets(award, lake, hill):
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
        person_id=lake.pk,
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
