"""Partners: from a business one talks to, to what its contract pays, and its end."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from backend.audit.models import AuditEntry, OwnAct
from backend.communities.models import Role
from backend.communities.services import roles
from backend.ids import new_id
from backend.notices.models import Notice
from backend.notices.words import words
from merchants.catalogue.errors import OfferNotPriced
from merchants.catalogue.services import offers as catalogue
from merchants.catalogue.services import terms as terms_of_day
from merchants.giving.services import campaigns
from merchants.models import (
    MerchantMember,
    Offer,
    Partnership,
    Redemption,
    ScanAttempt,
    Terms,
)
from merchants.partners.errors import (
    AlreadyPartner,
    HasOwner,
    MerchantUnknown,
    OwnIncrease,
    OwnMerchant,
    PartnerEnded,
    PartnerNameTaken,
    PartnerNotAccepted,
    PartnerNotActive,
    PartnerStatusWrong,
    TermsIncomplete,
    TermsInForce,
    TermsTooEarly,
)
from merchants.partners.services import increases, invitations, listings
from merchants.partners.services import partnerships as partners
from merchants.redemption.errors import CodeUnknown
from merchants.redemption.services import offline, pay_codes, refunds, voucher_tokens
from merchants.redemption.services import vouchers as redemption
from merchants.settlement.services import bank
from volunteers.models import Volunteer
from volunteers.people.services import people

Status, Kind = Partnership.Status, Terms.Kind


@pytest.fixture
def noodles(lake, zhao) -> Partnership:
    """面馆, whom the lake's staff talk to."""
    return partners.consider(community=lake, name="面馆", trade="餐饮", by=zhao)


@pytest.fixture
def agree(noodles, zhao, lake, by_two):
    """Terms from today on, by two people: ``agree(kind=…)``."""

    def make(**terms) -> Terms:
        terms = {"partnership": noodles, "valid_from": lake.today, "by": zhao} | terms
        return by_two(partners.agree(**terms))

    return make


@pytest.mark.parametrize(
    ("terms", "version", "fen_per_point", "amount_fen"),
    [
        ({"kind": Kind.PER_POINT, "fen_per_point": 7}, 2, 7, 7 * 30 * 3),
        ({"kind": Kind.SHARE, "share_bp": 3_333}, 2, None, 499 * 3),  # 499.95 a piece
        ({"kind": Kind.PER_PIECE}, 2, None, 880 * 3),
        ({"kind": Kind.DONATED}, 2, 0, 0),
        ({"kind": Kind.DONATED, "fen_per_point": 7}, 2, 0, 0),
        (None, 1, 10, 10 * 30 * 3),
    ],
)
def test_what_is_redeemed_is_paid_by_the_contract_of_the_day_it_was_taken(
    terms, version, fen_per_point, amount_fen, agree, tea, tea_house, wang, grant_points
):
    Offer.objects.filter(pk=tea.pk).update(value_fen=1_500, settled_fen=880)
    if terms:
        agree(partnership=tea_house, **terms)
    grant_points(wang, 90)
    offer = Offer.objects.select_related("partnership", "community").get(pk=tea.pk)

    taken = redemption.take(offer=offer, volunteer=wang, quantity=3)

    assert (taken.terms_version, taken.fen_per_point, taken.amount_fen) == (
        version,
        fen_per_point,
        amount_fen,
    )


def test_new_terms_do_not_reach_back(agree, lake, tea, tea_house, wang, grant_points):
    agree(
        partnership=tea_house,
        kind=Kind.PER_POINT,
        fen_per_point=7,
        valid_from=lake.today + timedelta(days=1),
    )
    grant_points(wang, 30)

    assert redemption.take(offer=tea, volunteer=wang).amount_fen == 300


def test_a_share_is_refunded_to_the_fen(
    agree, lake, tea, tea_house, wang, chen, zhao, grant_points
):
    Offer.objects.filter(pk=tea.pk).update(value_fen=1_500)
    Terms.objects.create(
        community=lake,
        partnership=tea_house,
        version=2,
        kind=Kind.SHARE,
        share_bp=3_333,
        valid_from=date(2024, 1, 1),
    )
    grant_points(wang, 90)
    offer = Offer.objects.select_related("partnership", "community").get(pk=tea.pk)
    taken = redemption.take(offer=offer, volunteer=wang, quantity=3)
    redemption.scan(merchant_id=tea_house.merchant_id, clerk=chen, code=taken.code)

    given_back = [
        refunds.refund(redemption=taken, refunded_by=chen, reason="茶凉了", quantity=1).amount_fen
        for _ in range(2)
    ]

    assert given_back == [499, 499]
    assert Redemption.objects.get().amount_fen == 499 * 3


@pytest.mark.parametrize("terms", [{"kind": Kind.SHARE, "share_bp": 1}, {"kind": Kind.PER_PIECE}])
def test_what_the_contract_has_no_price_for_is_not_taken(
    terms, agree, tea, tea_house, wang, grant_points, books
):
    agree(partnership=tea_house, **terms)
    grant_points(wang, 30)

    with pytest.raises(OfferNotPriced):
        redemption.take(offer=tea, volunteer=wang)

    assert books(wang)["held"] == 0


def test_a_suspended_partner_gives_nothing_new_and_honours_what_is_held(
    tea, tea_house, wang, chen, zhao, grant_points, books
):
    grant_points(wang, 60)
    held = redemption.take(offer=tea, volunteer=wang)
    for status in (Status.SUSPENDED, Status.SUSPENDED):
        partners.move(partnership=tea_house, status=status, by=zhao, reason="装修")
    late = Offer.objects.select_related("partnership", "community").get(pk=tea.pk)

    with pytest.raises(PartnerNotActive):
        redemption.take(offer=late, volunteer=wang)
    redemption.scan(merchant_id=tea_house.merchant_id, clerk=chen, code=held.code)

    assert (books(wang)["available"], books(wang)["merchants"]) == (30, 30)


def test_a_candidate_becomes_a_partner_and_ends(noodles, agree, zhao):
    assert noodles.status == Status.CANDIDATE
    agree(kind=Kind.PER_POINT, fen_per_point=5)
    noodles.refresh_from_db()
    assert noodles.status == Status.CONTRACT
    for status in (Status.ACTIVE, Status.SUSPENDED, Status.ACTIVE, Status.ENDED):
        noodles = partners.move(partnership=noodles, status=status, by=zhao)
        assert noodles.status == status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ([], Status.ACTIVE),
        ([], Status.SUSPENDED),
        ([Status.ENDED], Status.ACTIVE),
        ([Status.ENDED], Status.SUSPENDED),
    ],
)
def test_what_a_status_does_not_lead_to_is_refused(noodles, zhao, path, status):
    for step in path:
        partners.move(partnership=noodles, status=step, by=zhao)

    with pytest.raises(PartnerStatusWrong):
        partners.move(partnership=noodles, status=status, by=zhao)
    with pytest.raises(DatabaseError, match="Invalid transition"), transaction.atomic():
        Partnership.objects.filter(pk=noodles.pk).update(status=status)


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        ({"kind": Kind.PER_POINT}, TermsIncomplete),
        ({"kind": Kind.PER_POINT, "share_bp": 1}, TermsIncomplete),
        ({"kind": Kind.PER_POINT, "fen_per_point": 1, "share_bp": 1}, TermsIncomplete),
        ({"kind": Kind.SHARE, "fen_per_point": 1}, TermsIncomplete),
        ({"kind": Kind.PER_PIECE, "fen_per_point": 1}, TermsIncomplete),
        ({"kind": Kind.DONATED, "share_bp": 1}, TermsIncomplete),
        ({"kind": Kind.DONATED, "valid_from": date(2024, 1, 1)}, TermsTooEarly),
        ({"kind": Kind.DONATED, "valid_from": date(2100, 1, 1)}, TermsTooEarly),
    ],
)
def test_terms_that_are_refused(agree, terms, refusal):
    agree(kind=Kind.DONATED, valid_from=date(2100, 1, 2))

    with pytest.raises(refusal):
        agree(**terms)

    assert Terms.objects.count() == 1


def test_nothing_is_agreed_on_with_who_left(agree, noodles, zhao):
    partners.move(partnership=noodles, status=Status.ENDED, by=zhao)

    with pytest.raises(PartnerEnded):
        agree(kind=Kind.DONATED)


def test_two_partners_of_one_name_are_not_told_apart(noodles, lake, zhao):
    with pytest.raises(PartnerNameTaken):
        partners.consider(community=lake, name="面馆", trade="餐饮", by=zhao)


def test_a_partner_of_two_communities_is_one_merchant(lake, hill, shop, zhou, person):
    clerk_of_the_hill = person("qian", "钱干事")

    made = partners.consider(
        community=hill, name="山上茶馆", trade="零售", by=clerk_of_the_hill, merchant_id=shop.pk
    )

    assert (made.merchant, made.status) == (shop, Status.ASKED)
    assert (made.merchant.name, made.merchant.trade) == ("茶馆", "餐饮")
    entry = AuditEntry.objects.get(action="partnership.consider")
    assert (entry.community, entry.actor) == (hill, clerk_of_the_hill)
    assert entry.after == {"merchant": str(shop.pk), "is_new": False}


@pytest.mark.parametrize("status", [None, Status.ENDED])
def test_who_is_or_was_a_partner_here_does_not_become_one_twice(
    lake, tea_house, zhou, zhao, status
):
    if status:
        partners.move(partnership=tea_house, status=status, by=zhao)

    with pytest.raises(AlreadyPartner):
        partners.consider(
            community=lake, name="面馆", trade="餐饮", by=zhao, merchant_id=tea_house.merchant_id
        )


def test_a_merchant_nobody_owns_is_not_taken_over_from_elsewhere(hill, shop, chen, zhao):
    for merchant_id in (shop.pk, new_id()):
        with pytest.raises(MerchantUnknown):
            partners.consider(
                community=hill, name="茶馆", trade="餐饮", by=zhao, merchant_id=merchant_id
            )

    assert Partnership.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_desks_taking_one_merchant_on_make_one_partner_of_it(hill, shop, zhou, zhao, at_once):
    def ask(number):
        partners.consider(
            community=hill, name=f"茶馆 {number}", trade="餐饮", by=zhao, merchant_id=shop.pk
        )

    assert at_once(2, ask).count("already_partner") == 1
    assert Partnership.objects.filter(community=hill).count() == 1


@pytest.mark.parametrize(
    "altered",
    [
        "UPDATE merchants_terms SET fen_per_point = 99",
        "UPDATE merchants_terms SET valid_from = '2100-01-01', withdrawn_at = now()",
        "DELETE FROM merchants_terms",
    ],
)
def test_terms_never_change(tea_house, altered):
    with (
        pytest.raises(DatabaseError, match=r"Cannot (update|delete) rows"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(altered)


def test_staff_invite_the_first_owner_and_no_second(noodles, zhao, person):
    code = invitations.invite_owner(partnership=noodles, invited_by=zhao).code
    owner = person("boss", "老板")
    assert invitations.accept(user=owner, code=code).role == MerchantMember.Role.OWNER

    with pytest.raises(HasOwner):
        invitations.invite_owner(partnership=noodles, invited_by=zhao)


# --- withdrawn before they are in force --------------------------------------------------------
FAR = date(2100, 1, 1)


def withdraw_by_hand(terms, zhao):
    """Past Python: the trigger's answer, and the commit's."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE merchants_terms SET withdrawn_at = now(), withdrawn_by_id = %s WHERE id = %s",
            [zhao.pk, terms.pk],
        )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def where_it_is(lake, clock):
    """Let the lake be where ``clock`` is what clocks show now; answers the day there."""
    now = datetime.now(UTC)
    hours, minutes, seconds = map(int, clock.split(":"))
    shown = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    ahead = int(
        (
            datetime(2024, 1, 1) + shown - datetime.combine(date(2024, 1, 1), now.time())
        ).total_seconds()
    )
    sign, ahead = ("-" if ahead >= 0 else "+"), abs(ahead)  # as POSIX writes it
    zone = f"X{sign}{ahead // 3600:02}:{ahead // 60 % 60:02}:{ahead % 60:02}"
    type(lake).objects.filter(pk=lake.pk).update(timezone=zone)
    return now.date()


def test_terms_for_a_far_day_are_withdrawn_and_freeze_nothing(agree, noodles, lake, zhao):
    first = agree(kind=Kind.DONATED)
    far = agree(kind=Kind.SHARE, share_bp=1, valid_from=FAR)
    with pytest.raises(TermsTooEarly):
        agree(kind=Kind.PER_PIECE)

    withdrawn = partners.withdraw_terms(terms=far, by=zhao)
    again = partners.withdraw_terms(terms=far, by=zhao)
    third = agree(kind=Kind.PER_PIECE)

    assert (withdrawn.withdrawn_by, again.withdrawn_at) == (zhao, withdrawn.withdrawn_at)
    assert (first.version, far.version, third.version) == (1, 2, 3)
    assert terms_of_day.in_force(noodles, FAR).version == 3
    (told,) = AuditEntry.objects.filter(action="partnership.withdraw_terms")
    assert (told.actor, told.target_id, told.after) == (zhao, str(noodles.pk), {"version": 2})


def test_a_contract_without_its_only_terms_pays_nothing_and_takes_others(agree, noodles, zhao):
    partners.withdraw_terms(terms=agree(kind=Kind.DONATED, valid_from=FAR), by=zhao)

    with pytest.raises(PartnerNotActive):
        terms_of_day.in_force(noodles, FAR)
    assert agree(kind=Kind.DONATED).version == 2


@pytest.mark.parametrize(
    ("first", "coming", "is_raise"),
    [
        ({"kind": Kind.PER_POINT, "fen_per_point": 9}, {"kind": Kind.DONATED}, True),
        (
            {"kind": Kind.PER_POINT, "fen_per_point": 9},
            {"kind": Kind.PER_POINT, "fen_per_point": 8},
            True,
        ),
        ({"kind": Kind.SHARE, "share_bp": 9}, {"kind": Kind.PER_PIECE}, True),
        ({"kind": Kind.SHARE, "share_bp": 9}, {"kind": Kind.SHARE, "share_bp": 10}, False),
        ({"kind": Kind.DONATED}, {"kind": Kind.PER_PIECE}, False),
    ],
)
def test_a_coming_reduction_is_withdrawn_by_two_people(
    agree, noodles, zhao, person, lake, first, coming, is_raise
):
    agree(**first)
    terms = agree(**coming, valid_from=FAR)

    asked = partners.withdraw_terms(terms=terms, by=zhao)
    terms.refresh_from_db()

    assert (terms.withdrawn_at is None) == is_raise
    if is_raise:
        assert partners.withdraw_terms(terms=terms, by=zhao) == asked
        with pytest.raises(OwnIncrease):
            increases.decide(increase=asked, accept=True, by=zhao)
        increases.decide(increase=asked, accept=True, by=person("qian"))
        terms.refresh_from_db()
        assert (terms.withdrawn_by, terms.withdrawn_at is None) == (zhao, False)


def test_who_works_there_withdraws_no_terms(agree, noodles, lake, zhou, zhao):
    terms = agree(kind=Kind.DONATED, valid_from=FAR)
    partners.employ(merchant=noodles.merchant, user=zhou, role=MerchantMember.Role.CLERK)

    with pytest.raises(OwnMerchant):
        partners.withdraw_terms(terms=terms, by=zhou)
    with pytest.raises(DatabaseError):
        withdraw_by_hand(terms, zhou)


def test_terms_in_force_are_not_withdrawn(agree, tea_house, lake, zhao):
    (imported,) = tea_house.terms.all()
    for terms in (imported, agree(kind=Kind.DONATED)):
        with pytest.raises(TermsInForce):
            partners.withdraw_terms(terms=terms, by=zhao)

    assert not Terms.objects.exclude(withdrawn_at=None).exists()


def test_terms_by_which_something_was_taken_are_not_withdrawn(
    agree, tea, tea_house, zhao, wang, grant_points
):
    terms = agree(partnership=tea_house, kind=Kind.DONATED, valid_from=FAR)
    grant_points(wang, 30)
    offer = Offer.objects.select_related("partnership", "community").get(pk=tea.pk)
    taken = redemption.take(offer=offer, volunteer=wang, now=datetime(2100, 6, 1, tzinfo=UTC))
    assert taken.terms_version == terms.version

    with pytest.raises(TermsInForce):
        partners.withdraw_terms(terms=terms, by=zhao, is_confirmed=True)


@pytest.mark.parametrize(
    ("clock", "is_late"), [("23:58:00", False), ("23:59:30", True), ("24:00:10", True)]
)
def test_terms_are_withdrawn_until_a_minute_before_midnight(agree, lake, zhao, clock, is_late):
    today = where_it_is(lake, clock)
    terms = Terms.objects.create(
        community=lake,
        partnership=Partnership.objects.get(),
        version=1,
        kind=Kind.DONATED,
        valid_from=today + timedelta(days=1),
    )

    if is_late:
        with pytest.raises(DatabaseError, match="in force"):
            withdraw_by_hand(terms, zhao)
    else:
        withdraw_by_hand(terms, zhao)


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_comes_too_late_withdraws_nothing(agree, lake, zhao):
    terms = agree(kind=Kind.DONATED, valid_from=lake.today + timedelta(days=3))

    @transaction.atomic
    def withdraw_while_midnight_comes():
        partners.withdraw_terms(terms=terms, by=zhao)
        type(lake).objects.filter(pk=lake.pk).update(timezone="X-160")

    with pytest.raises(DatabaseError, match="in force"):
        withdraw_while_midnight_comes()

    terms.refresh_from_db()
    assert terms.withdrawn_at is None


def test_what_is_withdrawn_stays_so(agree, zhao):
    terms = partners.withdraw_terms(terms=agree(kind=Kind.DONATED, valid_from=FAR), by=zhao)

    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        Terms.objects.filter(pk=terms.pk).update(withdrawn_at=None, withdrawn_by=None)


def test_staff_withdraw_terms_over_http(agree, noodles, zhao, logged_in):
    terms = agree(kind=Kind.DONATED, valid_from=FAR)
    desk = logged_in(zhao)

    answer = desk.post(f"/api/v1/partnerships/{noodles.pk}/terms/{terms.pk}/withdraw")

    assert answer.status_code == 200
    assert answer.json()["withdrawn_by"] == {"id": str(zhao.pk), "name": zhao.shown_name}
    (listed,) = desk.get(f"/api/v1/partnerships/{noodles.pk}/terms").json()["results"]
    assert listed == answer.json()

    now = agree(kind=Kind.DONATED)
    answer = desk.post(f"/api/v1/partnerships/{noodles.pk}/terms/{now.pk}/withdraw")
    assert (answer.status_code, answer.json()["code"]) == (409, "terms_in_force")


# --- asked ------------------------------------------------------------------------------------
@pytest.fixture
def asked(hill, shop, zhou, person) -> Partnership:
    """The hill's staff would like the tea house, which Zhou owns."""
    return partners.consider(
        community=hill, name="山上茶馆", trade="餐饮", by=person("qian"), merchant_id=shop.pk
    )


def act(asked, shop, zhou, person):
    """Do acts for the merchant; return those that the asking community's auditors read."""
    before = set(AuditEntry.objects.values_list("pk", flat=True))
    bank.keep_account(merchant=shop, holder="周", bank="农商行", number="62220001", by=zhou)
    code = invitations.invite(merchant=shop, invited_by=zhou, role=MerchantMember.Role.CLERK).code
    invitations.accept(user=person("new"), code=code)
    offline.register_device(merchant=shop, name="平板", by=zhou)
    told = AuditEntry.objects.exclude(pk__in=before).filter(community=asked.community)
    return set(told.values_list("action", flat=True))


TRAIL = {"bank_account.keep", "invitation.make", "invitation.accept", "device.register"}


@pytest.mark.parametrize(
    ("answers", "status", "reads"),
    [
        ([], Status.ASKED, set()),
        ([False, False], Status.DECLINED, set()),
        ([False, True, True], Status.CANDIDATE, TRAIL),
    ],
)
def test_a_community_reads_of_a_merchant_once_its_owner_said_yes(
    asked, shop, zhou, person, answers, status, reads
):
    for accept in answers:
        asked = partners.answer(partnership=asked, accept=accept, by=zhou)

    assert asked.status == status
    assert act(asked, shop, zhou, person) == reads


@pytest.mark.parametrize("is_owed", [True, False])
def test_a_community_whose_partnership_ended_reads_on_while_something_is_owed(
    is_owed, tea_house, shop, zhou, zhao, person, redeemed
):
    if is_owed:
        redeemed("2024-03-05 10:00")
    ended = partners.move(partnership=tea_house, status=Status.ENDED, by=zhao)

    assert act(ended, shop, zhou, person) == (TRAIL if is_owed else set())


def test_nothing_is_decided_about_a_merchant_that_only_was_asked(asked, zhou, zhao, lake):
    for decide in (
        lambda: partners.agree(
            partnership=asked, kind=Kind.DONATED, valid_from=lake.today, by=zhao
        ),
        lambda: partners.describe(partnership=asked, by=zhao, is_staff=True, settlement_day=2),
        lambda: invitations.invite_owner(partnership=asked, invited_by=zhao),
        lambda: campaigns.sponsor(partnership=asked, text="水", given_on=lake.today, by=zhao),
        lambda: listings.add(partnership=asked, kind="need", title="x", description="", by=zhao),
        lambda: catalogue.propose(
            partnership=asked, by=zhou, code="X", title="x", price_points=1, stock=1
        ),
    ):
        with pytest.raises(PartnerNotAccepted):
            decide()
    for status in (Status.ACTIVE, Status.ENDED):
        with pytest.raises(PartnerStatusWrong):
            partners.move(partnership=asked, status=status, by=zhao)
    with pytest.raises(DatabaseError), transaction.atomic():
        Partnership.objects.filter(pk=asked.pk).update(status=Status.CANDIDATE)


def test_a_code_of_a_community_that_only_asked_is_unknown_at_the_counter(
    asked, shop, chen, hill, li, grant_points
):
    people.enrol(user=li, community=hill, kind=Volunteer.Kind.RESIDENT)
    grant_points(li, 30, hill)
    bakery = partners.sign_contract(
        community=hill, name="面包房", trade="餐饮", fen_per_point=1, is_donated=False
    )
    bread = catalogue.offer(partnership=bakery, code="B", title="面包", price_points=3, stock=5)
    voucher = redemption.take(offer=bread, volunteer=li)
    minute = pay_codes.show(volunteer=li, community=hill).code

    with pytest.raises(CodeUnknown):
        redemption.scan(merchant_id=shop.pk, clerk=chen, code=voucher.code)
    with pytest.raises(CodeUnknown):
        pay_codes.pay(merchant=shop, clerk=chen, code=minute, points=1)

    assert not ScanAttempt.objects.filter(community=hill).exists()
    assert all(key.community != hill for key in voucher_tokens.keys_of(shop))


def test_who_said_no_is_on_record_and_not_told(asked, zhou):
    partners.answer(partnership=asked, accept=False, by=zhou)

    act = OwnAct.objects.get(action="partnership.answer")
    assert (act.actor, act.after) == (zhou, {"status": "declined"})
    assert not AuditEntry.objects.filter(action="partnership.answer").exists()


def test_staff_who_work_there_do_not_bring_it_along(hill, shop, zhou):
    roles.give(user=zhou, community=hill, role=Role.STAFF)

    with pytest.raises(OwnMerchant):
        partners.consider(community=hill, name="茶馆", trade="餐饮", by=zhou, merchant_id=shop.pk)

    assert not Partnership.objects.filter(community=hill).exists()


def test_an_owner_answers_over_http(asked, hill, shop, zhou, chen, person, logged_in):
    staff = person("staff")
    roles.give(user=staff, community=hill, role=Role.STAFF)
    office, desk = logged_in(zhou), logged_in(staff)
    notice = Notice.objects.get(recipient=zhou)
    assert notice.kind == "partnership_asked"
    assert "山丹社区" in words(notice)[1]
    address = f"/api/v1/partnerships/{asked.pk}/answer"
    assert logged_in(chen).post(address, {"accept": True}).status_code == 404
    assert desk.get(f"/api/v1/partnerships/{asked.pk}").json()["status"] == "asked"
    terms = {"kind": "donated", "valid_from": "2100-01-01"}
    refused = desk.post(f"/api/v1/partnerships/{asked.pk}/terms", terms)
    assert (refused.status_code, refused.json()["code"]) == (409, "partner_not_accepted")

    told = office.post(address, {"accept": True})

    assert (told.status_code, told.json()["status"]) == (200, "candidate")
    assert desk.post(f"/api/v1/partnerships/{asked.pk}/terms", terms).status_code == 201
    late = office.post(address, {"accept": False})
    assert (late.status_code, late.json()["code"]) == (409, "partner_status_wrong")


# --- over HTTP --------------------------------------------------------------------------------
def test_staff_take_a_business_on_over_http(lake, zhao, wang, person, logged_in):
    desk, phone = logged_in(zhao), logged_in(wang)
    made = desk.post("/api/v1/communities/lake/partnerships", {"name": "面馆", "trade": "餐饮"})
    assert made.status_code == 201
    partner = made.json()
    address = f"/api/v1/partnerships/{partner['id']}"
    assert (partner["status"], partner["terms"]) == ("candidate", None)
    assert phone.get("/api/v1/shops").json()["results"] == []

    terms = {"kind": "share", "share_bp": 8_000, "valid_from": lake.today.isoformat()}
    asked = desk.post(f"{address}/terms", terms)
    assert (asked.status_code, asked.json()["status"]) == (202, "pending")
    assert desk.get(f"{address}/terms").json()["results"] == []
    colleague = person("sun", "孙社工")
    roles.give(user=colleague, community=lake, role=Role.STAFF)
    decision = f"/api/v1/increases/{asked.json()['id']}/decision"
    confirmed = logged_in(colleague).post(decision, {"accept": True})
    assert (confirmed.status_code, confirmed.json()["status"]) == (200, "confirmed")
    assert confirmed.json()["decided_by"] == {"id": str(colleague.pk), "name": colleague.shown_name}
    (agreed,) = desk.get(f"{address}/terms").json()["results"]
    assert agreed == terms | {
        "id": agreed["id"],
        "version": 1,
        "fen_per_point": None,
        "agreed_at": agreed["agreed_at"],
        "agreed_by": {"id": str(zhao.pk), "name": zhao.shown_name},
        "withdrawn_at": None,
        "withdrawn_by": None,
    }
    place = {
        "contact_phone": "0731-85550001",
        "address": "湖滨路 2 号",
        "opening_hours": "周一至周日 9:00–21:00",
        "latitude": 28.2,
        "longitude": 112.9,
        "coord_type": "gcj02",
    }
    assert desk.patch(address, place | {"settlement_day": 19}).status_code == 200
    assert desk.post(f"{address}/status", {"status": "active"}).status_code == 200

    assert desk.get(address).json() == partner | place | {
        "status": "active",
        "settlement_day": 19,
        "terms": agreed,
    }
    assert desk.get("/api/v1/communities/lake/partnerships").json()["results"] == [
        desk.get(address).json()
    ]
    assert phone.get("/api/v1/shops?community=lake").json()["results"] == [
        {
            "id": partner["merchant_id"],
            "name": "面馆",
            "trade": "餐饮",
            "community": {"code": "lake", "name": lake.name},
            **place,
        }
    ]


def test_an_owner_has_a_shop_in_another_community_too(hill, shop, zhou, person, logged_in):
    staff = person("qian", "钱干事")
    roles.give(user=staff, community=hill, role=Role.STAFF)
    desk, office = logged_in(staff), logged_in(zhou)
    (mine,) = office.get("/api/v1/merchants").json()["results"]
    body = {"name": "茶馆", "trade": "餐饮", "merchant_id": mine["id"]}

    made = desk.post("/api/v1/communities/hill/partnerships", body)

    assert made.status_code == 201
    assert (made.json()["merchant_id"], made.json()["status"]) == (str(shop.pk), "asked")
    mine = office.get(f"/api/v1/merchants/{shop.pk}/partnerships").json()["results"]
    assert [one["community"]["code"] for one in mine] == ["hill", "lake"]
    assert mine[0] == made.json()
    for merchant_id, refusal in (
        (shop.pk, (409, "already_partner")),
        (new_id(), (404, "merchant_unknown")),
    ):
        answer = desk.post(
            "/api/v1/communities/hill/partnerships", body | {"merchant_id": str(merchant_id)}
        )
        assert (answer.status_code, answer.json()["code"]) == refusal


def test_an_owner_tells_where_the_shop_is_and_sees_the_contract(zhou, tea_house, logged_in):
    mine = f"/api/v1/merchants/{tea_house.merchant_id}/partnerships"
    office = logged_in(zhou)

    one = f"/api/v1/partnerships/{tea_house.pk}"
    told = office.patch(one, {"opening_hours": "9:00–21:00"})

    assert told.status_code == 200
    assert told.json()["opening_hours"] == "9:00–21:00"
    assert told.json()["terms"]["fen_per_point"] == 10
    assert office.get(mine).json()["results"] == [told.json()]
    assert office.get(one).json() == told.json()
    assert office.patch(one, {"latitude": 1.0}).status_code == 400
    refused = office.patch(one, {"settlement_day": 5})
    assert (refused.status_code, refused.json()["code"]) == (403, "own_merchant")
    tea_house.refresh_from_db()
    assert (tea_house.latitude, tea_house.settlement_day) == (None, 1)


def test_an_auditor_reads_contracts_and_changes_none(lake, tea_house, person, logged_in):
    auditor = person("qian", "钱审计")
    roles.give(user=auditor, community=lake, role=Role.AUDITOR)
    desk = logged_in(auditor)
    address = f"/api/v1/partnerships/{tea_house.pk}"

    assert desk.get(address).status_code == 200
    assert desk.patch(address, {"settlement_day": 5}).status_code == 404
    assert desk.post(f"{address}/status", {"status": "ended"}).status_code == 404
