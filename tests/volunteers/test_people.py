"""Enrolling volunteers."""

import pytest

from backend.communities.models import Community, Membership
from backend.communities.selectors import communities_of
from volunteers.models import Volunteer
from volunteers.people.selectors import is_volunteer, volunteers_in
from volunteers.people.services import people


def test_enrolling_makes_a_volunteer_of_one_community(lake, hill, person):
    zhang = person("zhang")

    volunteer, is_new = people.enrol(
        user=zhang, community=lake, kind=Volunteer.Kind.COURIER, estate_name="金域南外滩"
    )

    assert (is_new, volunteer.kind, volunteer.user) == (True, "courier", zhang)
    assert (volunteer.estate.name, volunteer.estate.parent) == ("金域南外滩", lake)
    assert list(communities_of(zhang)) == [lake]
    assert (is_volunteer(zhang, lake.pk), is_volunteer(zhang, hill.pk)) == (True, False)
    assert (list(volunteers_in(lake)), list(volunteers_in(hill))) == ([volunteer], [])


def test_enrolling_again_changes_nothing(lake, wang):
    before = Volunteer.objects.get(user=wang)

    volunteer, is_new = people.enrol(
        user=wang, community=lake, kind=Volunteer.Kind.RESIDENT, estate_name=""
    )

    assert (is_new, volunteer, volunteer.kind) == (False, before, "rider")
    assert Membership.objects.filter(user=wang).count() == 1


def test_neighbours_share_an_estate_and_communities_do_not(lake, hill, person):
    for number, community in enumerate([lake, lake, hill]):
        people.enrol(
            user=person(f"neighbour{number}"),
            community=community,
            kind=Volunteer.Kind.RESIDENT,
            estate_name="金域南外滩",
        )

    estates = Community.objects.filter(kind=Community.Kind.ESTATE)
    assert {estate.parent for estate in estates} == {lake, hill}
    assert estates.count() == 2


def test_one_person_may_volunteer_in_several_communities(wang, lake, hill):
    people.enrol(user=wang, community=hill, kind=Volunteer.Kind.RESIDENT)

    assert set(communities_of(wang)) == {lake, hill}


@pytest.mark.django_db(transaction=True)
def test_an_estate_founded_by_two_at_once_is_one(lake, person, at_once):
    crowd = [person(f"neighbour{n}") for n in range(8)]

    at_once(
        8,
        lambda n: people.enrol(
            user=crowd[n], community=lake, kind=Volunteer.Kind.RESIDENT, estate_name="新小区"
        ),
    )

    assert Community.objects.filter(name="新小区").count() == 1
    assert Volunteer.objects.filter(estate__name="新小区").count() == 8
