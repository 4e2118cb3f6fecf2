"""Leaving a community: what is held returns, and nothing can be redeemed by any door."""

from collections import Counter
from datetime import date, timedelta

import pytest
from django.utils import timezone

from backend.accounts import ages
from backend.accounts.models import Guardianship
from backend.accounts.services import guardians, profile
from backend.communities.errors import NotAVolunteerHere
from backend.privacy.services import erasure
from merchants.catalogue.services import offers as catalogue
from merchants.giving.errors import WishStatusWrong
from merchants.giving.services import campaigns, wishes
from merchants.models import MerchantMember, Offer, Redemption, Wish
from merchants.partners.services import partnerships as partners
from merchants.redemption.errors import (
    CodeCancelled,
    CodeUnknown,
    PayCodeExpired,
    VoucherStatusWrong,
)
from merchants.redemption.services import offline, pay_codes, shop_codes, voucher_tokens
from merchants.redemption.services import vouchers as redemption
from points.kinds import AccountKind
from points.ledger import selectors as points
from volunteers.attendance.services import presence, sign_ups
from volunteers.models import Attendance, Volunteer
from volunteers.people.services import people

HOUR = timedelta(hours=1)


def leave(user):
    return people.leave(volunteer=Volunteer.objects.get(user=user))


def rejoin(user, lake):
    return people.enrol(user=user, community=lake, kind=Volunteer.Kind.RIDER)


@pytest.fixture
def shop(tea_house):
    shop_codes.renew(partnership=tea_house, by=None)
    tea_house.refresh_from_db()
    return tea_house


@pytest.fixture
def wallet(lake, wang, grant_points):
    """Wang's 3,000 points: ``wallet()`` is what is available and what is held."""
    grant_points(wang, 3_000)

    def look(user=wang):
        wallet = points.wallet_of(lake.pk, user.pk)
        return wallet.available, wallet.held

    return look


@pytest.fixture
def zhou(shop, person):
    user = person("zhou", "周老板")
    partners.employ(merchant=shop.merchant, user=user, role=MerchantMember.Role.OWNER)
    return user


@pytest.fixture
def wish(lake, wang, zhao):
    proposed = wishes.propose(volunteer=wang, community=lake, text="一辆自行车")
    return wishes.decide(wish=proposed, accept=True, by=zhao, price_points=80)


def test_what_is_held_returns_and_can_be_read(lake, wang, tea, wallet, logged_in):
    held = [redemption.take(offer=tea, volunteer=wang, quantity=n) for n in (1, 2)]
    assert wallet() == (2_910, 90)

    answer = logged_in(wang).post("/api/v1/communities/lake/leave")

    assert answer.status_code == 200
    assert wallet() == (3_000, 0)
    assert Offer.objects.get(pk=tea.pk).stock == 5
    client = logged_in(wang)
    statuses = [row["status"] for row in client.get("/api/v1/me/vouchers").json()["results"]]
    assert statuses == ["cancelled"] * len(held)
    (read,) = client.get("/api/v1/me/wallets").json()["results"]
    assert read["available"] == 3_000
    assert leave(wang).left_at is not None  # again, and nothing changes
    rejoin(wang, lake)
    assert wallet() == (3_000, 0)
    assert redemption.take(offer=tea, volunteer=wang).status == "held"


def scanned(wang, chen, shop, tea, voucher, **_):
    redemption.scan(merchant_id=shop.merchant_id, clerk=chen, code=voucher.code)


def confirmed_with_the_shops_code(wang, chen, shop, tea, voucher, **_):
    shop_codes.confirm(voucher=voucher, shop_code=shop.shop_code)


def paid_with_the_shops_code(wang, chen, shop, tea, voucher, **_):
    shop_codes.pay(volunteer=wang, shop_code=shop.shop_code, points=10)


def paid_with_a_code_shown_before(wang, chen, shop, tea, voucher, shown, **_):
    pay_codes.pay(merchant=shop.merchant, clerk=chen, code=shown, points=10)


def bought_with_a_code_shown_before(wang, chen, shop, tea, voucher, shown, **_):
    pay_codes.pay(merchant=shop.merchant, clerk=chen, code=shown, items={tea.pk: 1})


def taken(wang, chen, shop, tea, voucher, **_):
    redemption.take(offer=tea, volunteer=wang)


def given_to_a_campaign(wang, chen, shop, tea, voucher, campaign, **_):
    campaigns.donate(campaign=campaign, volunteer=wang, amount=10)


def signed_for_no_signal(wang, chen, shop, tea, voucher, **_):
    voucher_tokens.sign(voucher)


@pytest.mark.parametrize(
    ("door", "refusal"),
    [
        (scanned, CodeCancelled),
        (confirmed_with_the_shops_code, CodeCancelled),
        (paid_with_the_shops_code, CodeUnknown),
        (paid_with_a_code_shown_before, PayCodeExpired),
        (bought_with_a_code_shown_before, PayCodeExpired),
        (taken, NotAVolunteerHere),
        (given_to_a_campaign, NotAVolunteerHere),
        (signed_for_no_signal, VoucherStatusWrong),
    ],
)
def test_who_left_redeems_nothing_by_any_door(
    lake, wang, chen, zhao, shop, tea, wallet, door, refusal
):
    catalogue.change(offer=tea, by=zhao, scans_offline=door is signed_for_no_signal)
    tea.refresh_from_db()
    voucher = redemption.take(offer=tea, volunteer=wang)
    shown = pay_codes.show(volunteer=wang, community=lake).code
    campaign = campaigns.open_campaign(community=lake, title="助学", by=zhao)
    leave(wang)
    before = wallet()

    with pytest.raises(refusal):
        door(wang, chen, shop, tea, voucher, shown=shown, campaign=campaign)

    assert wallet() == before
    assert points.totals_by_kind(lake)[AccountKind.MERCHANT] == 0


def test_a_pay_code_shown_before_leaving_is_not_good_again_on_coming_back(
    lake, wang, chen, shop, wallet
):
    shown = pay_codes.show(volunteer=wang, community=lake).code
    leave(wang)
    rejoin(wang, lake)

    with pytest.raises(PayCodeExpired):
        pay_codes.pay(merchant=shop.merchant, clerk=chen, code=shown, points=10)

    fresh = pay_codes.show(volunteer=wang, community=lake).code
    pay_codes.pay(merchant=shop.merchant, clerk=chen, code=fresh, points=10)
    assert wallet() == (2_990, 0)


@pytest.mark.parametrize("adopted_by", ["nobody", "shop", "neighbour"])
def test_the_wish_of_who_left_is_withdrawn_and_its_points_are_free(
    wang, li, zhou, shop, wallet, wish, adopted_by
):
    if adopted_by == "shop":
        wishes.adopt_as_merchant(wish=wish, partnership=shop, by=zhou)
    elif adopted_by == "neighbour":
        wishes.adopt_as_donor(wish=wish, donor=li)

    leave(wang)

    wish.refresh_from_db()
    assert (wish.status, wallet()) == ("withdrawn", (3_000, 0))
    with pytest.raises(WishStatusWrong):
        wishes.thank(wish=wish, text="谢谢")


@pytest.mark.parametrize("ended", ["left", "erased"])
def test_the_wish_that_who_left_adopted_is_open_again(lake, wang, li, wallet, wish, ended):
    wishes.adopt_as_donor(wish=wish, donor=li)
    assert wallet() == (2_920, 80)

    if ended == "left":
        leave(li)
    else:
        erasure.ask(user=li)
        assert erasure.erase(user_id=li.pk, now=timezone.now() + timedelta(days=16))

    wish.refresh_from_db()
    assert (wish.status, wish.donor, wallet()) == ("published", None, (3_000, 0))


def test_what_a_counter_scanned_without_signal_before_counts(lake, wang, chen, zhao, tea, wallet):
    catalogue.change(offer=tea, by=zhao, scans_offline=True)
    tea.refresh_from_db()
    device = offline.register_device(merchant=tea.partnership.merchant, name="平板", by=chen)
    told_of, never_told_of = (redemption.take(offer=tea, volunteer=wang) for _ in range(2))
    code, until = voucher_tokens.sign(told_of)
    scan = offline.Told(nonce="1", code=code, device_time=timezone.now())

    leave(wang)

    told_of.refresh_from_db()
    # The code is out until it ends, and may be told of for a day.
    assert told_of.offline_until == until + 24 * HOUR
    (attempt,) = offline.tell(device=device, clerk=chen, scans=[scan])
    assert (attempt.outcome, attempt.clock_mark) == ("redeemed", "")
    assert wallet() == (2_940, 30)
    Redemption.objects.filter(pk=never_told_of.pk).update(offline_until=timezone.now())
    assert redemption.expire(
        community_id=never_told_of.community_id, redemption_id=never_told_of.pk
    )
    assert wallet() == (2_970, 0)


def test_elsewhere_nothing_ends(lake, hill, wang, wallet, grant_points):
    people.enrol(user=wang, community=hill, kind=Volunteer.Kind.RIDER)
    grant_points(wang, 100, community=hill)
    inn = partners.sign_contract(
        community=hill, name="客栈", trade="", fen_per_point=1, is_donated=False
    )
    bed = catalogue.offer(partnership=inn, code="BED", title="床", price_points=50, stock=1)
    held = redemption.take(offer=bed, volunteer=wang)

    people.leave(volunteer=Volunteer.objects.get(user=wang, community=lake))

    held.refresh_from_db()
    assert held.status == "held"


def test_who_is_erased_leaves_likewise(lake, wang, tea, patrol, wallet):
    redemption.take(offer=tea, volunteer=wang)
    place = sign_ups.sign_up(shift=patrol, volunteer=wang, now=patrol.starts_at)
    presence.check_in(attendance=place)
    erasure.ask(user=wang)

    assert erasure.erase(user_id=wang.pk, now=timezone.now() + timedelta(days=16))

    assert wallet() == (3_000, 0)
    assert Attendance.objects.get().status == "checked_out"


# --- a child for whom nobody agrees ---------------------------------------------------------


@pytest.fixture
def child(wang):
    profile.change(user=wang, born_on=ages.today() - timedelta(days=4_000))
    wang.refresh_from_db()
    return wang


@pytest.fixture
def agreed(child, person):
    """By both parents: ``agreed["mother"]``."""

    def agree(relation, username):
        parent = person(username)
        profile.change(user=parent, born_on=date(1980, 1, 1))
        parent.refresh_from_db()
        code, _ = guardians.ask(child=child)
        return guardians.agree(
            guardian=parent, code=code, relation=Guardianship.Relation.PARENT, version=1
        )

    return {name: agree(None, name) for name in ("mother", "father")}


def test_with_the_last_guardians_consent_ends_what_runs(lake, child, agreed, tea, patrol, wallet):
    redemption.take(offer=tea, volunteer=child)
    place = sign_ups.sign_up(shift=patrol, volunteer=child, now=patrol.starts_at)
    presence.check_in(attendance=place)

    guardians.withdraw(guardianship=agreed["mother"], by=agreed["mother"].guardian)
    assert wallet()[1] == 30
    guardians.withdraw(guardianship=agreed["father"], by=agreed["father"].guardian)

    assert wallet() == (3_000, 0)
    assert Attendance.objects.get().status == "checked_out"
    assert Volunteer.objects.get().left_at is None  # they are a volunteer, and do nothing new


def test_with_a_guardian_who_is_erased_it_ends_as_well(lake, child, agreed, tea, wallet):
    redemption.take(offer=tea, volunteer=child)
    guardians.withdraw(guardianship=agreed["mother"], by=agreed["mother"].guardian)
    erasure.ask(user=agreed["father"].guardian)

    assert erasure.erase(
        user_id=agreed["father"].guardian_id, now=timezone.now() + timedelta(days=16)
    )

    assert wallet() == (3_000, 0)


def test_who_tells_that_they_are_a_child_holds_nothing_until_a_guardian_agrees(
    lake, wang, tea, wallet
):
    redemption.take(offer=tea, volunteer=wang)

    profile.change(user=wang, born_on=ages.today() - timedelta(days=4_000))

    assert wallet() == (3_000, 0)


# --- at once --------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_who_leaves_while_being_scanned_has_either_the_points_or_the_tea(
    lake, wang, chen, shop, tea, wallet, at_once
):
    vouchers = [redemption.take(offer=tea, volunteer=wang) for _ in range(4)]

    def act(number):
        if number == 2:
            return leave(wang).left_at is not None
        code = vouchers[number % 4].code
        return redemption.scan(merchant_id=shop.merchant_id, clerk=chen, code=code).quantity

    outcomes = at_once(5, act)

    assert outcomes[2] is True
    assert set(outcomes) <= {True, "code_cancelled", "code_used"}
    statuses = Counter(Redemption.objects.values_list("status", flat=True))
    assert set(statuses) <= {"redeemed", "cancelled"}
    assert wallet() == (3_000 - 30 * statuses["redeemed"], 0)
    assert Offer.objects.get(pk=tea.pk).stock == 5 - statuses["redeemed"]


@pytest.mark.django_db(transaction=True)
def test_who_leaves_while_spending_holds_nothing_afterwards(
    lake, wang, li, chen, zhao, zhou, shop, tea, wallet, wish, at_once
):
    shown = pay_codes.show(volunteer=wang, community=lake).code
    campaign = campaigns.open_campaign(community=lake, title="助学", by=zhao)
    acts = [
        lambda: leave(wang).left_at is not None,
        lambda: redemption.take(offer=tea, volunteer=wang).status,
        lambda: pay_codes.pay(merchant=shop.merchant, clerk=chen, code=shown, points=7)[0].quantity,
        lambda: shop_codes.pay(volunteer=wang, shop_code=shop.shop_code, points=5)[0].quantity,
        lambda: wishes.adopt_as_merchant(wish=wish, partnership=shop, by=zhou).status,
        lambda: wishes.adopt_as_donor(wish=wish, donor=li).status,
        lambda: campaigns.donate(campaign=campaign, volunteer=wang, amount=3).points,
    ]

    outcomes = at_once(7, lambda number: acts[number]())

    assert outcomes[0] is True
    assert set(outcomes[1:]) <= {
        "held",
        "adopted",
        7,
        5,
        3,
        "not_a_volunteer_here",
        "code_expired",
        "code_unknown",
        "wish_status_wrong",
        "wish_not_open_now",
    }
    assert not Redemption.objects.filter(status="held").exists()
    assert Wish.objects.get().status == "withdrawn"
    spent = sum(outcome for outcome in outcomes[1:] if isinstance(outcome, int))
    assert wallet() == (3_000 - spent, 0)


@pytest.mark.django_db(transaction=True)
def test_who_pays_with_both_codes_at_once_for_the_first_time_there_pays_with_both(
    lake, wang, chen, shop, wallet, at_once
):
    shown = [pay_codes.show(volunteer=wang, community=lake).code for _ in range(4)]

    def pay(n):
        if n % 2:
            paid = shop_codes.pay(volunteer=wang, shop_code=shop.shop_code, points=5)
        else:
            paid = pay_codes.pay(merchant=shop.merchant, clerk=chen, code=shown[n // 2], points=5)
        return paid[0].quantity

    assert at_once(8, pay) == [5] * 8
    assert wallet() == (2_960, 0)


@pytest.mark.django_db(transaction=True)
def test_two_who_leave_at_once_with_the_same_offers_both_do(
    lake, wang, li, shop, tea, wallet, grant_points, at_once
):
    grant_points(li, 3_000)
    offers = [tea] + [
        catalogue.offer(partnership=shop, code=f"T{n}", title="茶", price_points=10, stock=9)
        for n in range(6)
    ]
    for user, order in ((wang, offers), (li, reversed(offers))):
        for offer in order:
            redemption.take(offer=offer, volunteer=user)

    outcomes = at_once(2, lambda n: leave((wang, li)[n]).left_at is not None)

    assert outcomes == [True, True]
    assert wallet() == wallet(li) == (3_000, 0)
