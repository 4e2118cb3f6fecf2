"""The tree of places: roles reach down it, and never up or sideways."""

import pytest

from backend.communities import selectors
from backend.communities.errors import CommunityUnknown, PlaceCodeTaken, PlaceNameTaken
from backend.communities.models import Community, Membership, Role
from backend.communities.services import places, roles


@pytest.fixture
def tree(db) -> dict[str, Community]:
    """Two streets; the first with two communities, one of which has an estate."""
    east = places.found(code="east", name="东街", kind=Community.Kind.STREET)
    west = places.found(code="west", name="西街", kind=Community.Kind.STREET)
    bridge = places.found(code="bridge", name="桥头社区", parent=east)
    return {
        "east": east,
        "west": west,
        "bridge": bridge,
        "garden": places.found(code="garden", name="花园社区", parent=east),
        "mill": places.found(code="mill", name="磨坊社区", parent=west),
        "estate": places.estate_named(community=bridge, name="桥头小区"),
    }


@pytest.mark.parametrize(
    ("place", "reach"),
    [
        ("east", {"bridge", "garden"}),
        ("west", {"mill"}),
        ("bridge", {"bridge"}),
        ("estate", set()),
    ],
)
def test_a_role_reaches_down_the_tree_and_never_sideways(tree, person, place, reach):
    worker = person("worker")
    roles.give(user=worker, community=tree[place], role=Role.STAFF)

    reached = selectors.communities_where(worker, selectors.HANDLES)

    assert {community.code for community in reached} == reach


def test_only_the_roles_that_were_asked_for_count(tree, person):
    worker = person("worker")
    roles.give(user=worker, community=tree["bridge"], role=Role.AUDITOR)
    roles.give(user=worker, community=tree["garden"], role=Role.VOLUNTEER)
    roles.give(user=worker, community=tree["mill"], role=Role.MANAGER)

    def where(roles):
        return {community.code for community in selectors.communities_where(worker, roles)}

    assert where(selectors.HANDLES) == {"mill"}
    assert where(selectors.WATCHES_OVER) == {"bridge", "mill"}
    assert {community.code for community in selectors.communities_of(worker)} == {"garden"}
    assert where(()) == set()


def test_roles_are_each_persons_own(tree, person):
    roles.give(user=person("worker"), community=tree["east"], role=Role.STAFF)

    assert not selectors.communities_where(person("another"), tuple(Role)).exists()


def test_being_given_a_role_twice_is_having_it_once(tree, person):
    worker = person("worker")

    first, _ = roles.give(user=worker, community=tree["east"], role=Role.STAFF)

    assert roles.give(user=worker, community=tree["east"], role=Role.STAFF) == (first, False)
    assert list(selectors.memberships_of(worker)) == [first]
    assert Membership.objects.count() == 1


@pytest.mark.parametrize(
    ("place", "upwards"),
    [
        ("estate", ["桥头小区", "桥头社区", "东街"]),
        ("garden", ["花园社区", "东街"]),
        ("west", ["西街"]),
    ],
)
def test_the_lineage_of_a_place_leads_from_it_to_the_top(tree, place, upwards):
    assert [community.name for community in selectors.lineage(tree[place])] == upwards


def test_only_communities_keep_a_ledger(tree):
    assert {place.code for place in selectors.tenants()} == {"bridge", "garden", "mill"}
    assert selectors.tenants().get(code="bridge") == tree["bridge"]
    for code in ("east", tree["estate"].code, "nowhere"):
        with pytest.raises(Community.DoesNotExist):
            selectors.tenants().get(code=code)


def test_a_community_out_of_reach_is_as_unknown_as_one_that_is_not_there(tree, person):
    worker = person("worker")
    roles.give(user=worker, community=tree["east"], role=Role.STAFF)
    reached = selectors.communities_where(worker, selectors.HANDLES)

    assert selectors.community_among(reached, "garden") == tree["garden"]
    for code in ("mill", "east", "nowhere"):
        with pytest.raises(CommunityUnknown):
            selectors.community_among(reached, code)


def test_an_estate_is_founded_once_under_each_community(tree):
    estate = places.estate_named(community=tree["bridge"], name="桥头小区")

    assert estate == tree["estate"]
    assert (estate.kind, estate.parent) == ("estate", tree["bridge"])
    elsewhere = places.estate_named(community=tree["garden"], name="桥头小区")
    assert (elsewhere.parent, elsewhere.code != estate.code) == (tree["garden"], True)


@pytest.mark.parametrize(
    ("code", "name", "parent", "refusal"),
    [("bridge", "新社区", "west", PlaceCodeTaken), ("new", "桥头社区", "east", PlaceNameTaken)],
)
def test_a_code_is_one_places_own_and_a_name_is_among_siblings(tree, code, name, parent, refusal):
    with pytest.raises(refusal):
        places.found(code=code, name=name, parent=tree[parent])

    assert places.found(code="new", name="桥头社区", parent=tree["west"]).parent == tree["west"]


@pytest.mark.parametrize("length", [1, 27, 28, 40])
def test_the_code_of_an_estate_fits_however_long_its_communitys_is(db, length):
    community = places.found(code="c" * length, name="社区")

    estate = places.estate_named(community=community, name="小区")

    estate.full_clean()
    assert estate.code.startswith("c" * min(length, 27))
