"""Who has no password yet chooses their own, and the name under which they log in."""

import pytest
from django.core.exceptions import ValidationError
from rest_framework.test import APIClient

from backend.accounts.errors import PasswordIsSet, UsernameTaken
from backend.accounts.forms import FirstPasswordForm
from backend.accounts.models import User
from backend.accounts.services import people
from backend.accounts.services.logins import set_first_password
from tests.cast import PASSWORD

CHOSEN = {"username": "sunli", "password1": PASSWORD, "password2": PASSWORD}


@pytest.fixture
def listed(db):
    """孙丽, whom a list brought: on record, without a password."""
    return people.put_on_record(name="孙丽", phone="19900000001")


def logs_in(username):
    body = {"username": username, "password": PASSWORD}
    return APIClient().post("/_allauth/app/v1/auth/login", body, format="json").status_code == 200


def test_somebody_on_record_chooses_a_name_and_a_password(listed):
    form = FirstPasswordForm(CHOSEN, user=listed)
    assert form.is_valid()

    user = form.save()

    assert (user.pk, user.name, user.phone) == (listed.pk, "孙丽", "19900000001")
    assert logs_in("sunli")


def test_somebody_new_is_put_on_record_by_it(db):
    form = FirstPasswordForm(CHOSEN, user=User(name="孙丽"))
    assert form.is_valid()

    form.save()

    assert User.objects.get(username="sunli").name == "孙丽"
    assert logs_in("sunli")


@pytest.mark.parametrize("username", ["zhao", "ZHAO"])
def test_a_name_that_is_somebody_elses_is_refused(zhao, listed, username):
    form = FirstPasswordForm(CHOSEN | {"username": username}, user=listed)

    assert form.is_valid()
    assert form.save() is None

    assert list(form.errors) == ["username"]
    listed.refresh_from_db()
    assert not listed.has_usable_password()
    with pytest.raises(UsernameTaken):
        set_first_password(user=listed, username=username, password=PASSWORD)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"username": "sun li"}, "username"),
        ({"username": ""}, "username"),
        ({"username": "x" * 151}, "username"),
        ({"password1": "short", "password2": "short"}, "password1"),
        ({"password1": "password123", "password2": "password123"}, "password1"),
        ({"password1": "8274619305", "password2": "8274619305"}, "password1"),
        ({"password2": "another"}, "password2"),
    ],
)
def test_what_nobody_may_choose_is_refused_at_its_field(listed, wrong, field):
    form = FirstPasswordForm(CHOSEN | wrong, user=listed)

    assert list(form.errors) == [field]


@pytest.mark.parametrize(("username", "password"), [("sun li", PASSWORD), ("sunli", "short")])
def test_the_service_refuses_them_as_well(listed, username, password):
    with pytest.raises(ValidationError):
        set_first_password(user=listed, username=username, password=password)

    assert not User.objects.get(pk=listed.pk).has_usable_password()


def test_whoever_has_a_password_keeps_it(zhao):
    with pytest.raises(PasswordIsSet):
        set_first_password(user=zhao, username="zhao2", password="another long sentence")

    assert logs_in("zhao")
