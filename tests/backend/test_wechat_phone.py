"""A phone number is what WeChat says it is, kept with consent, and gone when asked to."""

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.sessions.models import Session
from rest_framework.test import APIClient

from backend.accounts.errors import PhoneWithdrawn
from backend.accounts.models import Consent, User
from backend.accounts.services import people, phone
from backend.audit.models import OwnAct
from backend.communities.models import Role
from backend.communities.services import roles

PHONE = "/wxa/business/getuserphonenumber"
NUMBER, MASKED = "19900000077", "199****0077"


@pytest.fixture
def sun(db):
    """A person who came through WeChat, without a name, and consents to our keeping the phone."""
    user = people.known_by_wechat(openid="o6_sun")
    Consent.objects.create(user=user, purpose=Consent.Purpose.PHONE, version=1)
    return user


def log_in(wechat, openid="o6_sun"):
    answer = APIClient().post("/_allauth/app/v1/auth/wechat", {"code": wechat.new_code(openid)})
    return APIClient(HTTP_AUTHORIZATION=f"Bearer {answer.json()['meta']['access_token']}")


def put(caller, code, **more):
    answer = caller.put("/api/v1/me/phone", {"code": code, **more})
    return answer.status_code, answer.json()


def test_a_phone_is_bound_shown_masked_and_unbound(wechat, sun):
    caller = log_in(wechat)

    bound = put(caller, wechat.new_code(NUMBER))
    shown = caller.get("/api/v1/me").json()["phone"]
    kept = User.objects.get(pk=sun.pk)
    unbound = [caller.delete("/api/v1/me/phone").status_code for _ in range(2)]
    after = User.objects.get(pk=sun.pk)

    assert bound == (200, {"phone": MASKED, "log_in_again": False})
    assert (shown, kept.phone) == (MASKED, NUMBER)
    assert unbound == [204, 204]
    assert (after.phone_encrypted, after.phone_digest) == ("", None)
    written = OwnAct.objects.filter(target_id=str(sun.pk)).order_by("pk")
    assert [(entry.action, entry.actor_id) for entry in written] == [
        ("person.bind_phone", sun.pk),
        ("person.unbind_phone", sun.pk),
    ]
    assert not any("1990" in f"{entry.before}{entry.after}" for entry in written)


def test_without_consent_wechat_is_not_even_asked(wechat, sun):
    stranger = people.known_by_wechat(openid="o6_other")
    code = wechat.new_code(NUMBER)

    status, body = put(log_in(wechat, "o6_other"), code)

    assert (status, body["code"], body["purpose"]) == (403, "consent_required", "phone")
    assert PHONE not in [call["path"] for call in wechat.journal]
    assert User.objects.get(pk=stranger.pk).phone == ""


@pytest.mark.parametrize(
    ("failures", "status", "code"),
    [
        ([{"how": "errcode", "errcode": 40001}], 200, None),
        ([{"how": "errcode", "errcode": 40001}] * 2, 503, "wechat_unavailable"),
        ([{"how": "errcode", "errcode": 40029}], 400, "wechat_code_invalid"),
        ([{"how": "garbage"}], 503, "wechat_unavailable"),
        ([{"how": "status", "status": 500}], 503, "wechat_unavailable"),
        ([{"how": "after"}], 503, "wechat_unavailable"),
    ],
    ids=str,
)
def test_what_goes_wrong_at_wechat_binds_nothing(wechat, sun, failures, status, code):
    wechat.fail_next += [{"path": PHONE, **failure} for failure in failures]

    answered, body = put(log_in(wechat), wechat.new_code(NUMBER))

    assert (answered, body.get("code")) == (status, code)
    assert User.objects.get(pk=sun.pk).phone == (NUMBER if status == 200 else "")


@pytest.mark.parametrize("number", ["85291234567x", "5551234", "２" * 11])
def test_a_number_from_elsewhere_is_not_kept(wechat, sun, number):
    status, body = put(log_in(wechat), wechat.new_code(number))

    assert (status, body["code"]) == (400, "phone_unsupported")


@pytest.mark.parametrize(
    ("country", "number"),
    [
        ("49", NUMBER),
        (49, NUMBER),
        ("+49", NUMBER),
        ("852", "51234567"),
        ("1", NUMBER),
        ("886", NUMBER),
        ("8", NUMBER),
        ("", NUMBER),
        (None, NUMBER),
        (True, NUMBER),
        (86.5, NUMBER),
        (49.0, NUMBER),
        ("86.0", NUMBER),
        ([86], NUMBER),
        ("86", f"+49{NUMBER}"),
    ],
)
def test_the_same_digits_of_another_country_are_nobodys_here(wechat, listed, sun, country, number):
    code = wechat.new_code(number, country=country)

    status, body = put(log_in(wechat), code, name="孙师傅")

    assert (status, body["code"]) == (400, "phone_unsupported")
    assert SocialAccount.objects.get(uid="o6_sun").user_id == sun.pk
    assert User.objects.get(pk=sun.pk).phone == ""


@pytest.mark.parametrize("country", ["86", 86, 86.0, "+86", "0086", " ８６ "])
@pytest.mark.parametrize("number", [NUMBER, f"+86 {NUMBER}", "１９９\u20110000\u30000077"])
def test_a_mainland_number_is_taken_however_it_is_told(wechat, sun, country, number):
    status, body = put(log_in(wechat), wechat.new_code(number, country=country))

    assert (status, body["phone"]) == (200, MASKED)
    assert User.objects.get(pk=sun.pk).phone == NUMBER


# --- the number of somebody whom the community put on record ------------------------------------
@pytest.fixture
def listed(lake):
    """孙师傅, on the community's list with NUMBER, who never logged in."""
    user = people.put_on_record(name="孙师傅", phone=NUMBER)
    roles.give(user=user, community=lake, role=Role.VOLUNTEER)
    return user


@pytest.mark.parametrize("name", ["孙师傅", " 孙\u3000师\u200b傅", "孙·师傅"])
def test_who_is_on_the_list_becomes_who_they_are_there(wechat, listed, sun, name):
    caller = log_in(wechat)
    key = {"Idempotency-Key": "one"}
    caller.patch("/api/v1/me/notice-settings", {"language": "en"}, format="json", headers=key)

    answer = put(caller, wechat.new_code(NUMBER), name=name)

    assert answer == (200, {"phone": MASKED, "log_in_again": True})
    assert caller.get("/api/v1/me").status_code == 401
    assert not Session.objects.exists()
    again = log_in(wechat).get("/api/v1/me").json()
    assert (again["id"], again["name"], again["phone"]) == (str(listed.pk), "孙师傅", MASKED)
    assert [one["role"] for one in again["memberships"]] == ["volunteer"]
    assert Consent.objects.filter(user=listed, withdrawn_at=None).exists()
    assert not User.objects.get(pk=sun.pk).is_active


@pytest.mark.parametrize(
    "case",
    ["no name", "another name", "has a password", "has another WeChat", "is closed", "has a role"],
)
def test_whoever_is_not_plainly_the_same_stays_another(wechat, lake, listed, sun, case):
    name = {"no name": "", "another name": "李四"}.get(case, "孙师傅")
    if case == "has a password":
        listed.set_password("correct horse battery staple")
        listed.save()
    elif case == "has another WeChat":
        SocialAccount.objects.create(user=listed, provider=people.WECHAT, uid="o6_listed")
    elif case == "is closed":
        User.objects.filter(pk=listed.pk).update(is_active=False)
    elif case == "has a role":
        roles.give(user=sun, community=lake, role=Role.VOLUNTEER)

    status, body = put(log_in(wechat), wechat.new_code(NUMBER), name=name)

    assert (status, body["code"]) == (409, "phone_belongs_to_another")
    assert SocialAccount.objects.get(uid="o6_sun").user_id == sun.pk
    assert User.objects.get(pk=sun.pk).is_active


@pytest.mark.django_db(transaction=True)
def test_of_two_who_bind_one_number_at_one_instant_one_has_it(wechat, at_once):
    both = [people.known_by_wechat(openid=f"o6_{number}") for number in range(2)]
    for user in both:
        Consent.objects.create(user=user, purpose=Consent.Purpose.PHONE, version=1)
    codes = [wechat.new_code(NUMBER) for _ in both]

    outcomes = at_once(2, lambda n: phone.bind(user=both[n], code=codes[n]).pk)

    assert sorted(map(str, outcomes))[-1] == "phone_belongs_to_another"
    assert User.objects.get(phone_digest__isnull=False).pk in outcomes


# --- a number that was given up ---------------------------------------------------------------
@pytest.mark.parametrize("how", ["unbound", "changed for another"])
def test_a_number_given_up_is_put_back_by_no_list_but_by_who_binds_it(wechat, sun, how):
    User.objects.filter(pk=sun.pk).update(name="孙师傅")
    caller = log_in(wechat)
    put(caller, wechat.new_code(NUMBER))
    if how == "unbound":
        caller.delete("/api/v1/me/phone")
    else:
        put(caller, wechat.new_code("19900000078"))

    with pytest.raises(PhoneWithdrawn):
        people.put_on_record(name="孙师傅", phone=NUMBER)
    put(caller, wechat.new_code(NUMBER))

    assert people.put_on_record(name="孙师傅", phone=NUMBER) == sun
    assert User.objects.count() == 1
