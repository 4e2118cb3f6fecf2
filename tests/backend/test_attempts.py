"""Guesses at what is secret: counted exactly, by whom they are, whatever becomes of Redis."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from rest_framework.test import APIClient

from backend.accounts import mfa
from backend.accounts.errors import GuardianCodeUnknown, TooManyAttempts
from backend.accounts.models import Attempts, Consent
from backend.accounts.services import attempts, consents, guardians, phone
from backend.accounts.services.attempts import (
    CODES,
    PASSWORD,
    PASSWORDS_OF_NAME,
    SECOND_FACTOR,
    Budget,
)
from backend.accounts.tasks import forget_old_attempts
from backend.communities.models import Role
from backend.communities.services import roles
from backend.errors import Refusal
from backend.invitations.errors import InvitationUnknown
from merchants.models import MerchantMember, ScanAttempt
from merchants.partners.services import invitations
from merchants.partners.services import partnerships as partners
from merchants.redemption.errors import CodeUnknown, CodeUsed
from merchants.redemption.services import pay_codes, shop_codes
from merchants.redemption.services import vouchers as redemption
from tests.cast import PASSWORD as RIGHT
from tests.conftest import TOTP_SECRET
from tests.standins.authenticator import code_of
from volunteers.models import Volunteer
from volunteers.people.errors import JoinCodeWrong
from volunteers.people.services import joining

LOG_IN = "/_allauth/app/v1"
WINDOW = timedelta(hours=1)
NO_MISTAKE = str.maketrans("01", "AB")  # codes have neither
BUDGET = Budget("test", 3, WINDOW)


# --- the budget -------------------------------------------------------------------------------
def test_a_budget_has_so_many_tries_and_says_when_there_is_another(db, since_tried):
    attempts.take(BUDGET, "wang")
    since_tried(timedelta(minutes=20))
    for _ in range(2):
        attempts.take(BUDGET, "wang")

    with pytest.raises(TooManyAttempts) as refused:
        attempts.take(BUDGET, "wang")

    assert 2390 < refused.value.retry_after_seconds <= 2400  # the first of them is 20 minutes old
    assert attempts.wait_of(BUDGET, "wang") == pytest.approx(2400, abs=5)
    attempts.take(BUDGET, "li")
    attempts.take(replace(BUDGET, scope="other"), "wang")
    since_tried(timedelta(minutes=40))
    attempts.take(BUDGET, "wang")
    with pytest.raises(TooManyAttempts):
        attempts.take(BUDGET, "wang")


def test_a_try_that_is_given_back_was_none(db):
    taken = [attempts.take(BUDGET, "wang") for _ in range(3)]

    attempts.give_back(BUDGET, "wang", taken[1])
    attempts.give_back(BUDGET, "wang", taken[1])

    assert Attempts.objects.get().moments == [taken[0], taken[2]]
    assert attempts.wait_of(BUDGET, "wang") == 0


def test_what_counts_no_longer_is_forgotten(db, since_tried):
    attempts.take(BUDGET, "wang")
    forget_old_attempts()
    assert Attempts.objects.count() == 1

    since_tried(WINDOW)
    attempts.take(BUDGET, "li")
    forget_old_attempts()

    assert Attempts.objects.get().subject == "li"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limit", [1, 7, 20])
def test_of_sixty_at_once_as_many_are_taken_as_there_are_tries(at_once, limit):
    budget = replace(BUDGET, limit=limit)

    told = at_once(60, lambda _: attempts.take(budget, "wang") and "taken")

    assert Counter(told) == {"taken": limit, "throttled": 60 - limit}


# --- codes: one budget a person ---------------------------------------------------------------
@pytest.fixture
def shop(tea_house):
    return tea_house.merchant


@pytest.fixture
def bakery(lake, chen):
    """面包房, where Chen works as well."""
    partnership = partners.sign_contract(
        community=lake, name="面包房", trade="餐饮", fen_per_point=10, is_donated=False
    )
    partners.employ(merchant=partnership.merchant, user=chen, role=MerchantMember.Role.CLERK)
    return partnership.merchant


@pytest.mark.django_db(transaction=True)
def test_a_clerk_of_two_shops_has_one_budget_however_many_codes_come_at_once(
    chen, shop, bakery, tea, logged_in, at_once
):
    phones = [logged_in(chen) for _ in range(60)]

    def guess(number):
        merchant = (shop, bakery)[number % 2]
        kind, body = (
            ("scans", {}) if number % 3 else ("payments", {"items": [{"offer_id": str(tea.pk)}]})
        )
        answer = phones[number].post(
            f"/api/v1/merchants/{merchant.pk}/{kind}",
            body | {"code": f"2345{number:08}".translate(NO_MISTAKE)},
            format="json",
            headers={"Idempotency-Key": f"k{number}"},
        )
        assert {"colour", "sound", "what_to_do", "result"} <= answer.json().keys()
        assert answer.status_code == 404 or int(answer["Retry-After"]) > 0
        return answer.json()["code"]

    told = Counter(at_once(60, guess))

    assert told == {"code_unknown": CODES.limit, "throttled": 60 - CODES.limit}
    assert ScanAttempt.objects.filter(outcome="code_unknown").count() == CODES.limit
    cache.clear()  # Redis was emptied
    with pytest.raises(TooManyAttempts):
        redemption.scan(merchant_id=shop.pk, clerk=chen, code="234567892345")


def test_every_kind_of_code_is_of_one_budget(
    lake, hill, wang, chen, shop, tea, tea_house, wechat, grant_points, person
):
    """Each kind of code counts, and each is refused once the tries are spent."""
    grant_points(wang, 100)
    voucher = redemption.take(offer=tea, volunteer=wang)
    partners.employ(merchant=shop, user=wang, role=MerchantMember.Role.CLERK)
    consents.give(user=wang, purpose=Consent.Purpose.PHONE, version=1)
    guesses = {
        "scan": lambda: redemption.scan(merchant_id=shop.pk, clerk=wang, code="2" * 12),
        "part": lambda: redemption.scan(merchant_id=shop.pk, clerk=wang, code="2" * 12, quantity=1),
        "pay code": lambda: pay_codes.pay(merchant=shop, clerk=wang, code="2" * 12, points=1),
        "shop code": lambda: shop_codes.confirm(voucher=voucher, shop_code="2" * 12),
        "shop payment": lambda: shop_codes.pay(volunteer=wang, shop_code="2" * 12, points=1),
        "invitation": lambda: invitations.accept(user=wang, code="2" * 16),
        "poster": lambda: joining.join(
            user=wang, community=hill, kind=Volunteer.Kind.RIDER, join_code="2" * 8
        ),
        "guardian": lambda: guardians.agree(
            guardian=wang, code="2" * 8, relation="parent", version=1
        ),
        "phone": lambda: phone.bind(user=wang, code="made-up"),
    }
    for number, guess in enumerate(guesses.values(), start=1):
        with pytest.raises(Refusal) as refused:
            guess()
        assert refused.value.code in {
            *(CodeUnknown.code, InvitationUnknown.code, JoinCodeWrong.code),
            *(GuardianCodeUnknown.code, "wechat_code_invalid"),
        }
        assert len(Attempts.objects.get().moments) == number

    for _ in range(CODES.limit - len(guesses)):
        attempts.take(CODES, wang.pk)
    for guess in guesses.values():
        with pytest.raises(TooManyAttempts):
            guess()
    assert len(Attempts.objects.get().moments) == CODES.limit


def test_what_is_right_or_no_guess_costs_no_try(lake, hill, wang, chen, shop, tea, grant_points):
    grant_points(wang, 100)
    voucher = redemption.take(offer=tea, volunteer=wang)
    redemption.scan(merchant_id=shop.pk, clerk=chen, code=voucher.code)
    with pytest.raises(CodeUsed):
        redemption.scan(merchant_id=shop.pk, clerk=chen, code=voucher.code)
    shown = pay_codes.show(volunteer=wang, community=lake).code
    pay_codes.pay(merchant=shop, clerk=chen, code=shown, items={tea.pk: 1})
    joining.join(user=wang, community=hill, kind=Volunteer.Kind.RIDER)

    assert not Attempts.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_refused_guess_counts_though_its_service_rolls_back(wang, hill):
    with pytest.raises(JoinCodeWrong):
        joining.join(user=wang, community=hill, kind=Volunteer.Kind.RIDER, join_code="WRONG")

    assert len(Attempts.objects.get().moments) == 1


# --- passwords --------------------------------------------------------------------------------
HOME, OFFICE = "192.0.2.10", "198.51.100.7"


def log_in(password=RIGHT, address=HOME, username="wang"):
    return Client(REMOTE_ADDR=address).post(
        f"{LOG_IN}/auth/login",
        {"username": username, "password": password},
        content_type="application/json",
    )


def told(answer):
    return [error["code"] for error in answer.json().get("errors", [])]


def test_five_wrong_passwords_lock_nobody_out_not_even_at_the_same_address(wang):
    for _ in range(5):
        assert told(log_in("wrong")) == ["username_password_mismatch"]

    assert log_in().status_code == 200


@pytest.mark.parametrize("spelling", ["wang", "WANG"])
def test_a_strangers_failures_are_the_strangers(wang, spelling):
    for _ in range(PASSWORD.limit):
        assert log_in("wrong", OFFICE, spelling).status_code == 400

    refused = log_in(RIGHT, OFFICE)

    assert (refused.status_code, told(refused)) == (429, ["too_many_login_attempts"])
    assert 0 < int(refused["Retry-After"]) <= 900
    assert log_in(RIGHT, HOME).status_code == 200


@pytest.mark.slow
def test_guesses_from_many_addresses_are_bounded_and_the_owner_is_let_in_where_they_were(wang):
    assert log_in(RIGHT, HOME).status_code == 200
    for number in range(PASSWORDS_OF_NAME.limit):
        assert log_in("wrong", f"203.0.{number}.1").status_code == 400

    assert log_in(RIGHT, "203.0.113.99").status_code == 429
    assert log_in(RIGHT, OFFICE).status_code == 429  # the owner, where nobody knows them
    assert log_in(RIGHT, HOME).status_code == 200
    cache.clear()  # Redis was emptied
    assert log_in(RIGHT, OFFICE).status_code == 429


def test_a_home_with_ipv6_is_one_address(wang):
    for number in range(PASSWORD.limit):
        log_in("wrong", f"2001:db8:1:2::{number:x}")

    assert log_in(RIGHT, "2001:db8:1:2:ffff::1").status_code == 429
    assert log_in(RIGHT, "2001:db8:1:3::1").status_code == 200


def test_a_refused_try_is_no_try(wang):
    for _ in range(PASSWORD.limit + 5):
        log_in("wrong", OFFICE)

    spent = {row.scope: len(row.moments) for row in Attempts.objects.all()}
    assert spent == dict.fromkeys(
        ("password", "passwords_there", "passwords_of_name"), PASSWORD.limit
    )


def test_what_was_typed_is_not_kept(wang):
    log_in("wrong", OFFICE, "wang")

    kept = "".join(row.subject for row in Attempts.objects.all())
    assert "wang" not in kept
    assert OFFICE not in kept


@pytest.mark.django_db(transaction=True)
def test_of_sixty_wrong_passwords_at_once_as_many_are_looked_at_as_there_are_tries(wang, at_once):
    answers = at_once(60, lambda _: told(log_in("wrong"))[0])

    assert Counter(answers) == {
        "username_password_mismatch": PASSWORD.limit,
        "too_many_login_attempts": 60 - PASSWORD.limit,
    }


@pytest.mark.django_db(transaction=True)
def test_right_passwords_at_once_from_a_new_address_all_log_in(wang, at_once):
    answers = at_once(PASSWORD.limit, lambda _: log_in().status_code)

    assert answers == [200] * PASSWORD.limit


def test_the_password_is_no_easier_to_guess_once_logged_in(wang):
    session = log_in().json()["meta"]["session_token"]
    phone = Client(REMOTE_ADDR=HOME, headers={"X-Session-Token": session})

    def change(current):
        return phone.post(
            f"{LOG_IN}/account/password/change",
            {"current_password": current, "new_password": "another long password"},
            content_type="application/json",
        )

    def again(password):
        return phone.post(
            f"{LOG_IN}/auth/reauthenticate",
            {"password": password},
            content_type="application/json",
        )

    for number in range(PASSWORD.limit):
        assert (change if number % 2 else again)("wrong").status_code == 400

    for refused in (change(RIGHT), again(RIGHT)):
        assert (refused.status_code, told(refused)) == (429, ["too_many_login_attempts"])
        assert "Retry-After" in refused


# --- codes from an authenticator --------------------------------------------------------------
@pytest.fixture
def qian(lake, person):
    """钱书记, who has an authenticator."""
    user = person("qian", "钱书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    mfa.hand_out(user=user, secret=TOTP_SECRET)
    return user


def second(code, path="auth/2fa/authenticate"):
    """The answer to a code, after the password."""
    session = log_in(username="qian").json()["meta"]["session_token"]
    return APIClient(HTTP_X_SESSION_TOKEN=session).post(
        f"{LOG_IN}/{path}", {"code": code}, format="json"
    )


def wrong_code():
    return f"{(int(code_of(TOTP_SECRET)) + 1) % 1_000_000:06}"


def test_codes_from_an_authenticator_are_not_for_trying_out(qian, since_tried):
    for _ in range(SECOND_FACTOR.limit):
        assert told(second(wrong_code())) == ["incorrect_code"]

    refused = second(code_of(TOTP_SECRET))

    assert (refused.status_code, told(refused)) == (429, ["too_many_login_attempts"])
    assert 3000 < int(refused["Retry-After"]) <= 3600
    cache.clear()  # Redis was emptied
    assert second(code_of(TOTP_SECRET)).status_code == 429
    since_tried(WINDOW)
    assert second(code_of(TOTP_SECRET)).status_code == 200


def test_a_used_code_is_used_though_redis_was_emptied(qian):
    code = code_of(TOTP_SECRET)
    assert second(code).status_code == 200
    cache.clear()

    assert told(second(code)) == ["incorrect_code"]
