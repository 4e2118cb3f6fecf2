"""Offers, vouchers and the counter, over HTTP."""

from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from backend.api.models import IdempotencyKey
from backend.codes import ALPHABET
from backend.communities.models import Role
from backend.communities.services import roles
from merchants.catalogue.services import offers as catalogue
from merchants.models import MerchantMember, Offer, Redemption, ScanAttempt
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import vouchers as redemption

SHANGHAI = ZoneInfo("Asia/Shanghai")
UNKNOWN = UUID("01900000-0000-7000-8000-000000000000")


def utc(moment):
    return moment.isoformat().replace("+00:00", "Z")


def post(client, address, body=None, *, key="k1"):
    headers = {"Idempotency-Key": key}
    return client.post(f"/api/v1/{address}", body or {}, headers=headers)


def problem(response):
    """Status and body of a refusal, less the words that may change."""
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body.pop("type") == f"/problems/{body['code']}"
    assert body.pop("status") == response.status_code
    assert body.pop("title")
    return response.status_code, body


@pytest.fixture
def wangs_phone(wang, grant_points, logged_in):
    """Wang has 100 points and is logged in."""
    grant_points(wang, 100)
    return logged_in(wang)


@pytest.fixture
def till(chen, logged_in):
    """Chen, the tea house's clerk, is logged in."""
    return logged_in(chen)


@pytest.fixture
def voucher(wang, tea, wangs_phone) -> Redemption:
    return redemption.take(offer=tea, volunteer=wang)


@pytest.fixture
def honey(hill):
    """An offer of another community."""
    apiary = partners.sign_contract(
        community=hill, name="蜂场", trade="农产", fen_per_point=10, is_donated=False
    )
    return catalogue.offer(partnership=apiary, code="HONEY", title="蜂蜜", price_points=30, stock=5)


def shown(voucher, **changed):
    """The whole body of a voucher for one tea, as its owner sees it."""
    offer = voucher.offer
    return {
        "id": str(voucher.pk),
        "code": voucher.code,
        "offer": {"id": str(offer.pk), "code": "TEA", "title": "一壶茶", "picture": None},
        "merchant": {"id": str(offer.partnership.merchant_id), "name": "茶馆"},
        "quantity": 1,
        "price_points": 30,
        "refunded_quantity": 0,
        "refunded_points": 0,
        "status": "held",
        "taken_at": utc(voucher.taken_at),
        "expires_at": utc(voucher.expires_at),
        "offline_until": None,
        "cancel_asked_at": None,
        "closed_at": None,
    } | changed


# --- offers -------------------------------------------------------------------------------


def test_a_volunteer_sees_the_offers_of_their_communities(wangs_phone, tea, honey):
    body = {
        "id": str(tea.pk),
        "code": "TEA",
        "title": "一壶茶",
        "kind": "goods",
        "description": "",
        "picture": None,
        "starts_at": None,
        "price_points": 30,
        "stock": 5,
        "valid_from": None,
        "valid_until": None,
        "limit_quantity": None,
        "limit_period": None,
        "min_hours": 0,
        "min_stars": 0,
        "groups": [],
        "min_age": None,
        "max_age": None,
        "scans_offline": False,
        "offline_hours": 24,
        "merchant": {"id": str(tea.partnership.merchant_id), "name": "茶馆"},
        "community": {"code": "lake", "name": "碧沙湖社区"},
    }

    listed = wangs_phone.get("/api/v1/offers")
    assert listed.status_code == 200
    assert listed.json() == {"next": None, "previous": None, "results": [body]}
    assert wangs_phone.get(f"/api/v1/offers/{tea.pk}").json() == body


@pytest.mark.parametrize(
    ("query", "codes"),
    [("", ["HONEY", "TEA"]), ("?community=lake", ["TEA"]), ("?community=nowhere", [])],
)
def test_offers_of_one_of_my_communities(wang, hill, wangs_phone, tea, honey, query, codes):
    roles.give(user=wang, community=hill, role=Role.VOLUNTEER)

    listed = wangs_phone.get(f"/api/v1/offers{query}").json()["results"]

    assert [offer["code"] for offer in listed] == codes


def test_what_is_withdrawn_is_not_shown(wangs_phone, tea):
    Offer.objects.filter(pk=tea.pk).update(status="withdrawn")

    assert wangs_phone.get("/api/v1/offers").json()["results"] == []
    assert problem(wangs_phone.get(f"/api/v1/offers/{tea.pk}")) == (404, {"code": "not_found"})


def test_offers_are_for_volunteers_and_for_who_keeps_them(till, tea, person, logged_in):
    assert till.get("/api/v1/offers").json()["results"] == []
    assert till.get(f"/api/v1/offers/{tea.pk}").json()["status"] == "listed"
    assert logged_in(person("feng")).get(f"/api/v1/offers/{tea.pk}").status_code == 404


# --- taking -------------------------------------------------------------------------------


def test_taking_an_offer(books, wang, wangs_phone, tea):
    answer = post(wangs_phone, f"offers/{tea.pk}/vouchers", {"quantity": 2})

    voucher = Redemption.objects.get()
    assert answer.status_code == 201
    assert answer.json() == shown(voucher, quantity=2, price_points=60)
    assert voucher.volunteer == wang
    assert books(wang) == {
        "available": 40,
        "held": 60,
        "merchants": 0,
        "settled": 0,
        "stock": 3,
    }


def test_one_key_takes_once(wang, books, wangs_phone, tea):
    first = post(wangs_phone, f"offers/{tea.pk}/vouchers")
    again = post(wangs_phone, f"offers/{tea.pk}/vouchers")

    assert again.content == first.content
    assert Redemption.objects.get().quantity == 1
    assert books(wang)["held"] == 30


@pytest.mark.parametrize(
    ("quantity", "code"),
    [
        (0, "min_value"),
        (-1, "min_value"),
        (101, "max_value"),
        (10**30, "max_value"),
        ("two", "invalid"),
        (1.5, "invalid"),
        (None, "null"),
    ],
)
def test_a_quantity_is_1_to_100(wangs_phone, tea, quantity, code):
    answer = post(wangs_phone, f"offers/{tea.pk}/vouchers", {"quantity": quantity})

    status, body = problem(answer)
    assert (status, body["code"]) == (400, "invalid_input")
    assert [error["code"] for error in body["errors"]["quantity"]] == [code]
    assert not Redemption.objects.exists()


@pytest.mark.parametrize(
    ("changed", "quantity", "status", "body"),
    [
        ({}, 4, 409, {"code": "insufficient_points", "available": 100, "needed": 120}),
        ({"stock": 0}, 1, 409, {"code": "out_of_stock"}),
        ({"status": "withdrawn"}, 1, 409, {"code": "offer_withdrawn"}),
    ],
)
def test_a_refused_take(books, wang, wangs_phone, tea, changed, quantity, status, body):
    Offer.objects.filter(pk=tea.pk).update(**changed)
    before = books(wang)

    answer = post(wangs_phone, f"offers/{tea.pk}/vouchers", {"quantity": quantity})

    assert problem(answer) == (status, body)
    assert books(wang) == before
    assert not Redemption.objects.exists()


def test_what_another_community_offers_is_not_there(wangs_phone, honey):
    for offer in (honey.pk, UNKNOWN):
        answer = post(wangs_phone, f"offers/{offer}/vouchers", key=str(offer))
        assert problem(answer) == (404, {"code": "not_found"})
    assert not Redemption.objects.exists()


# --- my vouchers --------------------------------------------------------------------------


def test_my_vouchers(wang, wangs_phone, tea, voucher):
    later = redemption.take(offer=tea, volunteer=wang)

    listed = wangs_phone.get("/api/v1/me/vouchers").json()
    assert listed == {"next": None, "previous": None, "results": [shown(later), shown(voucher)]}
    assert wangs_phone.get(f"/api/v1/me/vouchers/{voucher.pk}").json() == shown(voucher)


def test_my_vouchers_by_the_page(wang, wangs_phone, tea, voucher):
    later = redemption.take(offer=tea, volunteer=wang)

    first = wangs_phone.get("/api/v1/me/vouchers?page_size=1").json()
    second = wangs_phone.get(first["next"]).json()

    assert first["results"] == [shown(later)]
    assert (second["results"], second["next"]) == ([shown(voucher)], None)


def test_somebody_elses_voucher_is_not_there(books, wang, li, logged_in, voucher):
    lis_phone = logged_in(li)
    before = books(wang)

    assert lis_phone.get("/api/v1/me/vouchers").json()["results"] == []
    for answer in (
        lis_phone.get(f"/api/v1/me/vouchers/{voucher.pk}"),
        post(lis_phone, f"me/vouchers/{voucher.pk}/cancel"),
    ):
        assert problem(answer) == (404, {"code": "not_found"})
    assert books(wang) == before


def test_my_vouchers_are_found_by_status_and_community(tea, wang, grant_points, logged_in):
    grant_points(wang, 60)
    held, cancelled = (redemption.take(offer=tea, volunteer=wang) for _ in range(2))
    redemption.cancel(redemption=cancelled)
    phone = logged_in(wang)

    def found(**query):
        return [one["id"] for one in phone.get("/api/v1/me/vouchers", query).json()["results"]]

    assert found(status="held", community="lake") == [str(held.pk)]
    assert found(status="cancelled") == [str(cancelled.pk)]
    assert found(community="hill") == []


def test_cancelling(books, wang, wangs_phone, voucher):
    first = post(wangs_phone, f"me/vouchers/{voucher.pk}/cancel")
    other_key = post(wangs_phone, f"me/vouchers/{voucher.pk}/cancel", key="k2")

    voucher.refresh_from_db()
    assert first.status_code == other_key.status_code == 200
    cancelled = shown(voucher, status="cancelled", closed_at=utc(voucher.closed_at))
    assert first.json() == other_key.json() == cancelled
    assert books(wang) == {
        "available": 100,
        "held": 0,
        "merchants": 0,
        "settled": 0,
        "stock": 5,
    }


def test_cancelling_what_was_scanned(wangs_phone, till, tea, voucher):
    post(till, f"merchants/{tea.partnership.merchant_id}/scans", {"code": voucher.code})

    answer = post(wangs_phone, f"me/vouchers/{voucher.pk}/cancel")

    assert problem(answer) == (409, {"code": "voucher_status_wrong", "current_status": "redeemed"})


# --- the counter --------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["clerk", "owner"])
def test_where_i_work(tea_house, person, logged_in, role):
    user = person("sun")
    partners.employ(merchant=tea_house.merchant, user=user, role=MerchantMember.Role(role))
    partners.sign_contract(
        community=tea_house.community, name="面馆", trade="餐饮", fen_per_point=10, is_donated=False
    )

    listed = logged_in(user).get("/api/v1/merchants").json()

    assert listed["results"] == [
        {"id": str(tea_house.merchant_id), "name": "茶馆", "trade": "餐饮", "role": role}
    ]


def test_scanning(books, wang, till, tea_house, voucher):
    answer = post(till, f"merchants/{tea_house.merchant_id}/scans", {"code": voucher.code})

    voucher.refresh_from_db()
    assert answer.status_code == 201
    assert answer.json() == {
        "id": str(voucher.pk),
        "result": "已核销",
        "colour": "green",
        "sound": "success",
        "offer_title": "一壶茶",
        "picture": None,
        "quantity": 1,
        "price_points": 30,
        "redeemed_at": utc(voucher.closed_at),
        "volunteer": "王**",
    }
    assert books(wang) == {
        "available": 70,
        "held": 0,
        "merchants": 30,
        "settled": 0,
        "stock": 4,
    }


def test_one_key_scans_once_and_another_finds_the_code_used(books, wang, till, tea_house, voucher):
    address, body = f"merchants/{tea_house.merchant_id}/scans", {"code": voucher.code}
    first = post(till, address, body)
    after = books(wang)

    again = post(till, address, body)
    other_key = post(till, address, body, key="k2")

    assert (again.status_code, again.content) == (201, first.content)
    assert problem(other_key) == (
        409,
        {
            "code": "code_used",
            "redeemed_at": first.json()["redeemed_at"],
            "result": "未核销",
            "colour": "red",
            "sound": "refused",
            "what_to_do": "请勿发放，该券已在所示时间核销。",
        },
    )
    assert books(wang) == after
    outcomes = ScanAttempt.objects.order_by("pk").values_list("outcome", flat=True)
    assert list(outcomes) == ["redeemed", "code_used"]


@pytest.fixture
def code_of(lake, wang, tea, wangs_phone, settings):
    """The code of a voucher to which happened what the name says."""

    def code(case: str) -> str:
        if case == "unknown":
            return "234567892345"
        if case == "another merchant's":
            noodle_bar = partners.sign_contract(
                community=lake, name="面馆", trade="餐饮", fen_per_point=12, is_donated=False
            )
            noodles = catalogue.offer(
                partnership=noodle_bar, code="NOODLES", title="面", price_points=30, stock=5
            )
            return redemption.take(offer=noodles, volunteer=wang).code
        if case == "lapsed":
            settings.VOUCHER_LIFETIME = timedelta(0)
        voucher = redemption.take(offer=tea, volunteer=wang)
        if case == "cancelled":
            redemption.cancel(redemption=voucher)
        if case == "lapsed":
            redemption.expire(community_id=voucher.community_id, redemption_id=voucher.pk)
        return voucher.code

    return code


@pytest.mark.parametrize(
    ("case", "status", "refusal", "screen"),
    [
        ("unknown", 404, "code_unknown", ("amber", "attention")),
        ("another merchant's", 403, "not_your_merchant", ("red", "refused")),
        ("cancelled", 409, "code_cancelled", ("amber", "attention")),
        ("lapsed", 409, "code_expired", ("amber", "attention")),
    ],
)
def test_a_refused_scan_is_on_record_once_and_says_what_to_do(
    books, wang, chen, till, tea_house, code_of, case, status, refusal, screen
):
    body = {"code": code_of(case)}
    before = books(wang)

    first = post(till, f"merchants/{tea_house.merchant_id}/scans", body)
    again = post(till, f"merchants/{tea_house.merchant_id}/scans", body)

    answered, shown = problem(first)
    assert (answered, shown["code"], (shown["colour"], shown["sound"])) == (
        status,
        refusal,
        screen,
    )
    assert shown["what_to_do"]
    assert again.content == first.content
    assert books(wang) == before
    attempt = ScanAttempt.objects.get()
    assert (attempt.outcome, attempt.code, attempt.clerk) == (refusal, body["code"], chen)


@pytest.mark.django_db(transaction=True)
def test_a_refused_scan_is_committed(till, tea_house):
    """Asked of a database without the test's own transaction around it."""
    answer = post(till, f"merchants/{tea_house.merchant_id}/scans", {"code": "234567892345"})

    assert answer.status_code == 404
    assert ScanAttempt.objects.get().outcome == "code_unknown"
    assert IdempotencyKey.objects.get().status == 404


def test_nobody_guesses_for_long(till, chen, tea_house, voucher, books, wang, tea, since_tried):
    before = books(wang)
    scans = f"merchants/{tea_house.merchant_id}/scans"
    for number in range(20):
        answer = post(till, scans, {"code": f"23456789ABC{ALPHABET[number]}"}, key=f"k{number}")
        assert answer.json()["code"] == "code_unknown"

    held = post(till, scans, {"code": voucher.code}, key="held")
    pay = {"code": "234567892345", "items": [{"offer_id": str(tea.pk)}]}
    paid = post(till, f"merchants/{tea_house.merchant_id}/payments", pay, key="paid")

    for answer in (held, paid):
        assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
        assert (answer.json()["colour"], answer.json()["sound"]) == ("amber", "attention")
        assert answer.json()["what_to_do"]
        assert 3590 < int(answer["Retry-After"]) <= 3600
    assert books(wang) == before
    assert ScanAttempt.objects.count() == 20
    # An hour later the same scan, with the same key, goes through.
    since_tried(timedelta(hours=1))
    assert post(till, scans, {"code": voucher.code}, key="held").status_code == 201


@pytest.mark.parametrize("code", ["", "   ", "x" * 1_001, None, ["a"], {"a": 1}])
def test_a_code_is_a_short_text(till, tea_house, code):
    answer = post(till, f"merchants/{tea_house.merchant_id}/scans", {"code": code})

    status, body = problem(answer)
    assert (status, body["code"], list(body["errors"])) == (400, "invalid_input", ["code"])
    assert not ScanAttempt.objects.exists()


def test_who_does_not_work_there_finds_no_such_merchant(
    wangs_phone, books, wang, tea_house, voucher
):
    before = books(wang)

    for answer in (
        post(wangs_phone, f"merchants/{tea_house.merchant_id}/scans", {"code": voucher.code}),
        wangs_phone.get(f"/api/v1/merchants/{tea_house.merchant_id}/redemptions"),
    ):
        assert problem(answer) == (404, {"code": "not_found"})
    assert wangs_phone.get("/api/v1/merchants").json()["results"] == []
    assert books(wang) == before
    assert not ScanAttempt.objects.exists()


def test_what_was_redeemed_here(till, wang, tea, tea_house, voucher):
    redemption.take(offer=tea, volunteer=wang)  # not shown: it is still Wang's own business
    scanned = post(till, f"merchants/{tea_house.merchant_id}/scans", {"code": voucher.code})

    listed = till.get(f"/api/v1/merchants/{tea_house.merchant_id}/redemptions").json()

    (line,) = listed["results"]
    assert line.pop("refunded_quantity") == 0
    assert line.items() <= scanned.json().items()


def test_what_was_redeemed_on_a_day(till, tea_house, voucher):
    post(till, f"merchants/{tea_house.merchant_id}/scans", {"code": voucher.code})
    today = timezone.localdate(timezone=SHANGHAI)
    address = f"/api/v1/merchants/{tea_house.merchant_id}/redemptions"

    def count(since):
        return len(till.get(address, {"since": since.isoformat()}).json()["results"])

    assert (count(today), count(today + timedelta(days=1))) == (1, 0)


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "offers"),
        ("get", f"offers/{UNKNOWN}"),
        ("post", f"offers/{UNKNOWN}/vouchers"),
        ("get", "me/vouchers"),
        ("get", f"me/vouchers/{UNKNOWN}"),
        ("post", f"me/vouchers/{UNKNOWN}/cancel"),
        ("get", "merchants"),
        ("post", f"merchants/{UNKNOWN}/scans"),
        ("get", f"merchants/{UNKNOWN}/redemptions"),
    ],
)
def test_strangers_are_asked_to_log_in(db, client, method, address):
    assert problem(getattr(client, method)(f"/api/v1/{address}")) == (
        401,
        {"code": "not_authenticated"},
    )


@pytest.mark.parametrize("address", ["offers/{tea}/vouchers", "merchants/{merchant}/scans"])
def test_what_moves_points_needs_a_key(books, wang, wangs_phone, tea, address):
    before = books(wang)
    address = address.format(tea=tea.pk, merchant=tea.partnership.merchant_id)

    answer = post(wangs_phone, address, key=None)

    assert problem(answer) == (400, {"code": "idempotency_key_missing"})
    assert books(wang) == before
