"""People on whom others depend are told of log-ins from elsewhere, and of what was changed."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from backend.accounts import mfa
from backend.communities.models import Community, Role
from backend.communities.services import places, roles
from backend.notices.models import Notice
from backend.notices.words import words
from backend.registries.homes import home_of
from merchants.models import MerchantMember
from merchants.partners.services import partnerships as partners
from tests.cast import PASSWORD
from tests.conftest import TOTP_SECRET
from tests.standins.authenticator import code_of

LOG_IN = "/_allauth/app/v1"
PHONE, LAPTOP = "Mi 14 MicroMessenger/8", "Firefox/140"


def log_in(user, device=PHONE, address="203.0.113.7"):
    client = APIClient(HTTP_USER_AGENT=device, REMOTE_ADDR=address)
    body = {"username": user.username, "password": PASSWORD}
    return client.post(f"{LOG_IN}/auth/login", body, format="json")


def told():
    return Notice.objects.filter(kind="new_log_in").order_by("pk")


def test_a_log_in_is_told_if_the_device_or_the_address_is_new(zhao, lake):
    for device, address in [
        (PHONE, "203.0.113.7"),
        (PHONE, "203.0.113.7"),
        (LAPTOP, "203.0.113.7"),
        (PHONE, "198.51.100.9"),
        (LAPTOP, "198.51.100.9"),
    ]:
        assert log_in(zhao, device, address).status_code == 200

    assert [(one.facts["device"], one.facts["address"]) for one in told()] == [
        (PHONE, "203.0.113.7"),
        (LAPTOP, "203.0.113.7"),
        (PHONE, "198.51.100.9"),
    ]
    assert {(one.recipient, one.community) for one in told()} == {(zhao, lake)}
    assert "203.0.113.7" in words(told()[0])[1]


def test_what_was_known_is_forgotten_after_three_months(zhao, since_tried):
    log_in(zhao)
    since_tried(timedelta(days=91))
    log_in(zhao)

    assert told().count() == 2


def test_a_wrong_password_is_no_log_in(zhao):
    body = {"username": zhao.username, "password": "not this one, surely"}
    answer = APIClient().post(f"{LOG_IN}/auth/login", body, format="json")

    assert answer.status_code == 400
    assert not told().exists()


def test_a_log_in_counts_once_the_code_was_right(person, lake):
    manager = person("qian")
    roles.give(user=manager, community=lake, role=Role.MANAGER)
    mfa.hand_out(user=manager, secret=TOTP_SECRET)

    waiting = log_in(manager)
    assert waiting.status_code == 401
    assert not told().exists()
    phone = APIClient(HTTP_X_SESSION_TOKEN=waiting.json()["meta"]["session_token"])
    code = {"code": code_of(TOTP_SECRET)}
    assert phone.post(f"{LOG_IN}/auth/2fa/authenticate", code, format="json").status_code == 200

    assert told().get().recipient == manager


def test_owners_are_told_by_a_community_of_their_shop(zhou, lake):
    log_in(zhou)

    assert (told().get().recipient, told().get().community) == (zhou, lake)


@pytest.mark.parametrize("who", ["wang", "chen"])
def test_volunteers_and_clerks_are_left_alone(request, who):
    assert log_in(request.getfixturevalue(who)).status_code == 200

    assert not told().exists()


@pytest.mark.django_db(transaction=True)
def test_two_log_ins_at_once_from_a_new_device_tell_once(zhao, at_once):
    answers = at_once(2, lambda _: log_in(zhao).status_code)

    assert answers == [200, 200]
    assert told().count() == 1


# --- which community tells --------------------------------------------------------------------
def test_where_somebody_is_now_comes_before_where_they_were(lake, hill, person):
    user = person("sun")
    before, _ = roles.give(user=user, community=lake, role=Role.STAFF)
    assert home_of(user) == lake.pk
    roles.end(membership=before, ended_by=None)
    assert home_of(user) == lake.pk

    roles.give(user=user, community=hill, role=Role.STAFF)

    assert home_of(user) == hill.pk


@pytest.mark.parametrize("kind", [Community.Kind.STREET, Community.Kind.ESTATE])
def test_a_role_above_or_below_is_one_in_the_community(lake, hill, person, kind):
    place = places.found(
        code="place", name="湖畔", kind=kind, parent=lake if kind == "estate" else None
    )
    if kind == Community.Kind.STREET:
        lake.parent = place
        lake.save(update_fields=["parent"])
    user = person("sun")
    roles.give(user=user, community=place, role=Role.STAFF)

    assert home_of(user) == lake.pk


def test_who_belongs_nowhere_has_no_home_and_is_not_told(lake, hill, tea_house, person):
    nobody, former = person("nobody"), person("former")
    member = partners.employ(
        merchant=tea_house.merchant, user=former, role=MerchantMember.Role.OWNER
    )
    assert home_of(former) == lake.pk
    MerchantMember.objects.filter(user=former).update(ended_at=member.since_at)

    assert home_of(nobody) is home_of(former) is None
    changed = {"current_password": PASSWORD, "new_password": "another long sentence"}
    token = log_in(nobody).json()["meta"]["session_token"]
    phone = APIClient(HTTP_X_SESSION_TOKEN=token)
    answer = phone.post(f"{LOG_IN}/account/password/change", changed, format="json")

    assert answer.status_code == 200
    assert not Notice.objects.exists()
