"""Rewards of reports: by which rate, points or cash, in whose turn, and how one comes back."""

from datetime import date, timedelta

import hypothesis
import pytest
from django.db import IntegrityError, transaction
from hypothesis import strategies as st

from backend.communities.models import Role
from backend.communities.services import roles
from backend.sql import constraint_of
from points.awards.services.rederiving import Recomputation
from points.awards.services.tryout import tryout
from points.funds import errors as fund_errors
from points.funds import selectors as fund_selectors
from points.funds import services as funds
from points.kinds import AccountKind, Unit
from points.ledger.selectors import balance, wallet_of
from points.models import Account, Award, Claim, Fund, Recovery, Rule
from points.rules import services as rules
from points.rules.errors import RuleInvalid, RuleMissing
from points.rules.services import ReportRule, limited
from tests.verified import finding_in, found_in, untriggered
from volunteers.models import Confirmation, HandPayment, ReportCategory
from volunteers.people.services import people
from volunteers.reports import errors
from volunteers.reports.reward_selectors import rewards_in
from volunteers.reports.reward_states import RewardState, reward_states, rewards_of
from volunteers.reports.services import groups, handling, red_packets, rewards, submitting

CASH = {"reward_fen": 8_000, "fund": "红包"}


@pytest.fixture
def qian(lake, person):
    """钱书记, a manager: opens the fund and approves."""
    user = person("qian", "钱书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


@pytest.fixture
def fund(lake, qian) -> Fund:
    """红包 of this year, with 100 yuan in it; above 90 yuan two decide."""
    made = funds.open_fund(
        community=lake,
        name="红包",
        year=lake.today.year,
        unit=Unit.FEN,
        opened_by=qian,
        approval_above=9_000,
    )
    funds.top_up(fund=made, amount=10_000, reason="街道拨款", topped_up_by=qian)
    return made


@pytest.fixture
def ruled(lake):
    """Publishes what reports of a category earn: ``ruled("hazard", reward_points=5)``."""

    def publish(category="hazard", **parameters):
        return rules.publish(
            community=lake,
            subject=Rule.Subject.REPORT,
            category=category,
            parameters=parameters,
            valid_from=date(2020, 1, 1),
        )

    return publish


@pytest.fixture
def submitted(lake, wang):
    """A report of Wang's, or of somebody else: ``submitted(by=li, category="hotline")``."""

    def submit(by=wang, **facts):
        facts = {"category": "hazard", "text": "井盖松动"} | facts
        return submitting.submit(community=lake, reporter=by, **facts)

    return submit


@pytest.fixture
def closed(submitted, zhao):
    """A report that was submitted and closed."""

    def close(**facts):
        return handling.close(report=submitted(**facts), handler=zhao)[0]

    return close


@pytest.fixture
def neighbours(lake, person):
    """Volunteers as many as wanted: ``neighbours(5)``."""

    def enrol(count):
        made = [person(f"neighbour{number}") for number in range(count)]
        for user in made:
            people.enrol(user=user, community=lake, kind="resident")
        return made

    return enrol


def confirm(report, *users):
    return [
        Confirmation.objects.create(community=report.community, report=report, confirmer=user)
        for user in users
    ]


def claim_of(report) -> Claim:
    return Award.objects.get(source=report.award_source).claim


def state_of(report) -> str:
    report.refresh_from_db()
    return reward_states(report.community_id, [report])[report.pk]


def on_its_way(claim) -> HandPayment:
    """Record a payment by hand of what is payable, by whoever closed the report."""
    reward = rewards_in(claim.community).get(pk=claim.pk)
    return red_packets.pay_by_hand(reward=reward, reference="收据", recorded_by=claim.asked_by)


def arrived(payment: HandPayment) -> None:
    red_packets.confirm(payment=payment, confirmed_by=payment.claim.fund.opened_by)


def pay(claim) -> int:
    """Pay by hand what is payable now. Returns how much."""
    amount = funds.payable(claim=claim)
    if amount:
        arrived(on_its_way(claim))
    return amount


def paid_out(lake) -> int:
    """Return the fen that are outside, by the books."""
    accounts = Account.objects.filter(community=lake, kind=AccountKind.PAYOUT, unit=Unit.FEN)
    return sum(map(balance, accounts))


def left_in(fund) -> int:
    return balance(Account.objects.get(pk=fund.account_id))


def reopened(report):
    return handling.reopen(report=report, reopener=report.closed_by, reason="又松了")


def is_sound(lake):
    assert list(Recomputation(lake)) == []
    assert found_in(lake) == []


# --- rates --------------------------------------------------------------------------------------
RATES = [
    {"colour": "red", "reward_points": 30},
    {"group": "rider", "reward_points": 40},
    {"colour": "red", "group": "grid", "reward_points": 50},
    {"colour": "red", "group": "rider", "reward_points": 60},
]


@pytest.mark.parametrize(
    ("colour", "group", "reward"),
    [
        ("blue", "resident", 20),
        ("red", "resident", 30),
        ("blue", "rider", 40),
        ("red", "grid", 50),
        ("red", "rider", 60),
    ],
)
def test_the_narrowest_rate_that_fits_counts(colour, group, reward):
    rule = ReportRule.read({"reward_points": 20, "rates": RATES})

    assert rule.reward_for(colour=colour, group=group) == reward


def test_of_two_equally_narrow_rates_the_first_counts():
    rule = ReportRule.read({"reward_points": 20, "rates": RATES[:2]})
    turned = ReportRule.read({"reward_points": 20, "rates": RATES[1::-1]})

    assert rule.reward_for(colour="red", group="rider") == 30
    assert turned.reward_for(colour="red", group="rider") == 40


@pytest.mark.parametrize(
    ("parameter", "parameters"),
    [
        ("reward_points", {}),
        ("reward_points", {"reward_points": 1, **CASH}),
        ("fund", {"reward_points": 1, "fund": "红包"}),
        ("fund", {"reward_fen": 1}),
        ("fund", {"reward_fen": 1, "fund": ""}),
        ("fund", {"reward_fen": 1, "fund": "红" * 41}),
        ("daily_cap_fen", {"reward_points": 1, "daily_cap_fen": 1}),
        ("daily_cap_points", {**CASH, "daily_cap_points": 1}),
        ("confirmer_share_bp", {"reward_points": 1, "confirmer_share_bp": 10_001}),
        ("confirmer_share_bp", {"reward_points": 1, "confirmer_share_bp": -1}),
        ("rates", {"reward_points": 1, "rates": {}}),
        ("rates", {"reward_points": 1, "rates": [{"reward_points": 2}]}),
        ("rates", {"reward_points": 1, "rates": [RATES[0], RATES[0]]}),
        ("rates", {"reward_points": 1, "rates": [1]}),
        ("reward_fen", {"reward_points": 1, "rates": [{"colour": "red", "reward_fen": 2}]}),
        ("colour", {"reward_points": 1, "rates": [{"colour": "", "reward_points": 2}]}),
        ("group", {"reward_points": 1, "rates": [{"group": "g" * 21, "reward_points": 2}]}),
    ],
)
def test_a_rule_that_can_not_be_applied_names_the_parameter(parameter, parameters):
    with pytest.raises(RuleInvalid) as refused:
        ReportRule.read(parameters)

    assert refused.value.facts == {"parameter": parameter}


amounts = st.integers(0, 100_000)
some_rates = st.lists(
    st.tuples(
        st.sampled_from(["", "red", "yellow", "blue"]), st.sampled_from(["", "grid", "rider"])
    ).filter(any),
    unique=True,
    max_size=8,
).flatmap(lambda of: st.tuples(st.just(of), st.lists(amounts, min_size=len(of), max_size=len(of))))


@hypothesis.settings(max_examples=200, deadline=None, derandomize=True, database=None)
@hypothesis.given(
    base=amounts,
    rates=some_rates,
    colour=st.sampled_from(["red", "yellow", "blue"]),
    group=st.sampled_from(["", "grid", "rider", "resident"]),
)
def test_a_rate_fits_and_none_that_fits_is_narrower(base, rates, colour, group):
    of, rewards_ = rates
    written = [
        {name: value for name, value in (("colour", c), ("group", g)) if value} | {"reward_fen": r}
        for (c, g), r in zip(of, rewards_, strict=True)
    ]
    rule = ReportRule.read({"reward_fen": base, "fund": "红包", "rates": written})

    found = rule.reward_for(colour=colour, group=group)

    fitting = [
        (bool(c) + bool(g), -number, reward)
        for number, ((c, g), reward) in enumerate(zip(of, rewards_, strict=True))
        if c in ("", colour) and g in ("", group)
    ]
    assert found == (max(fitting)[2] if fitting else base)


@hypothesis.settings(max_examples=200, deadline=None, derandomize=True, database=None)
@hypothesis.given(
    unit=st.sampled_from(["points", "fen"]),
    cap=amounts,
    earned=st.lists(amounts, max_size=12),
)
def test_a_days_rewards_come_to_the_cap_and_no_more(unit, cap, earned):
    terms = {"fund": "红包"} if unit == "fen" else {}
    rule = ReportRule.read({f"reward_{unit}": 1, f"daily_cap_{unit}": cap} | terms)
    brought = 0
    for amount in earned:
        left, steps = limited(rule, amount, {}, awarded_that_day=brought)
        assert 0 <= left <= amount
        assert steps[unit] == left
        brought += left

    assert brought == min(cap, sum(earned))


def test_a_report_earns_by_its_colour_and_its_reporters_group(ruled, closed, li):
    ruled(reward_points=20, rates=RATES)  # hazards are red, Wang is a rider, Li a resident

    riders, residents = closed(), closed(by=li)

    assert (riders.reporter_group, residents.reporter_group) == ("rider", "resident")
    earned = [Award.objects.get(source=one.award_source) for one in (riders, residents)]
    assert [award.amount for award in earned] == [60, 30]
    assert earned[0].explanation["inputs"] == {
        "category": "hazard",
        "reported_as": "hazard",
        "colour": "red",
        "group": "rider",
        "closed_at": riders.closed_at.isoformat(),
    }
    assert earned[0].explanation["arithmetic"] == {"reward": 60, "points": 60}
    is_sound(riders.community)


def test_a_category_earns_by_the_rule_of_the_category_above_it(lake, ruled, closed):
    ReportCategory.objects.create(community=lake, code="gas", parent="pipes", name="燃气")
    ReportCategory.objects.create(community=lake, code="pipes", parent="hazard", name="管道")
    ruled("*", reward_points=1)

    by_above = closed(category="gas")  # hazard earns 20
    ruled("pipes", reward_points=9)
    by_nearer, other = closed(category="gas"), closed(category="facility")

    ruled_as = [report.ruled_as for report in (by_above, by_nearer, other)]
    assert ruled_as == ["hazard", "pipes", "facility"]
    assert [one.amount for one in Award.objects.order_by("id")] == [20, 9, 1]
    is_sound(lake)


def test_without_a_rule_a_report_is_not_closed(submitted, zhao):
    with pytest.raises(RuleMissing) as refused:
        handling.close(report=submitted(category="facility"), handler=zhao)

    assert refused.value.facts["category"] == "facility"


def test_without_its_fund_a_report_is_not_closed(lake, ruled, submitted, zhao):
    ruled(**CASH)
    report = submitted()

    with pytest.raises(fund_errors.FundMissing) as refused:
        handling.close(report=report, handler=zhao)

    assert refused.value.facts == {"fund": "红包", "year": lake.today.year}
    report.refresh_from_db()
    assert (report.status, report.earned_at) == ("submitted", None)


# --- groups -------------------------------------------------------------------------------------
@pytest.fixture
def grid(lake, qian):
    """网格员, a group."""
    return groups.make(community=lake, code="grid", name="网格员", made_by=qian)


def test_the_group_on_the_day_of_the_report_counts(lake, ruled, submitted, grid, wang, qian, zhao):
    ruled(reward_points=20, rates=RATES)
    report = submitted()
    today = lake.today
    member = groups.add(group=grid, person=wang, added_by=qian, since=today - timedelta(9))
    groups.remove(member=member, removed_by=qian, until=today - timedelta(1))

    earlier = submitted()
    untriggered(
        f"UPDATE volunteers_report SET submitted_at = now() - interval '3 days'"
        f" WHERE id = '{earlier.pk}'"
    )
    for one in (report, earlier):
        one.refresh_from_db()
        handling.close(report=one, handler=zhao)
        one.refresh_from_db()

    assert (report.reporter_group, earlier.reporter_group) == ("rider", "grid")
    assert [one.amount for one in Award.objects.order_by("id")] == [60, 50]


def test_a_group_is_made_once_and_never_of_a_kind_of_volunteers(lake, grid, qian):
    assert groups.make(community=lake, code="grid", name="网格员", made_by=qian) == grid
    for code, name in (("grid", "别的"), ("rider", "骑手")):
        with pytest.raises(errors.GroupCodeTaken):
            groups.make(community=lake, code=code, name=name, made_by=qian)


def test_nobody_is_in_two_groups_on_one_day(lake, grid, wang, zhao, qian):
    other = groups.make(community=lake, code="new_stratum", name="新阶层人士", made_by=qian)
    first, last = date(2024, 3, 1), date(2024, 3, 31)
    add = {"person": wang, "added_by": qian}
    member = groups.add(group=grid, since=first, until=last, **add)

    assert groups.add(group=grid, since=first, until=last, **add) == member
    with pytest.raises(errors.InAnotherGroup):
        groups.add(group=other, since=last, **add)
    with pytest.raises(errors.GroupDaysWrong):
        groups.add(group=other, since=last, until=first, **add)
    assert groups.add(group=other, since=last + timedelta(1), **add).until is None


def test_a_membership_ends_once(grid, wang, qian):
    member = groups.add(group=grid, person=wang, added_by=qian, since=date(2024, 3, 1))

    with pytest.raises(errors.GroupDaysWrong):
        groups.remove(member=member, removed_by=qian, until=date(2024, 2, 1))
    groups.remove(member=member, removed_by=qian, until=date(2024, 3, 9))
    again = groups.remove(member=member, removed_by=qian, until=date(2024, 3, 20))

    assert again.until == date(2024, 3, 9)


# --- confirmers ---------------------------------------------------------------------------------
def test_the_first_three_who_confirmed_before_acceptance_get_a_share(
    lake, ruled, submitted, neighbours, wang, zhao
):
    ruled(reward_points=25, confirmer_share_bp=3_000)
    report = submitted()
    one, two, three, four, late = neighbours(5)
    confirm(report, one, zhao, two, three, four)  # Zhao is staff
    report = handling.accept(report=report, handler=zhao)
    confirm(report, late)

    handling.close(report=report, handler=zhao)
    handling.close(report=report, handler=zhao)

    points = {
        user: getattr(wallet_of(lake.pk, user.pk), "available", 0)
        for user in (wang, one, two, three, four, late, zhao)
    }
    assert points == {wang: 25, one: 7, two: 7, three: 7, four: 0, late: 0, zhao: 0}
    shares = Award.objects.filter(kind="confirmation")
    assert shares[0].explanation["arithmetic"] == {
        "reward": 25,
        "confirmer_share_bp": 3_000,
        "points": 7,
    }
    is_sound(lake)


def test_shares_are_claimed_from_the_fund_after_the_reporters_reward(
    lake, ruled, submitted, fund, neighbours, zhao
):
    ruled(**CASH | {"confirmer_share_bp": 2_000})
    report = submitted()
    confirm(report, *neighbours(2))

    report, _ = handling.close(report=report, handler=zhao)

    claims = list(Claim.objects.order_by("id").values_list("reason", "amount", "status"))
    assert claims == [
        ("report", 8_000, "reserved"),
        ("confirmation", 1_600, "reserved"),
        ("confirmation", 1_600, "waiting"),
    ]
    rewards.take_back(report=report, reason="误报", taken_back_by=zhao)
    assert set(Claim.objects.values_list("status", flat=True)) == {"released"}
    assert left_in(fund) == 10_000


def test_by_default_confirmers_get_nothing(submitted, neighbours, zhao):
    report = submitted()
    (confirmation,) = confirm(report, *neighbours(1))

    handling.close(report=report, handler=zhao)

    confirmation.refresh_from_db()
    assert confirmation.rewarded_as is None
    assert Award.objects.count() == 1


def test_the_database_rewards_no_fourth_confirmer(submitted, neighbours):
    (confirmation,) = confirm(submitted(), *neighbours(1))

    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        confirmation.save_with(rewarded_as=4)

    assert constraint_of(refused.value) == "confirmation_of_the_first_three"


# --- in turn ------------------------------------------------------------------------------------
def test_an_exhausted_fund_lets_the_next_wait_and_pays_them_in_order(
    lake, ruled, closed, fund, qian, zhao
):
    ruled(**CASH)
    first, second, third = closed(), closed(), closed()

    assert [state_of(one) for one in (first, second, third)] == [
        RewardState.RESERVED,
        RewardState.FUND_EXHAUSTED,
        RewardState.FUND_EXHAUSTED,
    ]
    assert pay(claim_of(first)) == 8_000
    assert pay(claim_of(second)) == 0
    funds.top_up(fund=fund, amount=6_000, reason="追加", topped_up_by=qian)
    assert [state_of(one) for one in (first, second, third)] == [
        RewardState.PAID,
        RewardState.RESERVED,
        RewardState.FUND_EXHAUSTED,
    ]
    reward = rewards_of(lake.pk, [second])[second.pk]
    assert (reward.unit, reward.amount, reward.state) == ("fen", 8_000, RewardState.RESERVED)
    is_sound(lake)


@pytest.mark.django_db(transaction=True)
def test_of_two_rewards_closed_at_once_the_last_money_pays_one(
    lake, ruled, submitted, fund, zhao, qian, at_once, li
):
    ruled(**CASH)
    reports = [submitted(), submitted(by=li)]

    at_once(2, lambda number: handling.close(report=reports[number], handler=zhao)[0].pk)

    assert sorted(map(state_of, reports)) == ["fund_exhausted", "reserved"]
    account = Account.objects.get(pk=fund.account_id)
    assert (account.held, account.available) == (8_000, 2_000)
    funds.top_up(fund=fund, amount=6_000, reason="追加", topped_up_by=qian)
    assert [pay(claim) for claim in Claim.objects.order_by("closed_at", "id")] == [8_000, 8_000]
    assert (left_in(fund), paid_out(lake)) == (0, 16_000)
    is_sound(lake)


@pytest.mark.django_db(transaction=True)
def test_people_who_confirm_each_others_reports_never_wait_for_each_other(
    lake, ruled, submitted, fund, zhao, wang, li, at_once
):
    ruled(reward_fen=100, fund="红包", confirmer_share_bp=5_000)
    reports = [submitted(by=(wang, li)[number % 2]) for number in range(8)]
    for number, report in enumerate(reports):
        confirm(report, (li, wang)[number % 2])

    closed = at_once(8, lambda number: handling.close(report=reports[number], handler=zhao)[0].pk)

    assert set(closed) == {report.pk for report in reports}
    assert Account.objects.get(pk=fund.account_id).held == 8 * 150
    is_sound(lake)


def test_a_reward_above_the_threshold_is_paid_once_a_second_person_approves(
    ruled, closed, fund, zhao, qian
):
    ruled(**CASH | {"reward_fen": 9_500})
    report = closed()
    claim = claim_of(report)

    assert state_of(report) == RewardState.WAITING_APPROVAL
    assert pay(claim) == 0
    with pytest.raises(fund_errors.OwnClaim):
        funds.approve(claim=claim, approved_by=zhao)  # who closed it
    funds.approve(claim=claim, approved_by=qian)
    assert (state_of(report), pay(claim)) == (RewardState.RESERVED, 9_500)


def test_the_cap_of_a_day_in_fen_cuts_what_exceeds_it(ruled, closed, fund, zhao):
    ruled(**CASH | {"reward_fen": 3_000, "daily_cap_fen": 7_000})

    reports = [closed() for _ in range(4)]

    assert [one.amount for one in Award.objects.order_by("id")] == [3_000, 3_000, 1_000, 0]
    assert state_of(reports[3]) == RewardState.NONE
    rewards.take_back(report=reports[0], reason="误报", taken_back_by=zhao)
    closed()
    assert Award.objects.latest("id").amount == 3_000


def test_one_made_during_an_activity_earns_cash_only_if_the_rule_says_so(
    lake, ruled, submitted, fund, wang, zhao, signed_up, clock
):
    ruled(**CASH | {"reward_fen": 100})
    attendance = signed_up(wang, "2024-03-01 07:00", "2024-03-01 09:00")
    untriggered(
        "UPDATE volunteers_attendance SET status = 'checked_in',"
        f" checked_in_at = now() - interval '1 hour' WHERE id = '{attendance.pk}'"
    )

    report, award = handling.close(report=submitted(), handler=zhao)

    assert (report.made_during, award.amount, award.claim) == (attendance, 0, None)
    ruled(**CASH | {"reward_fen": 100, "earns_during_activity": True})
    assert handling.close(report=submitted(), handler=zhao)[1].amount == 100


# --- frozen -------------------------------------------------------------------------------------
def test_a_report_opened_again_keeps_its_place_and_is_not_paid(ruled, closed, fund, zhao, li, lake):
    ruled(**CASH)
    first, second = closed(), closed(by=li)
    claim = claim_of(first)

    reopened(first)

    assert [state_of(one) for one in (first, second)] == [RewardState.FROZEN, RewardState.RESERVED]
    assert pay(claim) == 0
    with pytest.raises(fund_errors.ClaimStatusWrong):
        funds.commit(claim=claim)
    rewards.freeze(report=first)
    funds.lapse(claim=claim_of(second), hold_id=claim_of(second).hold_id)
    assert state_of(first) == RewardState.FROZEN  # though there is enough for it

    handling.close(report=first, handler=zhao)

    assert [state_of(one) for one in (first, second)] == [
        RewardState.RESERVED,
        RewardState.UNCLAIMED,
    ]
    assert Award.objects.count() == 2
    assert first.earned_at == claim.closed_at < first.closed_at
    is_sound(lake)


def test_what_is_on_its_way_when_a_report_is_opened_again_is_paid_or_frozen(
    ruled, closed, fund, lake, li
):
    ruled(**CASH | {"reward_fen": 3_000})
    reaches, lapses, paid = closed(), closed(by=li), closed()
    payment = on_its_way(claim_of(reaches))
    assert funds.payable(claim=claim_of(lapses)) == 3_000
    pay(claim_of(paid))

    for report in (reaches, lapses, paid):
        reopened(report)
    arrived(payment)
    funds.lapse(claim=claim_of(lapses), hold_id=claim_of(lapses).hold_id)
    funds.ask_again(claim=claim_of(lapses))

    assert [state_of(one) for one in (reaches, lapses, paid)] == [
        RewardState.PAID,
        RewardState.FROZEN,
        RewardState.PAID,
    ]
    assert funds.payable(claim=claim_of(lapses)) == 0
    is_sound(lake)


# --- taken back ---------------------------------------------------------------------------------
@pytest.fixture
def owing(ruled, closed, fund, qian):
    """A report of Wang's that earned 30 yuan, was paid and then voided by 钱书记."""
    ruled(**CASH | {"reward_fen": 3_000})
    report = closed()
    pay(claim_of(report))
    return handling.void(report=report, voider=qian, reason="误报")


def test_cash_that_left_is_owed_and_comes_back_by_hand(lake, owing, fund, wang, zhao, qian):
    claim = claim_of(owing)
    by_hand = {"claim": claim, "reference": "收据 17"}
    for nobody in (qian, wang):
        with pytest.raises(fund_errors.OwnRecovery):
            funds.recover(**by_hand, amount=1_000, recorded_by=nobody)

    made = funds.recover(**by_hand, amount=1_000, recorded_by=zhao)

    assert funds.recover(**by_hand, amount=1_000, recorded_by=zhao) == made
    with pytest.raises(fund_errors.RecoveryReferenceReused):
        funds.recover(**by_hand, amount=999, recorded_by=zhao)
    with pytest.raises(fund_errors.RecoveryTooLarge) as refused:
        funds.recover(claim=claim, amount=2_001, reference="收据 18", recorded_by=zhao)
    assert refused.value.facts == {"owed": 2_000}
    assert (left_in(fund), paid_out(lake)) == (8_000, 2_000)
    assert state_of(owing) == RewardState.TAKEN_BACK
    figures = fund_selectors.with_figures(fund_selectors.funds_in(lake)).get()
    assert (figures.budget, figures.spent, figures.left) == (10_000, 2_000, 8_000)
    is_sound(lake)


def test_nothing_is_recovered_of_what_was_not_paid_or_not_taken_back(closed, ruled, fund, zhao):
    ruled(**CASH)
    claim = claim_of(closed())
    by_hand = {"claim": claim, "amount": 1, "reference": "1", "recorded_by": zhao}

    with pytest.raises(fund_errors.ClaimNotOwed):
        funds.recover(**by_hand)
    pay(claim)
    with pytest.raises(fund_errors.ClaimNotOwed):
        funds.recover(**by_hand)


def test_what_is_owed_is_set_off_against_the_next_rewards(lake, ruled, owing, closed, fund, li):
    ruled(**CASH | {"reward_fen": 1_000, "rates": [{"group": "resident", "reward_fen": 500}]})
    others = closed(by=li)
    first, second, third, fourth = (closed() for _ in range(4))

    paid = [pay(claim_of(one)) for one in (others, first, second, third, fourth)]

    assert paid == [500, 0, 0, 0, 1_000]
    assert {state_of(one) for one in (first, second, third, fourth)} == {RewardState.PAID}
    assert [one.amount for one in Recovery.objects.order_by("id")] == [1_000, 1_000, 1_000]
    # 30 yuan were paid for nothing, and 30 of the next 40 were kept for them.
    assert (paid_out(lake), left_in(fund)) == (4_500, 5_500)
    is_sound(lake)


def test_a_part_of_a_reward_is_set_off_and_stands_until_it_lapses(
    lake, ruled, owing, closed, fund, zhao
):
    ruled(**CASH | {"reward_fen": 5_000})
    claim = claim_of(closed())

    assert [funds.payable(claim=claim) for _ in range(2)] == [2_000, 2_000]
    with pytest.raises(fund_errors.RecoveryTooLarge) as refused:  # it is spoken for
        funds.recover(claim=claim_of(owing), amount=1, reference="1", recorded_by=zhao)
    assert refused.value.facts == {"owed": 0}
    claim.refresh_from_db()
    funds.lapse(claim=claim, hold_id=claim.hold_id)
    funds.recover(claim=claim_of(owing), amount=2_900, reference="1", recorded_by=zhao)
    funds.ask_again(claim=claim)
    assert pay(claim) == 4_900

    assert (paid_out(lake), left_in(fund)) == (5_000, 5_000)
    is_sound(lake)


def test_a_reward_taken_back_on_its_way_is_owed_once_paid_and_released_once_lapsed(
    lake, ruled, closed, fund, qian, li
):
    ruled(**CASH | {"reward_fen": 3_000})
    reaches, lapses = closed(), closed(by=li)
    payment = on_its_way(claim_of(reaches))
    funds.payable(claim=claim_of(lapses))
    for report in (reaches, lapses):
        with pytest.raises(fund_errors.ClaimOnItsWay):
            funds.release(claim=claim_of(report), released_by=qian)
        handling.void(report=report, voider=qian, reason="误报")

    arrived(payment)
    funds.lapse(claim=claim_of(lapses), hold_id=claim_of(lapses).hold_id)

    assert (claim_of(reaches).status, claim_of(lapses).status) == ("committed", "released")
    owed = [fund_selectors.owed_by(lake.pk, claim_of(one).payee_id) for one in (reaches, lapses)]
    assert owed == [3_000, 0]
    is_sound(lake)


def test_a_reward_that_repaid_another_and_was_wrong_too_is_owed_whole(
    lake, ruled, owing, closed, fund, qian
):
    ruled(**CASH | {"reward_fen": 5_000})
    report = closed()
    assert pay(claim_of(report)) == 2_000
    assert paid_out(lake) == 5_000

    handling.void(report=report, voider=qian, reason="误报")

    assert fund_selectors.owed_by(lake.pk, claim_of(report).payee_id) == 5_000
    is_sound(lake)


@pytest.mark.django_db(transaction=True)
def test_a_debt_is_set_off_once_however_many_rewards_are_paid_at_once(
    lake, ruled, owing, closed, fund, zhao, at_once
):
    ruled(**CASH | {"reward_fen": 1_000})
    claims = [claim_of(closed()) for _ in range(6)]

    def work(number):
        if number == 6:
            claim = claim_of(owing)
            return funds.recover(claim=claim, amount=500, reference="1", recorded_by=zhao).amount
        return pay(claims[number])

    outcomes = at_once(7, work)

    back = 500 if outcomes[6] == 500 else 0
    assert sum(outcomes[:6]) == 6 * 1_000 - (3_000 - back)
    assert sum(Recovery.objects.values_list("amount", flat=True)) == 3_000
    assert paid_out(lake) == 6_000
    is_sound(lake)


def test_the_database_takes_no_recovery_that_nothing_was_taken_back_for(
    lake, owing, closed, zhao, qian
):
    paid = claim_of(closed())
    pay(paid)
    terms = {"community": lake, "amount": 1, "reference": "1"}
    for claim, by in ((paid, zhao), (claim_of(owing), zhao), (claim_of(owing), qian)):
        with pytest.raises(IntegrityError) as refused, transaction.atomic():
            Recovery.objects.create(claim=claim, recorded_by=by, **terms)
        assert constraint_of(refused.value) == "recovery_is_of_what_is_owed"


# --- found --------------------------------------------------------------------------------------
CHANGED = [
    ("volunteers_report", "colour = 'blue'"),
    ("volunteers_report", "reporter_group = 'grid'"),
    ("volunteers_report", "ruled_as = 'facility'"),
    ("volunteers_report", "earned_at = now() - interval '1 day'"),
    ("volunteers_confirmation", "rewarded_as = NULL"),
    ("volunteers_confirmation", "confirmer_id = report.reporter_id"),
    ("points_claim", "set_off = 1"),
    ("points_claim", "frozen_at = now()"),
    ("points_claim", "taken_back_at = now(), taken_back_by_id = asked_by_id"),
    ("points_recovery", "amount = amount - 1"),
    ("points_recovery", "recorded_by_id = '00000000-0000-7000-8000-000000000000'"),
    ("points_recovery", "claim_id = '00000000-0000-7000-8000-000000000000'"),
]


def test_what_was_changed_behind_the_back_is_named(
    lake, ruled, submitted, fund, neighbours, owing, zhao, subtests
):
    ruled(**CASH | {"reward_fen": 1_000, "confirmer_share_bp": 1_000})
    report = submitted()
    confirm(report, *neighbours(1))
    handling.close(report=report, handler=zhao)
    funds.recover(claim=claim_of(owing), amount=900, reference="1", recorded_by=zhao)
    is_sound(lake)
    for table, changed in CHANGED:
        of_report = (
            f"FROM volunteers_report report WHERE report.community_id = {table}.community_id"
            " AND report.id = report_id"
        )
        with subtests.test(table, changed=changed), transaction.atomic():
            untriggered(f"UPDATE {table} SET {changed} {of_report if 'report.' in changed else ''}")
            found = next(finding_in(lake), None)
            transaction.set_rollback(True)
            assert found


# --- tried --------------------------------------------------------------------------------------
def test_a_draft_in_fen_is_tried_on_what_was_rewarded_in_points(lake, closed, wang, li):
    closed(), closed(), closed(by=li)
    today = lake.today

    trial = tryout(
        community=lake,
        subject=Rule.Subject.REPORT,
        category="hazard",
        parameters={
            "reward_fen": 500,
            "fund": "还没有",
            "rates": [{"group": "rider", "reward_fen": 3_000}],
            "daily_cap_fen": 5_000,
        },
        since=today,
        until=today,
    )

    cost = trial.cost
    assert (cost.points_before, cost.points_after) == (60, 0)
    assert (cost.fen_before, cost.fen_after, cost.fen_difference) == (0, 5_500, 5_500)
    assert [one.holder for one in trial.gains] == [f"person:{wang.pk}", f"person:{li.pk}"]
    assert not Claim.objects.exists()


def test_a_draft_is_tried_on_what_was_rewarded_in_fen(lake, ruled, closed, fund):
    ruled(**CASH)
    closed(), closed()

    trial = tryout(
        community=lake,
        subject=Rule.Subject.REPORT,
        category="hazard",
        parameters=CASH | {"reward_fen": 5_000},
        since=lake.today,
        until=lake.today,
    )

    assert (trial.cost.fen_before, trial.cost.fen_after) == (16_000, 10_000)
    assert (trial.cost.points_before, len(trial.losses)) == (0, 1)
