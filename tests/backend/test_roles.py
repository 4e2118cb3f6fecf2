"""Giving roles and taking them away: who may, and what never stands together."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit.models import AuditEntry
from backend.communities import selectors
from backend.communities.errors import OwnRole, RoleConflict, RoleNotYours
from backend.communities.models import Community, Membership, Role
from backend.communities.services import places, roles
from tests.cast import PASSWORD


@pytest.fixture
def tree(db) -> dict[str, Community]:
    """A street with a community that has an estate, and another community in it."""
    street = places.found(code="street", name="湖畔街道", kind=Community.Kind.STREET)
    lake = places.found(code="lake", name="碧沙湖社区", parent=street)
    return {
        "street": street,
        "lake": lake,
        "hill": places.found(code="hill", name="山丹社区", parent=street),
        "estate": places.estate_named(community=lake, name="小区"),
    }


@pytest.fixture
def manager(tree, person) -> User:
    """钱书记, who manages the lake."""
    user = person("qian", "钱书记")
    roles.give(user=user, community=tree["lake"], role=Role.MANAGER)
    return user


@pytest.fixture
def sun(db, person) -> User:
    """孙, who is nothing yet."""
    return person("sun", "孙")


# --- who may give which role where ------------------------------------------------------------
@pytest.mark.parametrize(
    ("place", "role", "refusal"),
    [
        ("lake", Role.STAFF, None),
        ("lake", Role.AUDITOR, None),
        ("estate", Role.STAFF, None),
        ("estate", Role.MANAGER, None),  # from above
        ("lake", Role.MANAGER, RoleNotYours),
        ("lake", Role.VOLUNTEER, RoleNotYours),  # they join
        ("street", Role.STAFF, RoleNotYours),
        ("hill", Role.STAFF, RoleNotYours),
    ],
)
def test_a_manager_gives_roles_there_and_below(tree, manager, sun, place, role, refusal):
    def give():
        return roles.grant(user=sun, community=tree[place], role=role, granted_by=manager)

    if refusal:
        with pytest.raises(refusal):
            give()
        assert not Membership.objects.filter(user=sun).exists()
    else:
        assert (give().role, give().granted_by) == (role, manager)
        assert Membership.objects.filter(user=sun).count() == 1


@pytest.mark.parametrize("role", [Role.STAFF, Role.AUDITOR, Role.VOLUNTEER])
def test_nobody_but_managers_gives_any(tree, sun, person, role):
    asking = person("asking")
    roles.give(user=asking, community=tree["street"], role=role)

    with pytest.raises(RoleNotYours):
        roles.grant(user=sun, community=tree["lake"], role=Role.STAFF, granted_by=asking)


def test_nobody_gives_or_withdraws_roles_of_their_own(tree, manager):
    with pytest.raises(OwnRole):
        roles.grant(user=manager, community=tree["lake"], role=Role.STAFF, granted_by=manager)
    own = Membership.objects.get(user=manager)
    with pytest.raises(OwnRole):
        roles.withdraw(membership=own, withdrawn_by=manager, reason="x")
    with pytest.raises(IntegrityError), transaction.atomic():
        roles.give(user=manager, community=tree["lake"], role=Role.STAFF, granted_by=manager)


def test_a_command_gives_any_role(tree, sun):
    made = roles.grant(user=sun, community=tree["street"], role=Role.MANAGER, granted_by=None)

    assert (made.granted_by, sun.second_factor_required) == (None, True)


def test_nor_does_a_command_appoint_somebody_to_audit_their_own_work(tree, sun, monkeypatch):
    roles.give(user=sun, community=tree["lake"], role=Role.STAFF)
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))

    with pytest.raises(CommandError):
        call_command(
            *("appoint", "sun", "--name", "孙", "--community", "street", "--role", "auditor")
        )


# --- nobody audits where they work ------------------------------------------------------------
@pytest.mark.parametrize(
    ("held", "asked"), [(Role.AUDITOR, Role.STAFF), (Role.STAFF, Role.AUDITOR)]
)
@pytest.mark.parametrize(
    ("here", "there", "conflict"),
    [
        ("street", "lake", True),
        ("street", "estate", True),
        ("lake", "street", True),
        ("estate", "street", True),
        ("lake", "lake", True),
        ("lake", "hill", False),
    ],
)
def test_nobody_audits_above_or_below_where_they_work(
    tree, sun, held, asked, here, there, conflict
):
    first, _ = roles.give(user=sun, community=tree[here], role=held)

    if conflict:
        with pytest.raises(RoleConflict):
            roles.give(user=sun, community=tree[there], role=asked)
        roles.end(membership=first, ended_by=None)
    roles.give(user=sun, community=tree[there], role=asked)


def test_the_database_has_the_last_word(tree, sun, monkeypatch):
    """A row that was looked for and not found may have come meanwhile."""
    roles.give(user=sun, community=tree["lake"], role=Role.STAFF)
    monkeypatch.setattr(roles, "_held_along", lambda place: Membership.objects.none())

    with pytest.raises(RoleConflict):
        roles.give(user=sun, community=tree["lake"], role=Role.AUDITOR)


@pytest.mark.django_db(transaction=True)
def test_two_roles_that_exclude_each_other_given_at_once_are_one(tree, sun, at_once):
    asked = [(tree["street"], Role.AUDITOR), (tree["estate"], Role.STAFF)]

    def give(number):
        place, role = asked[number % 2]
        user = User.objects.get(pk=sun.pk)
        return roles.grant(user=user, community=place, role=role, granted_by=None).role

    answers = at_once(6, give)

    (held,) = Membership.objects.filter(user=sun)
    assert sorted(answers) == sorted([held.role] * 3 + ["role_conflict"] * 3)


# --- withdrawing ------------------------------------------------------------------------------
def test_a_withdrawn_role_stays_on_record_and_works_no_more(tree, manager, sun):
    held = roles.grant(user=sun, community=tree["lake"], role=Role.STAFF, granted_by=manager)

    ended = roles.withdraw(membership=held, withdrawn_by=manager, reason="调走")

    assert (ended.ended_by, ended.reason) == (manager, "调走")
    assert ended.ended_at <= timezone.now()
    assert not selectors.communities_where(sun, selectors.HANDLES).exists()
    again = roles.withdraw(membership=held, withdrawn_by=manager, reason="again")
    assert (again.ended_at, again.reason) == (ended.ended_at, "调走")
    assert [
        (entry.action, entry.actor, entry.target_id, entry.before, entry.after)
        for entry in AuditEntry.objects.filter(community=tree["lake"]).order_by("pk")
    ] == [
        ("role.grant", manager, str(held.pk), {}, {"role": "staff", "user": str(sun.pk)}),
        ("role.withdraw", manager, str(held.pk), {"role": "staff", "user": str(sun.pk)}, {}),
    ]
    fresh = roles.grant(user=sun, community=tree["lake"], role=Role.STAFF, granted_by=manager)
    assert set(selectors.roles_in(tree["lake"]).filter(user=sun)) == {held, fresh}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE communities_membership SET ended_at = NULL",
        "UPDATE communities_membership SET reason = 'another'",
        "UPDATE communities_membership SET role = 'auditor'",
        "UPDATE communities_membership SET granted_by_id = NULL",
        "DELETE FROM communities_membership",
    ],
)
def test_the_record_of_a_role_is_final(tree, manager, sun, statement):
    held = roles.grant(user=sun, community=tree["lake"], role=Role.STAFF, granted_by=manager)
    roles.withdraw(membership=held, withdrawn_by=manager, reason="调走")

    with (
        pytest.raises(DatabaseError, match="pgtrigger: Cannot"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"{statement} WHERE ended_at IS NOT NULL")
    Membership.objects.update(reason="")  # as erasing somebody does


@pytest.mark.parametrize(("place", "is_refused"), [("lake", True), ("street", False)])
def test_a_manager_is_unmade_from_above_alone(tree, manager, person, place, is_refused):
    other = person("other")
    roles.give(user=other, community=tree[place], role=Role.MANAGER)
    held = Membership.objects.get(user=manager)

    if is_refused:
        with pytest.raises(RoleNotYours):
            roles.withdraw(membership=held, withdrawn_by=other, reason="x")
    else:
        roles.withdraw(membership=held, withdrawn_by=other, reason="x")

    held.refresh_from_db()
    assert (held.ended_at is None) == is_refused


def test_the_second_factor_is_owed_until_the_last_role_that_asks_for_it_has_ended(tree, sun):
    held = [
        roles.give(user=sun, community=tree[place], role=role)[0]
        for place, role in (
            ("lake", Role.MANAGER),
            ("hill", Role.AUDITOR),
            ("lake", Role.STAFF),
        )
    ]

    owed = []
    for membership in held:
        roles.withdraw(membership=membership, withdrawn_by=None, reason="x")
        owed.append(User.objects.get(pk=sun.pk).second_factor_required)

    assert owed == [True, False, False]


# --- how they are found -----------------------------------------------------------------------
@pytest.mark.plain
def test_where_somebody_belongs_is_found_without_reading_everybodys_roles(lake, wang):
    crowd = User.objects.bulk_create(User(username=f"crowd{number}") for number in range(2000))
    Membership.objects.bulk_create(
        Membership(community=lake, user=user, role=Role.VOLUNTEER) for user in crowd
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE communities_membership")

    ever = Membership.objects.filter(user=wang, role=Role.VOLUNTEER)
    assert "membership_of_person" in ever.explain()
    for roles_asked in ((Role.VOLUNTEER,), selectors.WATCHES_OVER):
        asked = selectors.places_where(wang, roles_asked)
        assert "Seq Scan on communities_membership" not in asked.explain()
