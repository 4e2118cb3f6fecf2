"""Founding, renaming and listing places, by operators and by managers."""

import pytest

from backend.accounts.services import operators
from backend.audit.models import AuditEntry
from backend.communities.models import Community, RoleInvitation
from backend.communities.services import places, roles
from tests.cast import somebody

PLACES = "/api/v1/places"


@pytest.fixture
def operator(db):
    return operators.appoint(somebody("operator", "周运维", "19810000091"))


@pytest.fixture
def street(db):
    return places.found(code="street", name="碧沙街道", kind=Community.Kind.STREET)


@pytest.fixture
def manager(street, lake, logged_in):
    """A client of the manager of a place."""

    def of(place):
        user = somebody(f"of-{place.code}", "钱书记", f"1981000{place.pk.int % 10_000:04}")
        roles.give(user=user, community=place, role="manager")
        return logged_in(user)

    return of


def key(number):
    return {"Idempotency-Key": str(number)}


def found(client, number=1, **facts):
    return client.post(PLACES, facts, headers=key(number))


def refusal(answer):
    return answer.status_code, answer.json()["code"]


def test_an_operator_founds_a_street_and_a_community_and_their_managers_are_invited(
    operator, logged_in
):
    client = logged_in(operator)

    street = found(client, 1, kind="street", code="street", name="碧沙街道").json()
    answer = found(client, 2, kind="community", code="pond", name="荷塘社区", parent="street")

    pond = Community.objects.get(code="pond")
    invitation = RoleInvitation.objects.get(place=pond)
    told = answer.json()
    assert answer.status_code == 201
    assert told | {"invitation": None} == {
        "id": str(pond.pk),
        "kind": "community",
        "code": "pond",
        "name": "荷塘社区",
        "timezone": "Asia/Shanghai",
        "moved_at": None,
        "parent": {"id": street["id"], "code": "street", "name": "碧沙街道"},
        "managers": [],
        "invitation": None,
    }
    assert told["invitation"]["role"] == "manager"
    assert told["invitation"]["code"] == invitation.code
    assert (
        AuditEntry.objects.filter(community=pond).order_by("id").values_list("action", flat=True)[0]
        == "community.found"
    )
    again = found(client, 2, kind="community", code="pond", name="荷塘社区", parent="street")
    assert again.json() == told
    assert Community.objects.count() == 2


def test_a_manager_founds_what_is_below(street, manager, lake):
    of_street = found(manager(street), kind="community", code="pond", name="荷塘", parent="street")
    estate = found(manager(lake), kind="estate", name="翠湖苑", parent="lake")

    assert of_street.status_code == estate.status_code == 201
    assert estate.json()["code"].startswith("lake-")
    assert estate.json()["invitation"] is None
    assert of_street.json()["invitation"]["role"] == "manager"


@pytest.mark.parametrize(
    ("who", "facts", "refused"),
    [
        ("zhao", {"kind": "street", "code": "x", "name": "街"}, (403, "place_not_yours")),
        ("manager", {"kind": "street", "code": "x", "name": "街"}, (403, "place_not_yours")),
        ("manager", {"kind": "community", "code": "x", "name": "社"}, (403, "place_not_yours")),
        ("zhao", {"kind": "estate", "name": "园", "parent": "lake"}, (404, "community_unknown")),
        ("manager", {"kind": "estate", "name": "园", "parent": "hill"}, (404, "community_unknown")),
        ("operator", {"kind": "estate", "name": "园", "parent": "lake"}, (403, "place_not_yours")),
        ("operator", {"kind": "community", "name": "社"}, (400, "invalid_input")),
        (
            "operator",
            {"kind": "community", "code": "lake", "name": "社"},
            (409, "place_code_taken"),
        ),
        (
            "operator",
            {"kind": "street", "code": "x", "name": "街", "parent": "street"},
            (400, "place_misplaced"),
        ),
        (
            "operator",
            {"kind": "community", "code": "x", "name": "社", "parent": "lake"},
            (400, "place_misplaced"),
        ),
        (
            "operator",
            {"kind": "community", "code": "x", "name": "社", "timezone": "Mars/Base"},
            (400, "timezone_unknown"),
        ),
        (
            "operator",
            {"kind": "community", "code": "x", "name": "社", "latitude": 28.2},
            (400, "invalid_input"),
        ),
        ("manager", {"kind": "estate", "name": "翠湖苑（1期）", "parent": "lake"}, None),
    ],
)
def test_what_may_not_be_founded_is_refused(
    lake, hill, street, zhao, operator, manager, logged_in, who, facts, refused
):
    places.found(name="翠湖苑(1期)", kind=Community.Kind.ESTATE, parent=lake)
    of_lake = manager(lake)
    client = {"manager": of_lake}.get(who) or logged_in({"zhao": zhao, "operator": operator}[who])
    known = Community.objects.count()

    answer = found(client, **facts)

    assert refusal(answer) == (refused or (409, "place_name_taken"))
    assert Community.objects.count() == known


def test_places_that_somebody_keeps(lake, hill, street, operator, manager, zhao, logged_in):
    estate = places.found(name="翠湖苑", kind=Community.Kind.ESTATE, parent=lake)
    of_lake = manager(lake)

    def listed(client, **asked):
        return {one["code"] for one in client.get(PLACES, asked).json()["results"]}

    assert listed(of_lake) == {"lake", estate.code}
    assert listed(of_lake, kind="estate") == listed(of_lake, parent="lake") == {estate.code}
    assert listed(of_lake, text="翠湖") == {estate.code}
    assert listed(logged_in(operator)) == {"lake", "hill", "street"}
    assert listed(logged_in(zhao)) == set()
    opened = logged_in(operator).get(f"{PLACES}/lake").json()
    assert [one["user"]["name"] for one in opened["managers"]] == ["钱书记"]
    assert logged_in(zhao).get(f"{PLACES}/lake").status_code == 404


def test_a_place_is_renamed_by_those_who_might_found_it(lake, operator, manager, logged_in):
    estate = places.found(name="翠湖苑", kind=Community.Kind.ESTATE, parent=lake)
    places.found(name="明珠苑", kind=Community.Kind.ESTATE, parent=lake)
    of_lake = manager(lake)
    address = f"{PLACES}/{estate.code}"

    assert of_lake.patch(address, {"name": "翠湖新苑"}).json()["name"] == "翠湖新苑"
    assert refusal(of_lake.patch(address, {"name": "明珠苑"})) == (409, "place_name_taken")
    assert refusal(of_lake.patch(f"{PLACES}/lake", {"name": "湖"})) == (403, "place_not_yours")
    renamed = logged_in(operator).patch(f"{PLACES}/lake", {"name": "碧沙湖"})
    assert renamed.json()["name"] == "碧沙湖"
    entry = AuditEntry.objects.get(community=estate, action="community.rename")
    assert (entry.before, entry.after) == ({"name": "翠湖苑"}, {"name": "翠湖新苑"})
