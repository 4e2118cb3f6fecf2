"""Settlement: each redemption in exactly one statement, agreed by two people, paid once."""

import hashlib
import json
from collections import Counter
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F, Sum
from django.utils import timezone

from backend.communities.models import Role
from backend.communities.services import places, roles
from backend.registries.checks import Kind
from merchants.catalogue.services import offers as catalogue
from merchants.models import MerchantMember, Offer, Partnership, Redemption, Statement, Terms
from merchants.partners.errors import OwnMerchant
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import vouchers as redemption
from merchants.settlement import tasks
from merchants.settlement.errors import (
    LineUnknown,
    OwnApproval,
    OwnDraft,
    OwnQuestion,
    PeriodNotInOrder,
    PeriodNotOver,
    QuestionAnswered,
    StatementQuestioned,
    StatementStatusWrong,
)
from merchants.settlement.services import proving, questions
from merchants.settlement.services import statements as settlement
from points.models import Transfer
from tests.verified import found_in

MARCH = {"period_start": date(2024, 3, 1), "period_end": date(2024, 4, 1)}
APRIL = {"period_start": date(2024, 4, 1), "period_end": date(2024, 5, 1)}


NUMBERED = f"number_year = 2024, number_in_year = 1, digest = '{'0' * 64}'"


@pytest.fixture
def qian(lake, person):
    """钱书记, manager of the lake."""
    user = person("qian", "钱书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


@pytest.fixture
def statement(lake, zhao, redeemed) -> Statement:
    """March of the tea house, one tea, drafted by Zhao."""
    redeemed("2024-03-05 10:00")
    (drafted,) = settlement.draft(community=lake, drafted_by=zhao, **MARCH)
    return drafted


def figures(statement):
    return statement.redemptions_count, statement.points, statement.amount_fen


# --- drafting -----------------------------------------------------------------------------


def test_a_draft_holds_what_was_redeemed_in_the_period(lake, tea_house, redeemed):
    in_march = {redeemed("2024-03-05 10:00"), redeemed("2024-03-31 23:59", quantity=2)}
    redeemed("2024-04-01 00:00")

    (drafted,) = settlement.draft(community=lake, **MARCH)

    assert (drafted.partnership, drafted.status, drafted.drafted_by) == (tea_house, "draft", None)
    assert figures(drafted) == (2, 90, 900)
    assert set(drafted.redemptions.all()) == in_march


def test_a_period_is_drafted_once(lake, redeemed):
    redeemed("2024-03-05 10:00")
    (drafted,) = settlement.draft(community=lake, **MARCH)

    assert settlement.draft(community=lake, **MARCH) == []

    assert Statement.objects.get() == drafted


def test_what_came_too_late_for_its_statement_is_in_the_next(lake, redeemed):
    on_time = redeemed("2024-03-05 10:00")
    (march,) = settlement.draft(community=lake, **MARCH)
    late, in_april = redeemed("2024-03-06 10:00"), redeemed("2024-04-02 10:00")

    assert settlement.draft(community=lake, **MARCH) == []
    (april,) = settlement.draft(community=lake, **APRIL)

    assert list(march.redemptions.all()) == [on_time]
    assert set(april.redemptions.all()) == {late, in_april}
    assert [figures(march), figures(april)] == [(1, 30, 300), (2, 60, 600)]


def test_only_what_was_redeemed_is_settled(lake, wang, tea, grant_points):
    grant_points(wang, 60)
    then = datetime(2024, 3, 5, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
    redemption.take(offer=tea, volunteer=wang, now=then)
    given_back = redemption.take(offer=tea, volunteer=wang, now=then)
    redemption.cancel(redemption=given_back)

    assert settlement.draft(community=lake, **MARCH) == []


def test_who_donates_is_owed_nothing_and_its_points_are_settled_all_the_same(
    lake, tea_house, chen, redeemed
):
    barber = partners.sign_contract(
        community=lake, name="理发店", trade="理发", fen_per_point=50, is_donated=True
    )
    partners.employ(merchant=barber.merchant, user=chen, role=MerchantMember.Role.CLERK)
    haircut = catalogue.offer(
        partnership=barber, code="CUT", title="理发", price_points=80, stock=5
    )
    redeemed("2024-03-05 10:00", offer=haircut)
    redeemed("2024-03-05 10:00")

    drafted = settlement.draft(community=lake, **MARCH)

    assert {one.partnership: figures(one) for one in drafted} == {
        barber: (1, 80, 0),
        tea_house: (1, 30, 300),
    }


def test_each_line_is_settled_at_the_rate_it_was_taken_at(lake, tea_house, tea, redeemed):
    redeemed("2024-03-05 10:00")
    Terms.objects.create(
        community=lake,
        partnership=tea_house,
        version=2,
        kind=Terms.Kind.PER_POINT,
        fen_per_point=12,
        valid_from=date(2024, 3, 6),
    )
    redeemed("2024-03-06 10:00", offer=Offer.objects.get(pk=tea.pk))

    (drafted,) = settlement.draft(community=lake, **MARCH)

    assert figures(drafted) == (2, 60, 30 * 10 + 30 * 12)


def test_another_communitys_redemptions_are_not_ours_to_settle(lake, hill, redeemed):
    redeemed("2024-03-05 10:00")

    assert settlement.draft(community=hill, **MARCH) == []


@pytest.mark.parametrize(
    ("start", "end", "refusal"),
    [
        (date(2024, 3, 1), date(2024, 3, 1), PeriodNotInOrder),
        (date(2024, 3, 2), date(2024, 3, 1), PeriodNotInOrder),
        (date(2024, 3, 1), date.max, PeriodNotOver),
        (date.max - timedelta(days=1), date.max, PeriodNotOver),
    ],
)
def test_a_refused_period_drafts_nothing(lake, redeemed, start, end, refusal):
    redeemed("2024-03-05 10:00")

    with pytest.raises(refusal):
        settlement.draft(community=lake, period_start=start, period_end=end)

    assert not Statement.objects.exists()


def test_a_period_is_over_when_the_communitys_own_clock_says_so(db):
    """The two islands' days differ at every moment of the year."""
    ahead = places.found(code="line", name="莱恩", timezone="Pacific/Kiritimati")
    behind = places.found(code="baker", name="贝克", timezone="Etc/GMT+12")
    today_ahead = timezone.now().astimezone(ahead.clock).date()
    period = {"period_start": date(2024, 3, 1), "period_end": today_ahead}

    assert settlement.draft(community=ahead, **period) == []
    with pytest.raises(PeriodNotOver):
        settlement.draft(community=behind, **period)


@pytest.mark.parametrize(
    ("day", "month"),
    [
        (date(2024, 4, 1), (date(2024, 3, 1), date(2024, 4, 1))),
        (date(2024, 3, 31), (date(2024, 2, 1), date(2024, 3, 1))),
        (date(2024, 1, 15), (date(2023, 12, 1), date(2024, 1, 1))),
    ],
)
def test_the_month_before(day, month):
    assert settlement.period_of(1, day) == month


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_each_night_settles_last_month_once(lake, hill, redeemed):
    start, end = settlement.period_of(1, lake.today)
    line = redeemed(f"{start} 10:00")

    tasks.sweep_unsettled()
    tasks.sweep_unsettled()

    drafted = Statement.objects.get()
    assert (drafted.community, drafted.drafted_by) == (lake, None)
    assert (drafted.period_start, drafted.period_end) == (start, end)
    assert list(drafted.redemptions.all()) == [line]


@pytest.mark.parametrize(
    ("settlement_day", "day", "period"),
    [
        (19, date(2024, 3, 19), (date(2024, 2, 19), date(2024, 3, 19))),
        (19, date(2024, 3, 18), (date(2024, 1, 19), date(2024, 2, 19))),
        (28, date(2024, 1, 5), (date(2023, 11, 28), date(2023, 12, 28))),
        (1, date(2024, 3, 1), (date(2024, 2, 1), date(2024, 3, 1))),
    ],
)
def test_a_period_starts_on_the_day_agreed_on(settlement_day, day, period):
    assert settlement.period_of(settlement_day, day) == period


def test_each_merchant_is_settled_by_its_own_contract(lake, tea_house, redeemed):
    Partnership.objects.filter(pk=tea_house.pk).update(settlement_day=19)
    redeemed("2024-03-18 23:59")
    redeemed("2024-03-19 00:00")

    (drafted,) = settlement.draft_due(community=lake, day=date(2024, 4, 1))

    assert (drafted.period_start, drafted.period_end) == (date(2024, 2, 19), date(2024, 3, 19))
    assert figures(drafted) == (1, 30, 300)
    assert settlement.draft_due(community=lake, day=date(2024, 4, 18)) == []


@pytest.mark.parametrize(
    "nights",
    [("02-01", "03-01", "04-01"), ("04-01",), ("02-20", "04-17"), ("03-05", "03-05", "04-02")],
)
@pytest.mark.parametrize("by_hand", [None, date(2024, 2, 15)])
def test_statements_are_the_same_whichever_nights_were_missed(lake, redeemed, nights, by_hand):
    _execute("SET LOCAL session_replication_role = replica")
    _execute("UPDATE merchants_terms SET agreed_at = %s", "2024-01-10T10:00+08")
    _execute("SET LOCAL session_replication_role = origin")
    for moment in ("2024-01-20 10:00", "2024-03-10 10:00", "2024-03-31 23:59", "2024-04-01 00:00"):
        redeemed(moment)
    if by_hand:
        settlement.draft(community=lake, period_start=date(2024, 1, 1), period_end=by_hand)

    for night in nights:
        settlement.draft_due(community=lake, day=date.fromisoformat(f"2024-{night}"))

    ends = [date(2024, 2, 1), date(2024, 3, 1), date(2024, 4, 1)]
    if by_hand:
        ends[0] = by_hand
    drafted = Statement.objects.order_by("period_start")
    assert [(one.period_end, figures(one)[0]) for one in drafted] == list(
        zip(ends, (1, 0, 2), strict=True)
    )
    assert drafted[0].period_start == date(2024, 1, 1)


def test_nothing_is_on_a_statement_from_before_its_period(lake, redeemed):
    redeemed("2024-02-20 10:00")
    (first,) = settlement.draft(community=lake, **MARCH)
    redeemed("2024-05-05 10:00")

    (later,) = settlement.draft(
        community=lake, period_start=date(2024, 6, 1), period_end=date(2024, 7, 1)
    )

    assert (first.period_start, first.period_end) == (date(2024, 2, 20), date(2024, 4, 1))
    assert (later.period_start, later.period_end) == (date(2024, 4, 1), date(2024, 7, 1))


@pytest.mark.parametrize(
    ("state", "agreed", "valid_from", "quiet"),
    [
        ("active", "2024-03-31", None, True),
        ("suspended", "2024-03-31", None, True),
        ("active", "2024-04-02", None, False),
        ("active", "2024-03-10", "2024-03-31", True),
        ("active", "2024-03-10", "2024-04-01", False),
        ("contract", "2024-03-31", None, False),
        ("ended", "2024-03-31", None, False),
    ],
)
def test_a_partner_has_a_statement_of_a_quiet_month_too(
    lake, tea_house, zhao, qian, state, agreed, valid_from, quiet
):
    _execute("SET LOCAL session_replication_role = replica")
    began = (f"{agreed}T00:00+08", valid_from)
    _execute("UPDATE merchants_terms SET agreed_at = %s, valid_from = %s", *began)
    _execute("UPDATE merchants_partnership SET status = %s", state)
    _execute("SET LOCAL session_replication_role = origin")

    drafted = settlement.draft_due(community=lake, day=date(2024, 4, 1))

    assert [figures(statement) for statement in drafted] == [(0, 0, 0)] * quiet
    assert settlement.draft_due(community=lake, day=date(2024, 4, 1)) == []
    for statement in drafted:
        settlement.approve(statement=statement, approver=qian)
        assert settlement.mark_paid(statement=statement, payer=zhao).status == "paid"
    # The contract was changed behind the trail's back, above.
    assert {one.check for one in found_in(lake, Kind.SETTLEMENTS)} <= {"rates"}


def test_a_period_begins_where_the_last_ended(lake, redeemed, tea_house):
    redeemed("2024-03-05 10:00")
    settlement.draft(community=lake, period_start=date(2024, 3, 1), period_end=date(2024, 3, 11))
    redeemed("2024-03-15 10:00")

    (rest,) = settlement.draft(community=lake, **MARCH)

    assert (rest.period_start, rest.period_end) == (date(2024, 3, 11), date(2024, 4, 1))
    with pytest.raises(DatabaseError, match="statement_periods_apart"), transaction.atomic():
        Statement.objects.create(
            community=lake,
            partnership=tea_house,
            period_start=date(2024, 3, 31),
            period_end=date(2024, 4, 2),
            redemptions_count=0,
            points=0,
            amount_fen=0,
        )


@pytest.mark.django_db(transaction=True)
def test_several_workers_drafting_one_period(lake, redeemed, at_once):
    lines = {redeemed(f"2024-03-0{day} 10:00") for day in range(1, 6)}

    drafted = at_once(8, lambda _: settlement.draft(community=lake, **MARCH))

    assert Counter(len(statements) for statements in drafted) == {1: 1, 0: 7}
    assert set(Statement.objects.get().redemptions.all()) == lines


@pytest.mark.django_db(transaction=True)
def test_scanning_while_two_periods_are_drafted(
    lake, wang, chen, tea_house, tea, grant_points, at_once
):
    Offer.objects.filter(pk=tea.pk).update(stock=12)
    grant_points(wang, 12 * 30)
    then = datetime(2024, 3, 5, 10, tzinfo=lake.clock)
    vouchers = [redemption.take(offer=tea, volunteer=wang, now=then) for _ in range(12)]

    def scan_or_draft(number):
        if number < 12:
            code = vouchers[number].code
            redemption.scan(merchant_id=tea_house.merchant.pk, clerk=chen, code=code, now=then)
        else:
            settlement.draft(community=lake, **(MARCH if number % 2 else APRIL))

    assert set(at_once(18, scan_or_draft)) == {None}  # nothing was refused
    settlement.draft(community=lake, period_start=date(2024, 5, 1), period_end=date(2024, 6, 1))

    assert not Redemption.objects.filter(statement=None).exists()
    assert sum(statement.redemptions_count for statement in Statement.objects.all()) == 12
    for statement in Statement.objects.all():
        lines = statement.redemptions.aggregate(
            points=Sum("price_points"), amount_fen=Sum(F("price_points") * F("fen_per_point"))
        )
        assert figures(statement) == (
            statement.redemptions.count(),
            lines["points"],
            lines["amount_fen"],
        )


# --- approving and paying -----------------------------------------------------------------


def test_who_drafted_does_not_approve(statement, zhao, qian):
    with pytest.raises(OwnDraft):
        settlement.approve(statement=statement, approver=zhao)
    statement.refresh_from_db()
    assert statement.status == "draft"

    approved = settlement.approve(statement=statement, approver=qian)
    assert (approved.status, approved.approved_by) == ("approved", qian)


def test_what_the_night_drafted_anybody_may_approve(lake, zhao, redeemed):
    redeemed("2024-03-05 10:00")
    (statement,) = settlement.draft(community=lake, **MARCH)

    assert settlement.approve(statement=statement, approver=zhao).status == "approved"


def test_paying_moves_the_merchants_points_to_settled_once(books, statement, wang, zhao, qian):
    settlement.approve(statement=statement, approver=qian)
    assert (books(wang)["merchants"], books(wang)["settled"]) == (30, 0)

    paid = settlement.mark_paid(statement=statement, payer=zhao, payment_reference="bank 1")

    assert (paid.status, paid.paid_by, paid.payment_reference) == ("paid", zhao, "bank 1")
    assert (books(wang)["merchants"], books(wang)["settled"]) == (0, 30)
    transfer = Transfer.objects.get(key=f"settlement:{statement.pk}")
    assert transfer.explanation == {"redemptions": 1, "refunds": 0, "amount_fen": 300}

    again = settlement.mark_paid(statement=statement, payer=qian, payment_reference="bank 2")

    assert (again.paid_by, again.payment_reference) == (zhao, "bank 1")
    assert again.paid_at == paid.paid_at
    assert (books(wang)["merchants"], books(wang)["settled"]) == (0, 30)


@pytest.mark.parametrize(
    ("state", "act", "outcome"),
    [
        ("draft", "approve", "approved"),
        ("draft", "pay", StatementStatusWrong),
        ("approved", "approve", "approved"),
        ("approved", "pay", "paid"),
        ("paid", "approve", StatementStatusWrong),
        ("paid", "pay", "paid"),
    ],
)
def test_a_statement_goes_from_draft_to_approved_to_paid(
    statement, zhao, qian, state, act, outcome
):
    acts = {
        "approve": lambda: settlement.approve(statement=statement, approver=qian),
        "pay": lambda: settlement.mark_paid(statement=statement, payer=zhao),
    }
    for earlier in {"draft": [], "approved": ["approve"], "paid": ["approve", "pay"]}[state]:
        acts[earlier]()

    if isinstance(outcome, str):
        assert acts[act]().status == outcome
    else:
        with pytest.raises(outcome) as refused:
            acts[act]()
        assert refused.value.facts == {"current_status": state}
        statement.refresh_from_db()
        assert statement.status == state


@pytest.mark.django_db(transaction=True)
def test_several_people_paying_one_statement(books, statement, wang, zhao, qian, at_once):
    settlement.approve(statement=statement, approver=qian)

    references = at_once(
        8,
        lambda n: (
            settlement.mark_paid(
                statement=statement, payer=zhao, payment_reference=f"bank {n}"
            ).payment_reference
        ),
    )

    assert len(set(references)) == 1
    assert (books(wang)["merchants"], books(wang)["settled"]) == (0, 30)


def test_who_works_there_neither_approves_nor_pays(statement, shop, zhou, qian, zhao):
    with pytest.raises(OwnMerchant):
        settlement.approve(statement=statement, approver=zhou)
    settlement.approve(statement=statement, approver=qian)

    with pytest.raises(OwnMerchant):
        settlement.mark_paid(statement=statement, payer=zhou)
    assert settlement.mark_paid(statement=statement, payer=zhao).status == "paid"


def test_who_approved_does_not_pay(statement, qian):
    settlement.approve(statement=statement, approver=qian)

    with pytest.raises(OwnApproval):
        settlement.mark_paid(statement=statement, payer=qian)
    with pytest.raises(DatabaseError, match="statement_paid_by_another"), transaction.atomic():
        _execute(
            "UPDATE merchants_statement SET status = 'paid', paid_at = now(),"
            " paid_by_id = approved_by_id"
        )


def test_what_is_agreed_on_has_a_number_and_a_digest_of_every_line(
    lake, zhao, qian, redeemed, statement
):
    redeemed("2024-04-05 10:00")
    (april,) = settlement.draft(community=lake, drafted_by=zhao, **APRIL)
    assert (statement.number, statement.digest) == ("", "")

    first = settlement.approve(statement=april, approver=qian)
    second = settlement.approve(statement=statement, approver=qian)

    year = lake.today.year
    assert [first.number, second.number] == [f"{year}-0001", f"{year}-0002"]
    figures_line, redemption_line = proving.content(second)
    assert figures_line["number"] == second.number
    assert redemption_line == {
        "redemption": str(second.redemptions.get().pk),
        "quantity": 1,
        "points": 30,
        "amount_fen": 300,
    }
    lines = "".join(
        json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n"
        for line in (figures_line, redemption_line)
    )
    assert second.digest == hashlib.sha256(lines.encode()).hexdigest()
    for change in ("digest = repeat('0', 64)", "number_in_year = 7", "approved_at = now()"):
        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            _execute(f"UPDATE merchants_statement SET {change} WHERE id = %s", second.pk)


@pytest.mark.django_db(transaction=True)
def test_statements_approved_at_once_are_numbered_without_gaps(lake, qian, tea_house, at_once):
    months = [date(2024, month, 1) for month in range(1, 9)]
    made = [
        Statement.objects.create(
            community=lake,
            partnership=tea_house,
            period_start=start,
            period_end=start + timedelta(days=28),
            redemptions_count=0,
            points=0,
            amount_fen=0,
        )
        for start in months
    ]

    at_once(8, lambda n: settlement.approve(statement=made[n], approver=qian))

    numbers = Statement.objects.order_by("number_in_year").values_list("number_in_year", flat=True)
    assert list(numbers) == list(range(1, 9))


@pytest.mark.django_db(transaction=True)
def test_what_is_proved_while_clerks_scan_is_of_one_moment(
    lake, tea_house, tea, wang, chen, grant_points, at_once
):
    Offer.objects.filter(pk=tea.pk).update(stock=60)
    tea.refresh_from_db()
    grant_points(wang, 60 * 30)
    codes = [redemption.take(offer=tea, volunteer=wang).code for _ in range(60)]

    def scan_or_prove(number):
        if number == 0:
            return [finding for _ in range(20) for finding in found_in(lake, Kind.SETTLEMENTS)]
        for code in codes[number - 1 :: 2]:
            redemption.scan(merchant_id=tea_house.merchant_id, clerk=chen, code=code)
        return []

    assert at_once(3, scan_or_prove) == [[]] * 3


# --- questions ----------------------------------------------------------------------------


def test_what_is_questioned_is_answered_before_it_is_approved(
    statement, shop, zhou, zhao, qian, person
):
    line = statement.redemptions.get()
    asked = questions.ask(statement=statement, line_id=line.pk, reason="不是我店的", asked_by=zhou)
    statement.refresh_from_db()
    assert statement.status == "questioned"

    with pytest.raises(StatementQuestioned):
        settlement.approve(statement=statement, approver=qian)
    with pytest.raises(OwnQuestion):
        questions.answer(question=asked, answer="是的", answered_by=zhou)

    partner = person("feng", "冯合伙人")
    partners.employ(merchant=shop, user=partner, role=MerchantMember.Role.OWNER)
    with pytest.raises(OwnQuestion):  # of the same side
        questions.answer(question=asked, answer="是的", answered_by=partner)

    answered = questions.answer(question=asked, answer="是陈店员扫的", answered_by=zhao)

    assert (answered.answer, answered.answered_by) == ("是陈店员扫的", zhao)
    with pytest.raises(QuestionAnswered):
        questions.answer(question=asked, answer="再说一次", answered_by=zhao)
    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        _execute("UPDATE merchants_statementquestion SET answer = 'x'")
    assert settlement.approve(statement=statement, approver=qian).status == "approved"
    with pytest.raises(StatementStatusWrong):
        questions.ask(statement=statement, line_id=line.pk, reason="还有", asked_by=zhou)


@pytest.mark.parametrize(
    ("role", "refusal"),
    [(MerchantMember.Role.CLERK, OwnMerchant), (MerchantMember.Role.OWNER, OwnQuestion)],
)
def test_who_works_there_too_does_not_answer_for_the_community(
    role, refusal, statement, shop, zhou, zhao, qian
):
    line = statement.redemptions.get()
    asked = questions.ask(statement=statement, line_id=line.pk, reason="不是我店的", asked_by=zhou)
    partners.employ(merchant=shop, user=zhao, role=role)

    with pytest.raises(refusal):
        questions.answer(question=asked, answer="是的", answered_by=zhao)

    questions.answer(question=asked, answer="是的", answered_by=qian)


def test_only_lines_of_the_statement_are_questioned(statement, zhou, redeemed):
    other = redeemed("2024-04-05 10:00")

    with pytest.raises(LineUnknown):
        questions.ask(statement=statement, line_id=other.pk, reason="?", asked_by=zhou)


# --- what the database refuses ------------------------------------------------------------


@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE merchants_redemption SET statement_id = NULL",
        "DELETE FROM merchants_redemption",
        "DELETE FROM merchants_statement",
        "UPDATE merchants_statement SET points = points + 1",
        "UPDATE merchants_statement SET amount_fen = 0",
        "UPDATE merchants_statement SET redemptions_count = 2",
        "UPDATE merchants_statement SET period_end = period_end + 1",
        "UPDATE merchants_statement SET drafted_by_id = NULL",
        "UPDATE merchants_statement SET carried_fen = -1",
        "UPDATE merchants_redemption SET refunded_quantity = 1",
    ],
)
def test_the_database_refuses_to_change_what_was_drafted(statement, attempt):
    refused = "pgtrigger: Cannot|counted by refunds alone|settled by one statement"
    with pytest.raises(DatabaseError, match=refused), transaction.atomic():
        _execute(attempt)

    assert Redemption.objects.get().statement == statement
    assert figures(Statement.objects.get()) == (1, 30, 300)


def test_the_database_refuses_to_move_a_line_to_another_statement(lake, statement, redeemed):
    redeemed("2024-04-05 10:00")
    (april,) = settlement.draft(community=lake, **APRIL)

    with pytest.raises(IntegrityError, match="settled by one statement"), transaction.atomic():
        _execute("UPDATE merchants_redemption SET statement_id = %s", april.pk)


@pytest.mark.parametrize(
    ("attempt", "constraint"),
    [
        (
            f"UPDATE merchants_statement SET status = 'approved', {NUMBERED},"
            " approved_at = now(), approved_by_id = drafted_by_id",
            "statement_approved_by_another",
        ),
        (
            f"UPDATE merchants_statement SET status = 'approved', {NUMBERED}",
            "statement_status_is_complete",
        ),
        ("UPDATE merchants_statement SET status = 'approved'", "Cannot update"),
        (f"UPDATE merchants_statement SET {NUMBERED}", "statement_numbered_when_agreed_on"),
        ("UPDATE merchants_statement SET digest = 'x'", "statement_numbered_when_agreed_on"),
        ("UPDATE merchants_statement SET status = 'paid'", "Invalid transition"),
        ("UPDATE merchants_statement SET status = 'lost'", "Invalid transition"),
    ],
)
def test_the_database_refuses_a_state_that_nobody_vouches_for(statement, attempt, constraint):
    with pytest.raises(DatabaseError, match=constraint), transaction.atomic():
        _execute(attempt)


def _execute(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
