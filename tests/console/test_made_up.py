"""Requests that no page of the console makes: addresses, forms and rows that somebody made up."""

import pytest

from backend.communities.models import Role
from backend.communities.services import roles
from tests.console.conftest import send
from volunteers.people.services import joining


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
def test_an_amount_that_is_none_is_told_of(desk, person, lake, amount):
    manager = person("manager")
    roles.give(user=manager, community=lake, role=Role.MANAGER)
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
