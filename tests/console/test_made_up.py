"""Requests that no page of the console makes: addresses, forms and rows that somebody made up."""

import re

import pytest
from django.conf import settings
from django.urls import URLResolver

from backend.accounts.models import User
from backend.communities.models import Role
from backend.communities.services import roles
from backend.urls import urlpatterns
from tests.console.conftest import send
from volunteers.people.services import joining


@pytest.fixture
def manager(person, lake):
    user = person("manager")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


@pytest.mark.parametrize(
    "address",
    [
        "communities/lake/hours-to-verify?do=put",  # it has others
        "communities/lake/hours-to-verify?do=delete",
        "schema?do=post",  # no view of REST framework's
        "docs?do=post",
        "communities/湖边",
        "communities/湖边/work",
        "communities/%2500",  # U+0000, were it decoded once more
        "communities/lake?year=" + "9" * 5_000,
    ],
)
def test_what_the_api_does_not_have_is_not_found(desk, zhao, lake, address):
    assert desk(zhao).get(f"/console/{address}").status_code == 404


@pytest.mark.parametrize("made_up", ["no id", "湖", "../../..", "01a2", "\0"])
def test_a_row_that_is_none_is_refused_alone(desk, zhao, lake, person, made_up):
    asked, _ = joining.join(user=person("asker"), community=lake, kind="rider")
    rows = {"ids": [str(asked.pk), made_up], "action": "post-approve"}

    page = send(desk(zhao), "/console/communities/lake/join-requests?do=batch", **rows)

    assert page.status_code == 200
    assert (page.context["done"], len(page.context["failed"])) == (1, 1)
    asked.refresh_from_db()
    assert asked.status == "approved"


def test_a_form_has_the_title_of_what_it_does_whatever_its_link_says(desk, zhao, served, wang):
    mine, other = (served(wang, f"2024-03-0{day} 08:00", f"2024-03-0{day} 09:00") for day in (1, 2))
    client = desk(zhao)
    address = f"/console/attendances/{mine.pk}/verify"

    def titled(address, **query):
        return client.get(address, {"do": "post", **query}).context["title"]

    own = titled(address, **{"as": "post-verify", "on": f"attendances/{mine.pk}"})
    assert own != f"attendances/{mine.pk}/verify"
    for name, on in (("post-reject", mine), ("post-verify", other)):
        told = titled(address, **{"as": name, "on": f"attendances/{on.pk}"})
        assert told == f"attendances/{mine.pk}/verify"


@pytest.mark.parametrize("amount", ["1E999999", "1E99999", "-1E99999", "9" * 5_000, "NaN", "sNaN"])
def test_an_amount_that_is_none_is_told_of(desk, manager, lake, amount):
    fund = {"name": "好事基金", "year": "2026", "unit": "fen", "approval_above": amount}

    page = send(desk(manager), "/console/communities/lake/funds?do=post", **fund)

    assert page.status_code == 422
    assert list(page.context["form"].errors) == ["approval_above"]


@pytest.mark.parametrize(
    ("address", "typed", "missing"),
    [
        ("offers/{tea}/picture", {}, ["photo"]),
        ("communities/lake/imports", {"kind": "volunteers"}, ["file"]),
    ],
)
def test_a_form_without_its_file_is_told_of(desk, zhao, lake, tea, address, typed, missing):
    page = send(desk(zhao), f"/console/{address.format(tea=tea.pk)}?do=post", **typed)

    assert page.status_code == 422
    assert list(page.context["form"].errors) == missing


@pytest.mark.parametrize("page", ["account/login", "setup", "communities/lake/imports?do=post"])
def test_a_form_that_is_too_long_is_refused_before_it_is_read(desk, zhao, lake, page):
    client = desk(zhao)
    client.handler.enforce_csrf_checks = True
    client.cookies["csrftoken"] = "a" * 32  # so that the form is read, to look for the token
    limit = settings.UPLOAD_MAX_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    begin = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'

    def send_bytes(count):
        body = begin + b"0" * count
        form = "multipart/form-data; boundary=b"
        return client.generic("POST", f"/console/{page}", body, form).status_code

    assert send_bytes(limit) == 413
    assert send_bytes(1_000) == 403  # it has no token


def test_a_parameter_that_is_not_known_is_told_of_on_a_page(desk, zhao, lake):
    page = desk(zhao).get("/console/communities/lake/people?utm_source=x")

    assert page.status_code == 400
    assert 'role="alert"' in page.text


def test_a_name_is_escaped_once_wherever_it_stands(desk, manager, lake, wang):
    User.objects.filter(pk=wang.pk).update(name="<script>王</script> & 李")
    client = desk(manager)
    here = "/console/communities/lake"

    naming = "?do=post&as=post-cell-members&on=communities/lake/cell-members"

    for page in ("people", f"people/{wang.pk}", f"cell-members{naming}"):
        text = client.get(f"{here}/{page}").text
        assert "&lt;script&gt;王&lt;/script&gt; &amp; 李" in text
        assert "<script>王" not in text


def below(pattern, begin=""):
    """The addresses below a pattern, as somebody may write them."""
    for one in pattern:
        route = begin + re.sub(r"<\w+:\w+>", "lake", str(one.pattern)).strip("^$")
        if isinstance(one, URLResolver):
            yield from below(one.url_patterns, route)
        else:
            yield re.sub(r"\(\?P<address>\.\+\)", "attendances", route)


@pytest.mark.parametrize(
    "address", sorted(one for one in below(urlpatterns) if one.startswith("console"))
)
def test_no_form_is_taken_without_its_token_against_forgery(desk, zhao, address):
    client = desk(zhao)
    client.handler.enforce_csrf_checks = True

    assert client.post(f"/{address}", {"code": "x"}).status_code == 403
