"""Inviting to a role in a place, and accepting it as somebody known or new."""

from datetime import timedelta

import pytest
from rest_framework.test import APIClient

from backend.accounts import vault
from backend.accounts.models import User
from backend.accounts.services import attempts, operators
from backend.audit.models import AuditEntry
from backend.communities.models import Community, Membership, Role, RoleInvitation
from backend.communities.services import invitations, places, roles
from backend.people.services import suspensions
from tests.cast import PASSWORD, somebody

HERE = "/api/v1/communities/lake/role-invitations"
NEW = {"name": "孙新人", "username": "sun", "password": PASSWORD}


@pytest.fixture
def qian(lake):
    user = somebody("qian", "钱书记", "19810000092")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


@pytest.fixture
def operator(db):
    return operators.appoint(somebody("operator", "周运维", "19810000091"))


@pytest.fixture
def stranger():
    return APIClient()


def invite(client, role="staff", key="1"):
    return client.post(HERE, {"role": role}, headers={"Idempotency-Key": key})


def ask(client, what, code, **facts):
    return client.post(f"/api/v1/role-invitations/{what}", {"code": code} | facts)


def refusal(answer):
    return answer.status_code, answer.json()["code"]


def test_a_manager_invites_and_somebody_new_accepts_with_their_own_password(
    lake, qian, logged_in, stranger
):
    made = invite(logged_in(qian)).json()
    code = made["code"]

    seen = ask(stranger, "look", code.lower().replace("-", " ")).json()
    answer = ask(stranger, "accept-as-new", code, **NEW)

    sun = User.objects.get(username="sun")
    membership = Membership.objects.get(user=sun)
    assert (seen["role"], seen["place"]["code"], seen["invited_by"]) == ("staff", "lake", "钱**")
    assert answer.status_code == 201
    assert answer.json() == {
        "id": str(membership.pk),
        "role": "staff",
        "username": "sun",
        "community": {"id": str(lake.pk), "code": "lake", "name": lake.name},
    }
    assert sun.check_password(PASSWORD)
    assert not sun.second_factor_required
    assert membership.granted_by == qian
    acts = AuditEntry.objects.filter(community=lake, target_type="role_invitation").order_by("id")
    assert [(act.action, act.actor.username) for act in acts] == [
        ("role_invitation.make", "qian"),
        ("role_invitation.accept", "sun"),
    ]
    (listed,) = logged_in(qian).get(HERE).json()["results"]
    assert (listed["status"], listed["accepted_by"]["name"]) == ("accepted", "孙新人")
    assert "code" not in listed


def test_whoever_is_on_record_accepts_as_who_they_are_and_owes_a_second_factor(
    lake, qian, wang, logged_in
):
    code = invite(logged_in(qian), "auditor").json()["code"]
    client = logged_in(wang)

    answers = [ask(client, "accept", code) for _ in range(2)]

    assert answers[0].status_code == 201
    assert refusal(answers[1]) == (403, "second_factor_required")
    wang.refresh_from_db()
    invitations.accept(user=wang, code=code)  # again, and nothing happens
    assert wang.second_factor_required
    assert Membership.objects.filter(user=wang, role="auditor", community=lake).count() == 1


def test_an_operator_invites_managers_alone(lake, qian, operator, logged_in):
    invitations.invite(place=lake, role=Role.STAFF, invited_by=qian)
    client = logged_in(operator)

    made = invite(client, "manager")

    assert made.status_code == 201
    assert refusal(invite(client, "auditor", "2")) == (403, "role_not_yours")
    assert [one["role"] for one in client.get(HERE).json()["results"]] == ["manager"]


@pytest.mark.parametrize(
    ("who", "role", "refused"),
    [
        ("zhao", "staff", (404, "community_unknown")),
        ("qian", "manager", (403, "role_not_yours")),
        ("qian", "volunteer", (400, "invalid_input")),
    ],
)
def test_who_may_not_give_a_role_may_not_invite_to_it(
    lake, zhao, qian, logged_in, who, role, refused
):
    client = logged_in({"zhao": zhao, "qian": qian}[who])

    assert refusal(invite(client, role)) == refused
    assert not RoleInvitation.objects.exists()


def expired(invitation, settings):
    settings.INVITATION_LIFETIME = timedelta(0)
    late = invitations.invite(
        place=invitation.place, role=Role.STAFF, invited_by=invitation.invited_by
    )
    assert late.code is None
    return vault.decrypt(late.code_encrypted)


def used(invitation, settings):
    code = invitation.code
    invitations.accept_as_new(address="192.0.2.1", code=code, **NEW | {"username": "first"})
    return code


def revoked(invitation, settings):
    code = invitation.code
    invitations.revoke(invitation=invitation, revoked_by=invitation.invited_by)
    return code


def made_by_one_who_left(invitation, settings):
    held = Membership.objects.get(user=invitation.invited_by)
    roles.withdraw(membership=held, withdrawn_by=None, reason="调走了")
    return invitation.code


def made_by_one_who_is_suspended(invitation, settings):
    place, by = invitation.place, invitation.invited_by
    suspensions.suspend(place=place, user=by, by=None, reason="停职")
    return invitation.code


def unknown(invitation, settings):
    return "2345-6789-ABCD-EFGH"


@pytest.mark.parametrize(
    ("case", "refused"),
    [
        (expired, (409, "invitation_expired")),
        (used, (409, "invitation_used")),
        (revoked, (409, "invitation_revoked")),
        (made_by_one_who_left, (409, "invitation_revoked")),
        (made_by_one_who_is_suspended, (409, "invitation_revoked")),
        (unknown, (404, "invitation_unknown")),
    ],
)
@pytest.mark.parametrize("way", ["accept", "accept-as-new"])
def test_a_code_that_is_not_good_gives_no_role(
    lake, qian, wang, logged_in, stranger, settings, case, refused, way
):
    invitation = invitations.invite(place=lake, role=Role.STAFF, invited_by=qian)
    code = case(invitation, settings)
    known, people = Membership.objects.filter(role="staff").count(), User.objects.count()

    client, facts = (stranger, NEW) if way == "accept-as-new" else (logged_in(wang), {})

    assert refusal(ask(client, way, code, **facts)) == refused
    assert Membership.objects.filter(role="staff").count() == known
    assert User.objects.count() == people


def test_roles_that_exclude_each_other_or_are_held_are_refused_and_the_code_stays_good(
    lake, qian, zhao, wang, logged_in
):
    audit = invite(logged_in(qian), "auditor").json()["code"]
    staff = invite(logged_in(qian), "staff", "2").json()["code"]

    assert refusal(ask(logged_in(zhao), "accept", audit)) == (409, "role_conflict")
    assert refusal(ask(logged_in(zhao), "accept", staff)) == (409, "role_held")
    assert refusal(ask(logged_in(qian), "accept", staff)) == (403, "own_invitation")
    assert refusal(ask(logged_in(qian), "look", staff)) == (403, "own_invitation")
    assert ask(logged_in(wang), "accept", staff).status_code == 201


@pytest.mark.parametrize(
    ("facts", "refused"),
    [
        ({"username": "Wang"}, (409, "username_taken")),
        ({"password": "12345678"}, (400, "invalid_input")),
    ],
)
def test_somebody_new_needs_a_username_and_a_password_of_their_own(
    lake, qian, wang, stranger, facts, refused
):
    code = invitations.invite(place=lake, role=Role.STAFF, invited_by=qian).code

    assert refusal(ask(stranger, "accept-as-new", code, **NEW | facts)) == refused
    assert wang.check_password(PASSWORD)
    assert ask(stranger, "accept-as-new", code, **NEW).status_code == 201


def test_wrong_codes_are_counted_by_person_and_by_address(lake, qian, wang, logged_in, stranger):
    code = invitations.invite(place=lake, role=Role.STAFF, invited_by=qian).code
    for _ in range(attempts.CODES.limit):
        ask(stranger, "look", "2345-6789-ABCD-EFGH")

    assert refusal(ask(stranger, "look", code)) == (429, "throttled")
    assert refusal(ask(stranger, "accept-as-new", code, **NEW)) == (429, "throttled")
    assert ask(logged_in(wang), "look", code).status_code == 200


def test_taking_an_invitation_back(lake, hill, qian, zhao, logged_in):
    made = invite(logged_in(qian)).json()
    address = f"{HERE}/{made['id']}"

    assert logged_in(qian).get(address).json()["status"] == "pending"
    assert refusal(logged_in(zhao).post(f"{address}/revoke")) == (404, "community_unknown")
    answers = [logged_in(qian).post(f"{address}/revoke").json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["status"] == "revoked"
    accepted = invitations.invite(place=lake, role=Role.STAFF, invited_by=qian)
    invitations.accept_as_new(address="192.0.2.1", code=accepted.code, **NEW)
    late = logged_in(qian).post(f"{HERE}/{accepted.pk}/revoke")
    assert refusal(late) == (409, "invitation_used")


def test_the_answer_has_the_code_until_somebody_accepts_it(lake, qian, wang, logged_in):
    code = invite(logged_in(qian)).json()["code"]
    assert invite(logged_in(qian)).json()["code"] == code

    ask(logged_in(wang), "accept", code)

    assert invite(logged_in(qian)).json()["code"] is None
    assert code not in str(RoleInvitation.objects.values().get())


def test_a_role_at_an_estate_is_given_by_its_communitys_manager(lake, qian, stranger):
    estate = places.found(name="翠湖苑", kind=Community.Kind.ESTATE, parent=lake)
    code = invitations.invite(place=estate, role=Role.MANAGER, invited_by=qian).code

    assert ask(stranger, "accept-as-new", code, **NEW).json()["role"] == "manager"
    assert Membership.objects.get(user__username="sun").community == estate


def test_an_operator_withdraws_the_role_of_a_manager(lake, qian, zhao, operator, logged_in):
    manages, works = (
        Membership.objects.get(user=user, role__in=["manager", "staff"]) for user in (qian, zhao)
    )
    client = logged_in(operator)

    gone = client.post(f"/api/v1/roles/{manages.pk}/withdraw", {"reason": "退休"})

    assert gone.json()["ended_by"]["name"] == "周运维"
    assert client.get(f"/api/v1/roles/{works.pk}").status_code == 404
