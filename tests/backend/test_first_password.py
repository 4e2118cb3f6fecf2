"""First passwords, which people without one choose, with the name under which they log in."""

import pytest
from django.core.exceptions import ValidationError
from rest_framework.test import APIClient

from backend.accounts.errors import PasswordIsSet, UsernameTaken
from backend.accounts.models import User
from backend.accounts.services import people
from backend.accounts.services.logins import set_first_password
from tests.cast import PASSWORD


@pytest.fixture
def listed(db):
    """孙丽, whom a list brought: on record, without a password."""
    return people.put_on_record(name="孙丽", phone="19900000001")


def logs_in(username):
    body = {"username": username, "password": PASSWORD}
    return APIClient().post("/_allauth/app/v1/auth/login", body, format="json").status_code == 200


def test_somebody_on_record_chooses_a_name_and_a_password(listed):
    user = set_first_password(user=listed, username="sunli", password=PASSWORD)

    assert (user.pk, user.name, user.phone) == (listed.pk, "孙丽", "19900000001")
    assert logs_in("sunli")


def test_somebody_new_is_put_on_record_by_it(db):
    set_first_password(user=User(name="孙丽"), username="sunli", password=PASSWORD)

    assert User.objects.get(username="sunli").name == "孙丽"
    assert logs_in("sunli")


@pytest.mark.parametrize(
    ("username", "password", "refusal"),
    [
        ("zhao", PASSWORD, UsernameTaken),
        ("ZHAO", PASSWORD, UsernameTaken),
        ("sun li", PASSWORD, ValidationError),
        ("", PASSWORD, ValidationError),
        ("x" * 151, PASSWORD, ValidationError),
        ("sunli", "short", ValidationError),
        ("sunli", "password123", ValidationError),
        ("sunli", "8274619305", ValidationError),
    ],
)
def test_what_nobody_may_choose_is_refused(zhao, listed, username, password, refusal):
    with pytest.raises(refusal):
        set_first_password(user=listed, username=username, password=password)

    assert not User.objects.get(pk=listed.pk).has_usable_password()


def test_whoever_has_a_password_keeps_it(zhao):
    with pytest.raises(PasswordIsSet):
        set_first_password(user=zhao, username="zhao2", password="another long sentence")

    assert logs_in("zhao")
