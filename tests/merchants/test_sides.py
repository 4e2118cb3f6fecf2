"""Conflicts of interest: a member of staff who owns a shop, step by step."""

from datetime import date, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from backend.communities.models import Role
from backend.communities.services import roles
from merchants.giving.services import wishes
from merchants.models import MerchantMember, Wish
from merchants.partners.errors import OwnMerchant
from merchants.partners.services import increases, invitations
from merchants.partners.services import partnerships as partners
from merchants.settlement.errors import NothingToPay
from merchants.settlement.services import bank
from merchants.settlement.services import statements as settlement

KEY = {"Idempotency-Key": "k1"}
MARCH = {"period_start": date(2024, 3, 1), "period_end": date(2024, 4, 1)}
Job = MerchantMember.Role


@pytest.fixture
def qian(lake, person):
    """钱社工, staff at the lake, who works for no shop."""
    user = person("qian", "钱社工")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


@pytest.fixture
def sun(lake, person):
    """孙社工, another."""
    user = person("sun", "孙社工")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


@pytest.fixture
def employed(shop):
    """Puts on record when somebody worked there: ``employed(zhao, until=moment)``."""

    def make(user, until=None, since=None, role=Job.OWNER):
        return MerchantMember.objects.create(
            merchant=shop,
            user=user,
            role=role,
            since_at=since or datetime(2020, 1, 1, tzinfo=timezone.get_current_timezone()),
            ended_at=until,
        )

    return make


def test_a_member_of_staff_who_co_owns_a_shop_gets_nothing_out_of_both(
    lake, tea, tea_house, shop, zhao, zhou, qian, sun, wang, redeemed, grant_points, logged_in
):
    partners.employ(merchant=shop, user=zhao, role=Job.OWNER)
    desk, office = logged_in(zhao), logged_in(zhou)
    others = logged_in(qian), logged_in(sun)
    terms = {"kind": "share", "share_bp": 10_000, "valid_from": lake.today.isoformat()}

    def refused(answer):
        assert (answer.status_code, answer.json()["code"]) == (403, "own_merchant")

    # The contract.
    address = f"/api/v1/partnerships/{tea_house.pk}/terms"
    refused(desk.post(address, terms))
    asked = others[0].post(address, terms)
    decision = f"/api/v1/increases/{asked.json()['id']}/decision"
    refused(desk.post(decision, {"accept": True}))
    assert tea_house.terms.count() == 1
    assert others[1].post(decision, {"accept": True}).status_code == 200
    assert tea_house.terms.latest("version").kind == "share"

    # A wish for 1 point and a million yuan, adopted by her shop.
    grant_points(wang, 1)
    wish = wishes.propose(volunteer=wang, community=lake, text="一支铅笔")
    price = {"accept": True, "price_points": 1, "value_fen": 100_000_000}
    asked = desk.post(f"/api/v1/wishes/{wish.pk}/decision", price)
    assert asked.status_code == 202  # about no merchant yet
    decision = f"/api/v1/increases/{asked.json()['id']}/decision"
    alone = desk.post(decision, {"accept": True})
    assert (alone.status_code, alone.json()["code"]) == (403, "own_increase")
    assert others[0].post(decision, {"accept": True}).status_code == 200
    adopt = f"/api/v1/wishes/{wish.pk}/adopt"
    refused(office.post(adopt, {"merchant_id": str(shop.pk)}, headers=KEY))
    assert Wish.objects.get().status == "published"

    # Dismissed for a minute, and the statement.
    redeemed("2024-03-05 10:00")
    (statement,) = settlement.draft(community=lake, **MARCH)
    member = MerchantMember.objects.get(user=zhao)
    invitations.dismiss(member=member, dismissed_by=zhou)
    approve = f"/api/v1/statements/{statement.pk}/approve"
    refused(desk.post(approve, headers=KEY))
    code = invitations.invite(merchant=shop, invited_by=zhou, role=Job.OWNER).code
    invitations.accept(user=zhao, code=code)
    refused(desk.post(approve, headers={"Idempotency-Key": "k2"}))
    assert others[0].post(approve, headers=KEY).status_code == 200
    pay = f"/api/v1/statements/{statement.pk}/pay"
    refused(desk.post(pay, {}, headers={"Idempotency-Key": "k3"}))
    assert others[1].post(pay, {}, headers={"Idempotency-Key": "k3"}).status_code == 200


@pytest.mark.parametrize(
    ("ago", "is_on_its_side"),
    [
        (None, True),
        (timedelta(), True),
        (timedelta(days=90) - timedelta(minutes=5), True),
        (timedelta(days=90) + timedelta(minutes=5), False),
    ],
)
def test_who_left_within_90_days_decides_nothing(ago, is_on_its_side, employed, zhao, tea_house):
    employed(zhao, until=None if ago is None else timezone.now() - ago)

    def end():
        return partners.move(partnership=tea_house, status="suspended", by=zhao).status

    if is_on_its_side:
        with pytest.raises(OwnMerchant):
            end()
    else:
        assert end() == "suspended"


@pytest.mark.parametrize(
    ("left", "may"),
    [("2024-03-01T00:00:00", True), ("2024-03-01T00:00:01", False), ("2024-04-20T12:00", False)],
)
def test_who_worked_there_in_a_statements_period_neither_approves_nor_pays_it(
    left, may, lake, employed, redeemed, zhao, qian, sun
):
    redeemed("2024-03-05 10:00")
    (statement,) = settlement.draft(community=lake, **MARCH)
    employed(zhao, until=datetime.fromisoformat(left).replace(tzinfo=lake.clock))

    if may:
        assert settlement.approve(statement=statement, approver=zhao).status == "approved"
        return
    with pytest.raises(OwnMerchant):
        settlement.approve(statement=statement, approver=zhao)
    settlement.approve(statement=statement, approver=qian)
    with pytest.raises(OwnMerchant):
        settlement.mark_paid(statement=statement, payer=zhao)
    with pytest.raises(NothingToPay):
        bank.make_batch(community=lake, by=zhao)
    assert bank.make_batch(community=lake, by=sun).lines.count() == 1


def test_what_is_drafted_by_hand_leaves_out_their_own(lake, employed, redeemed, zhao, qian):
    redeemed("2024-03-05 10:00")
    employed(zhao, role=Job.CLERK)

    assert settlement.draft(community=lake, drafted_by=zhao, **MARCH) == []
    assert len(settlement.draft(community=lake, drafted_by=qian, **MARCH)) == 1


def test_who_comes_to_work_there_takes_along_nothing_that_is_not_confirmed(
    lake, tea_house, shop, zhao, qian
):
    asked = partners.agree(
        partnership=tea_house, kind="per_point", fen_per_point=99, valid_from=lake.today, by=zhao
    )
    partners.employ(merchant=shop, user=zhao, role=Job.CLERK)

    with pytest.raises(OwnMerchant):
        increases.decide(increase=asked, accept=True, by=qian)

    assert tea_house.terms.count() == 1
    assert increases.decide(increase=asked, accept=False, by=qian).status == "rejected"


@pytest.mark.parametrize("who", ["zhao", "qian"])
def test_a_shop_adopts_no_wish_that_either_who_priced_it_works_for(
    who, lake, tea_house, shop, zhou, zhao, qian, wang, grant_points
):
    grant_points(wang, 50)
    wish = wishes.propose(volunteer=wang, community=lake, text="一支铅笔")
    asked = wishes.decide(wish=wish, accept=True, price_points=50, value_fen=100, by=zhao)
    increases.decide(increase=asked, accept=True, by=qian)
    partners.employ(merchant=shop, user={"zhao": zhao, "qian": qian}[who], role=Job.CLERK)
    wish.refresh_from_db()

    with pytest.raises(OwnMerchant):
        wishes.adopt_as_merchant(wish=wish, partnership=tea_house, by=zhou)


@pytest.mark.parametrize(
    ("table", "altered"),
    [
        (
            "terms",
            "INSERT INTO merchants_terms (id, community_id, partnership_id, version, kind,"
            " valid_from, agreed_by_id) SELECT gen_random_uuid(), community_id, partnership_id, 2,"
            " 'donated', '2100-01-01', %(zhao)s FROM merchants_terms",
        ),
        ("offer", "UPDATE merchants_offer SET decided_by_id = %(zhao)s"),
        (
            "statement",
            "UPDATE merchants_statement SET status = 'approved', approved_by_id = %(zhao)s,"
            " approved_at = now(), number_year = 2024, number_in_year = 1,"
            " digest = repeat('0', 64)",
        ),
        (
            "sponsorship",
            "INSERT INTO merchants_sponsorship (id, community_id, partnership_id, text, given_on,"
            " recorded_by_id) SELECT gen_random_uuid(), community_id, id, 'x', '2024-01-01',"
            " %(zhao)s FROM merchants_partnership",
        ),
        (
            "question",
            "INSERT INTO merchants_statementquestion (id, community_id, statement_id, line_id,"
            " reason, answer, asked_by_id, asked_by_merchant) SELECT gen_random_uuid(),"
            " community_id, id, id, 'x', '', %(zhao)s, FALSE FROM merchants_statement",
        ),
        (
            "increase",
            "INSERT INTO merchants_increase (id, community_id, kind, partnership_id, subject_id,"
            " facts, status, asked_by_id) SELECT gen_random_uuid(), community_id, 'terms', id, id,"
            " '{}', 'pending', %(zhao)s FROM merchants_partnership",
        ),
    ],
)
def test_the_database_has_the_last_word(table, altered, lake, employed, redeemed, zhao):
    redeemed("2024-03-05 10:00")
    settlement.draft(community=lake, **MARCH)
    employed(zhao, until=timezone.now())

    with (
        pytest.raises(IntegrityError, match="who works for a merchant decides nothing"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(altered, {"zhao": zhao.pk})
