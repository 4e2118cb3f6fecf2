"""Where the first answer to a key is kept, and that a repeat finds it whatever happened since.

What the answer says when it is told again is in tests/backend/test_api_idempotency.py.
"""

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone

from backend.api import idempotency, tasks
from backend.api.models import IdempotencyKey, OwnIdempotencyKey
from backend.communities.models import Membership, Role
from backend.communities.services import places, roles
from backend.events.models import Venue
from merchants.catalogue.services import offers as catalogue
from merchants.giving.services import wishes
from merchants.models import Merchant, MerchantMember, Redemption, ScanAttempt
from merchants.partners.services import partnerships as partners
from merchants.redemption.api import counter
from merchants.redemption.services import pay_codes
from merchants.redemption.services import vouchers as redemption
from volunteers.models import Volunteer
from volunteers.people.services import people as enrolment

KEY = "once"
NOWHERE = "own"
VENUE = {"name": "活动室", "latitude": 28.2, "longitude": 112.9}


def send(client, address, body=None, *, method="post", key=KEY):
    headers = {"Idempotency-Key": key}
    return getattr(client, method)(f"/api/v1/{address}", body or {}, headers=headers)


def kept():
    """Return the code of the community of each kept answer, ``own`` for those of none."""
    codes = list(IdempotencyKey.objects.values_list("community__code", flat=True))
    return sorted(codes) + [NOWHERE] * OwnIdempotencyKey.objects.count()


def is_repeated(first, again):
    return again.get("Idempotency-Replayed") == "true" and (again.status_code, again.json()) == (
        first.status_code,
        first.json(),
    )


@pytest.fixture
def till(chen, logged_in):
    return logged_in(chen)


@pytest.fixture
def scans(shop):
    return f"merchants/{shop.pk}/scans"


@pytest.fixture
def join_hill(shop, hill):
    """``join_hill()``: the tea house becomes a partner at the hill too, with honey for 30."""

    def join():
        partnership = partners.sign_contract(
            community=hill,
            name="茶馆",
            trade="餐饮",
            fen_per_point=10,
            is_donated=False,
            merchant=shop,
        )
        return catalogue.offer(
            partnership=partnership, code="HONEY", title="蜂蜜", price_points=30, stock=5
        )

    return join


@pytest.fixture
def voucher(wang, grant_points):
    """``voucher(offer)``: Wang holds one, in whichever community it is."""

    def take(offer):
        community = offer.community
        if not Volunteer.objects.filter(community=community, user=wang).exists():
            enrolment.enrol(user=wang, community=community, kind=Volunteer.Kind.RIDER)
        grant_points(wang, 100, community)
        return redemption.take(offer=offer, volunteer=wang)

    return take


# --- where ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("who", "method", "address", "body", "where"),
    [
        ("zhao", "post", "communities/lake/venues", VENUE, "lake"),  # a place
        ("zhao", "post", "communities/lake-east/venues", VENUE, "lake"),  # an estate: its tenant
        ("zhao", "post", "communities/lake/venues", {}, "lake"),  # refused
        ("zhao", "post", "communities/hill/venues", VENUE, NOWHERE),  # finds nothing
        ("wang", "post", "offers/{tea}/vouchers", {}, "lake"),  # a row
        ("wang", "post", "offers/{unknown}/vouchers", {}, NOWHERE),
        ("wang", "post", "communities/lake/leave", {}, "lake"),
        ("wang", "post", "me/pay-codes", {"community": "lake"}, "lake"),  # told in the body
        ("wang", "post", "me/wishes", {"community": "lake", "text": "轮椅"}, "lake"),
        ("wang", "post", "me/payments", {"shop_code": "A" * 12, "points": 3}, "lake"),
        ("wang", "patch", "me", {"name": "王明"}, NOWHERE),
        ("chen", "post", "merchants/{shop}/scans", {"code": "A" * 12}, "lake"),
        ("chen", "post", "merchants/{unknown}/scans", {"code": "A" * 12}, NOWHERE),
        ("chen", "post", "merchants/{shop}/devices", {"name": "收银机"}, NOWHERE),
        ("zhou", "post", "merchants/{shop}/invitations", {"role": "clerk"}, NOWHERE),
    ],
)
def test_an_answer_is_kept_in_the_community_that_the_request_is_about(
    request, lake, hill, tea, shop, grant_points, wang, logged_in, who, method, address, body, where
):
    places.found(code="lake-east", name="东区", kind="estate", parent=lake)
    grant_points(wang, 100)
    client = logged_in(request.getfixturevalue(who))
    address = address.format(tea=tea.pk, shop=shop.pk, unknown=uuid4())

    first = send(client, address, body, method=method)

    assert kept() == [where]
    again = send(client, address, body, method=method)
    assert again.status_code == first.status_code
    assert kept() == [where]
    assert first.status_code == 404 or is_repeated(first, again)


def test_a_change_of_a_community_s_words_is_kept_there(lake, wang, logged_in):
    roles.give(user=wang, community=lake, role=Role.MANAGER)
    address = "communities/lake/notice-texts/hours_verified/en"

    first = send(logged_in(wang), address, {"title": "{nothing}", "body": ""}, method="put")

    assert (first.status_code, kept()) == (400, ["lake"])


@pytest.mark.parametrize(("at", "where"), [("lake", "lake"), ("hill", "hill")])
def test_of_a_merchant_s_communities_it_is_the_one_whose_voucher_was_scanned(
    tea, join_hill, voucher, till, scans, at, where
):
    offers = {"lake": tea, "hill": join_hill()}
    code = {"code": voucher(offers[at]).code}

    first = send(till, scans, code)

    assert (first.status_code, kept()) == (201, [where])
    assert is_repeated(first, send(till, scans, code))
    assert Redemption.objects.filter(status=Redemption.Status.REDEEMED).count() == 1


def test_a_payment_of_several_things_is_kept_where_they_were_paid(
    wang, hill, tea, join_hill, voucher, till, shop
):
    honey = join_hill()
    voucher(honey)
    shown = pay_codes.show(volunteer=wang, community=hill).code
    items = [{"offer_id": str(honey.pk), "quantity": 1}]
    address, body = f"merchants/{shop.pk}/payments", {"code": shown, "items": items}

    first = send(till, address, body)

    assert (first.status_code, kept()) == (201, ["hill"])
    assert is_repeated(first, send(till, address, body))


# --- what happened since ----------------------------------------------------------------------
def test_whoever_left_is_told_again_of_a_voucher_whose_offer_they_see_no_more(
    wang, tea, grant_points, logged_in
):
    grant_points(wang, 100)
    client, address = logged_in(wang), f"offers/{tea.pk}/vouchers"
    first = send(client, address)
    membership = Membership.objects.get(user=wang, role=Role.VOLUNTEER)
    Membership.objects.filter(pk=membership.pk).update(ended_at=timezone.now())

    assert client.get(f"/api/v1/offers/{tea.pk}").status_code == 404
    assert is_repeated(first, send(client, address))
    assert (kept(), Redemption.objects.count()) == (["lake"], 1)


def test_an_act_that_ends_what_its_address_names_is_told_again(
    wang, li, lake, zhao, grant_points, logged_in
):
    grant_points(li, 100)
    wish = wishes.propose(volunteer=li, community=lake, text="轮椅")
    wishes.decide(wish=wish, accept=True, price_points=80, by=zhao)
    client = logged_in(wang)
    assert send(client, f"wishes/{wish.pk}/adopt", key="adopt").status_code == 200
    first = send(client, f"wishes/{wish.pk}/release")

    assert is_repeated(first, send(client, f"wishes/{wish.pk}/release"))
    assert kept() == ["lake", "lake"]


@pytest.mark.parametrize("is_refused", [False, True])
def test_a_merchant_that_joined_a_second_community_meanwhile_is_answered_as_before(
    tea, join_hill, voucher, till, scans, is_refused
):
    code = {"code": "A" * 12 if is_refused else voucher(tea).code}
    first = send(till, scans, code)
    attempts = ScanAttempt.objects.count()

    join_hill()

    assert is_repeated(first, send(till, scans, code))
    assert (kept(), ScanAttempt.objects.count()) == (["lake"], attempts)


def test_a_second_community_that_is_joined_during_the_scan_is_found_by_the_repeat(
    tea, join_hill, voucher, till, scans, monkeypatch
):
    honey, scan = [], counter.vouchers.scan

    def joins_first(**facts):
        honey.append(join_hill())
        facts["code"] = voucher(honey[0]).code
        return scan(**facts)

    monkeypatch.setattr(counter.vouchers, "scan", joins_first)
    first = send(till, scans, {"code": "A" * 12})
    monkeypatch.undo()

    assert (first.status_code, kept()) == (201, ["lake"])
    assert is_repeated(first, send(till, scans, {"code": "A" * 12}))


def test_a_refusal_of_no_community_is_found_once_there_is_one(person, lake, logged_in):
    owner, shop = person("zhu"), Merchant.objects.create(name="书店", trade="零售")
    partners.employ(merchant=shop, user=owner, role=MerchantMember.Role.OWNER)
    address, code = f"merchants/{shop.pk}/scans", {"code": "A" * 12}
    client = logged_in(owner)
    first = send(client, address, code)
    assert kept() == [NOWHERE]

    partners.sign_contract(
        community=lake, name="书店", trade="零售", fen_per_point=1, is_donated=False, merchant=shop
    )

    assert first.status_code == 404
    assert send(client, address, code).json() == first.json()
    assert (kept(), ScanAttempt.objects.count()) == ([NOWHERE], 0)


def test_whoever_lost_a_role_gets_404_and_with_it_the_first_answer_again(lake, zhao, logged_in):
    client, address = logged_in(zhao), "communities/lake/venues"
    first = send(client, address, VENUE)
    role = Membership.objects.get(community=lake, user=zhao, role=Role.STAFF)

    roles.withdraw(membership=role, withdrawn_by=None, reason="调动")
    without = [send(client, address, VENUE).status_code for _ in range(2)]
    roles.give(user=zhao, community=lake, role=Role.STAFF)

    assert (first.status_code, without) == (201, [404, 404])
    assert is_repeated(first, send(client, address, VENUE))
    assert Venue.objects.count() == 1


def test_an_address_whose_row_is_gone_is_404(lake, zhao, logged_in):
    client = logged_in(zhao)
    venue = send(client, "communities/lake/venues", VENUE, key="made").json()
    address, change = f"venues/{venue['id']}", {"name": "礼堂"}
    assert send(client, address, change, method="patch").status_code == 200

    Venue.objects.all().delete()

    again = send(client, address, change, method="patch")
    assert (again.status_code, "Idempotency-Replayed" in again) == (404, False)


def test_a_role_that_comes_back_during_a_repeat_does_nothing_twice(
    lake, zhao, logged_in, monkeypatch
):
    client, address = logged_in(zhao), "communities/lake/venues"
    first, begin = send(client, address, VENUE), idempotency._begin
    role = Membership.objects.get(community=lake, user=zhao, role=Role.STAFF)
    roles.withdraw(membership=role, withdrawn_by=None, reason="调动")

    def comes_back(*asked):
        roles.give(user=zhao, community=lake, role=Role.STAFF)
        return begin(*asked)

    monkeypatch.setattr(idempotency, "_begin", comes_back)  # what the address names was asked
    assert send(client, address, VENUE).status_code == 404
    monkeypatch.undo()

    assert is_repeated(first, send(client, address, VENUE))
    assert Venue.objects.count() == 1


def test_a_volunteer_who_left_is_answered_about_what_is_theirs(wang, lake, logged_in):
    client, body = logged_in(wang), {"community": "lake", "text": "轮椅"}
    first = send(client, "me/wishes", body)

    assert send(client, "communities/lake/leave", key="left").status_code == 200
    again = send(client, "me/wishes", body)

    assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")
    assert again.json()["id"] == first.json()["id"]
    assert kept() == ["lake", "lake"]


# --- one key, one effect ----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("address", "body", "status"),
    [
        ("communities/lake/venues", {**VENUE, "name": "礼堂"}, 422),
        ("communities/lake/fairs", VENUE, 422),  # another address of the same community
        ("communities/hill/venues", VENUE, 201),  # of another: a key is of one community
    ],
)
def test_a_key_is_for_one_request_about_a_community(
    lake, hill, zhao, logged_in, address, body, status
):
    roles.give(user=zhao, community=hill, role=Role.STAFF)
    client = logged_in(zhao)
    send(client, "communities/lake/venues", VENUE)

    answer = send(client, address, body)

    assert answer.status_code == status, answer.json()
    assert status == 201 or answer.json()["code"] == "idempotency_key_reused"


def test_a_key_that_was_used_for_oneself_is_used_up_everywhere(lake, zhao, logged_in):
    client = logged_in(zhao)
    send(client, "me", {"name": "赵敏"}, method="patch")

    answer = send(client, "communities/lake/venues", VENUE)

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.django_db(transaction=True)
def test_while_a_scan_is_running_its_repeat_is_told_so_at_once(
    chen, tea, voucher, scans, logged_in
):
    held = voucher(tea)

    def scan(_):
        try:
            return send(logged_in(chen), scans, {"code": held.code}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            held.locked()  # the first waits for it
            asked = [pool.submit(scan, number) for number in range(2)]
            told, waits = wait(asked, timeout=30, return_when=FIRST_COMPLETED)
        assert [one.result() for one in (*told, *waits)] == [409, 201]


# --- forgetting -------------------------------------------------------------------------------
def test_old_answers_are_forgotten_in_every_community(lake, hill, zhao, settings, monkeypatch):
    monkeypatch.setattr(tasks, "BATCH", 2)
    facts = {"user": zhao, "method": "POST", "path": "/", "digest": "", "status": 200}
    for number in range(3):
        for community in (lake, hill):
            IdempotencyKey.objects.create(community=community, key=f"old{number}", **facts)
        OwnIdempotencyKey.objects.create(key=f"old{number}", **facts)
    old = timezone.now() - settings.IDEMPOTENCY_KEEP - timedelta(minutes=1)
    for kind in (IdempotencyKey, OwnIdempotencyKey):
        kind.objects.update(created_at=old)
    IdempotencyKey.objects.create(community=lake, key="young", **facts)

    assert tasks.forget_old_idempotency_keys() == {"deleted": 9}

    assert kept() == ["lake"]
    assert tasks.forget_old_idempotency_keys() == {"deleted": 0}
