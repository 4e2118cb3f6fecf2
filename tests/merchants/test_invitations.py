"""People who work at a merchant: invited with a code that works once, dismissed at once."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from backend.accounts import vault
from backend.audit.models import AuditEntry
from backend.codes import ALPHABET
from backend.communities.models import Role as Roles
from backend.communities.services import roles
from backend.errors import Refusal
from backend.invitations import errors as refusals
from merchants.models import Invitation, MerchantMember
from merchants.partners import errors, selectors
from merchants.partners.services import invitations
from merchants.partners.services import partnerships as partners

Role = MerchantMember.Role


@pytest.fixture
def wu(shop, person):
    """吴老板, who owns it as well."""
    user = person("wu", "吴老板")
    partners.employ(merchant=shop, user=user, role=Role.OWNER)
    return user


@pytest.fixture
def sun(person):
    """小孙, who works nowhere yet."""
    return person("sun", "小孙")


def member(user):
    return MerchantMember.objects.get(user=user, ended_at=None)


def written(prefix):
    """Return the audit entries about things of that kind: act, actor, before and after."""
    entries = AuditEntry.objects.filter(target_type=prefix).order_by("pk")
    return list(entries.values_list("action", "actor__username", "before", "after"))


def test_a_code_is_shown_once_and_is_not_to_be_guessed(shop, zhou):
    first, other = (
        invitations.invite(merchant=shop, invited_by=zhou, role=Role.CLERK) for _ in range(2)
    )
    code = first.code

    letters = code.replace("-", "")
    assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]
    assert set(letters) <= set(ALPHABET)
    assert len(ALPHABET) ** len(letters) > 2**60
    assert code != other.code
    assert code not in str(Invitation.objects.filter(pk=first.pk).values())
    assert letters not in str(Invitation.objects.filter(pk=first.pk).values())
    assert first.expires_at - first.invited_at > timedelta(hours=71, minutes=59)


@pytest.mark.parametrize("role", list(Role))
def test_whoever_has_the_code_works_there(shop, zhou, sun, role):
    invitation = invitations.invite(merchant=shop, invited_by=zhou, role=role)
    code = invitation.code
    read_aloud = f" {code.lower().replace('-', ' ')} "

    first = invitations.accept(user=sun, code=read_aloud)
    again = invitations.accept(user=sun, code=code)

    invitation.refresh_from_db()
    assert first == again == member(sun)
    assert (first.merchant, first.role) == (shop, role)
    assert (invitation.status, invitation.accepted_by) == ("accepted", sun)
    assert written("invitation") == [
        ("invitation.make", "zhou", {}, {"role": role}),
        (
            "invitation.accept",
            "sun",
            {"status": "pending"},
            {"status": "accepted", "role": role, "merchant_member": str(first.pk)},
        ),
    ]


@pytest.fixture
def told(shop, zhou, wu, person, settings):
    """Return a code in the state that the name says, and the person who shows it."""

    def tell(case, newcomer):
        if case == "unknown":
            return newcomer, "2345-6789-ABCD-EFGH"
        if case == "expired":
            settings.INVITATION_LIFETIME = timedelta(0)
        made = invitations.invite(merchant=shop, invited_by=zhou, role=Role.CLERK)
        code = vault.decrypt(made.code_encrypted)
        if case == "used":
            invitations.accept(user=person("early"), code=code)
        if case == "used by one dismissed":
            gone = invitations.accept(user=newcomer, code=code)
            invitations.dismiss(member=gone, dismissed_by=zhou)
        if case == "revoked":
            invitations.revoke(invitation=made, revoked_by=zhou)
        if case == "made by one dismissed":
            invitations.dismiss(member=member(zhou), dismissed_by=wu)
        if case == "the inviter, who left":
            MerchantMember.objects.filter(user=zhou).delete()
        return {"a colleague": wu, "the inviter, who left": zhou}.get(case, newcomer), code

    return tell


@pytest.mark.parametrize(
    ("case", "refusal"),
    [
        ("unknown", refusals.InvitationUnknown),
        ("used", refusals.InvitationUsed),
        ("used by one dismissed", refusals.InvitationUsed),
        ("expired", refusals.InvitationExpired),
        ("revoked", refusals.InvitationRevoked),
        ("made by one dismissed", refusals.InvitationRevoked),
        ("the inviter, who left", refusals.OwnInvitation),
        ("a colleague", errors.AlreadyWorksThere),
    ],
)
def test_a_refused_acceptance_lets_nobody_in(sun, told, case, refusal):
    user, code = told(case, sun)
    before = list(MerchantMember.objects.order_by("pk").values())
    status = [invitation.status for invitation in Invitation.objects.all()]

    with pytest.raises(refusal):
        invitations.accept(user=user, code=code)

    assert list(MerchantMember.objects.order_by("pk").values()) == before
    assert [invitation.status for invitation in Invitation.objects.all()] == status


def test_what_a_colleague_tried_in_vain_is_good_for_whom_it_was_meant(shop, zhou, wu, sun):
    code = invitations.invite(merchant=shop, invited_by=zhou, role=Role.CLERK).code
    with pytest.raises(errors.AlreadyWorksThere):
        invitations.accept(user=wu, code=code)

    assert invitations.accept(user=sun, code=code).role == Role.CLERK
    assert member(wu).role == Role.OWNER


def test_revoking(shop, zhou, wu, sun):
    made = invitations.invite(merchant=shop, invited_by=zhou, role=Role.CLERK)
    used = invitations.invite(merchant=shop, invited_by=zhou, role=Role.CLERK)
    invitations.accept(user=sun, code=used.code)

    first = invitations.revoke(invitation=made, revoked_by=wu)
    again = invitations.revoke(invitation=made, revoked_by=zhou)
    with pytest.raises(refusals.InvitationUsed):
        invitations.revoke(invitation=used, revoked_by=zhou)

    assert (again.revoked_at, again.revoked_by) == (first.revoked_at, wu)
    assert written("invitation")[-1] == (
        "invitation.revoke",
        "wu",
        {"status": "pending"},
        {"status": "revoked"},
    )
    assert len(written("invitation")) == 4


def test_who_is_dismissed_works_there_no_more_and_may_be_invited_again(shop, zhou, sun):
    code = invitations.invite(merchant=shop, invited_by=zhou, role=Role.CLERK).code
    clerk = invitations.accept(user=sun, code=code)

    first = invitations.dismiss(member=clerk, dismissed_by=zhou)
    again = invitations.dismiss(member=clerk, dismissed_by=zhou)

    assert (again.ended_at, again.ended_by) == (first.ended_at, zhou)
    assert not selectors.merchants_of(sun).exists()
    assert written("merchant_member")[1:] == [
        ("merchant_member.dismiss", "zhou", {"role": "clerk", "user": str(sun.pk)}, {})
    ]
    another = invitations.invite(merchant=shop, invited_by=zhou, role=Role.CLERK).code
    assert invitations.accept(user=sun, code=another) != clerk
    assert selectors.merchants_of(sun).get() == shop


def test_a_merchant_keeps_an_owner(shop, zhou, wu):
    invitations.dismiss(member=member(wu), dismissed_by=zhou)
    with pytest.raises(errors.LastOwner):
        invitations.dismiss(member=member(zhou), dismissed_by=zhou)

    assert selectors.merchants_owned_by(zhou).get() == shop


def test_an_owner_who_can_not_log_in_does_not_count(shop, zhou, wu):
    wu.is_active = False
    wu.save(update_fields=["is_active"])

    with pytest.raises(errors.LastOwner):
        invitations.dismiss(member=member(zhou), dismissed_by=zhou)


def test_an_owner_dismissed_meanwhile_does_nothing_more(shop, zhou, wu, chen):
    made = invitations.invite(merchant=shop, invited_by=wu, role=Role.CLERK)
    invitations.dismiss(member=member(zhou), dismissed_by=wu)

    with pytest.raises(errors.MerchantUnknown):
        invitations.invite(merchant=shop, invited_by=zhou, role=Role.OWNER)
    with pytest.raises(errors.MerchantUnknown):
        invitations.revoke(invitation=made, revoked_by=zhou)
    with pytest.raises(errors.MerchantUnknown):
        invitations.dismiss(member=member(chen), dismissed_by=zhou)

    assert Invitation.objects.get().status == "pending"
    assert member(chen)


def test_every_community_it_is_a_partner_of_has_it_on_record(shop, hill, zhou):
    partners.sign_contract(
        community=hill, name="茶馆", trade="餐饮", fen_per_point=5, is_donated=False, merchant=shop
    )

    invitations.invite(merchant=shop, invited_by=zhou, role=Role.CLERK)

    made = AuditEntry.objects.filter(action="invitation.make").order_by("pk")
    assert list(made.values_list("community__code", flat=True)) == ["lake", "hill"]


def test_contracts_and_offers_are_on_record(tea_house, tea, chen):
    contract = {"merchant": str(tea_house.merchant_id), "fen_per_point": 10, "is_donated": False}
    assert written("partnership") == [("partnership.sign", None, {}, contract)]
    assert written("offer") == [("offer.make", None, {}, {"price_points": 30, "stock": 5})]
    assert written("merchant_member") == [
        ("merchant_member.employ", None, {}, {"role": "clerk", "user": str(chen.pk)})
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE merchants_invitation SET expires_at = '2100-01-01Z'",
        "UPDATE merchants_invitation SET role = 'owner'",
        "UPDATE merchants_invitation SET accepted_at = NULL, accepted_by_id = NULL",
        "UPDATE merchants_invitation SET revoked_at = now(), revoked_by_id = invited_by_id",
        "UPDATE merchants_invitation SET accepted_at = now()",
        "UPDATE merchants_invitation SET accepted_at = now(), accepted_by_id = invited_by_id",
        "UPDATE merchants_invitation SET revoked_at = now()",
        "DELETE FROM merchants_invitation",
    ],
)
def test_the_database_keeps_an_invitation_as_it_was(shop, zhou, sun, statement):
    code = invitations.invite(merchant=shop, invited_by=zhou, role=Role.CLERK).code
    invitations.invite(merchant=shop, invited_by=zhou, role=Role.CLERK)
    invitations.accept(user=sun, code=code)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_of_those_who_accept_one_code_at_once_one_works_there(shop, zhou, person, at_once):
    code = invitations.invite(merchant=shop, invited_by=zhou, role=Role.CLERK).code
    people = [person(f"newcomer{number}") for number in range(4)]

    outcomes = at_once(4, lambda number: invitations.accept(user=people[number], code=code))

    winner = MerchantMember.objects.get(role=Role.CLERK)
    assert sorted(map(str, outcomes)) == sorted([str(winner)] + ["invitation_used"] * 3)
    assert Invitation.objects.get().accepted_by == winner.user


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_dismiss_each_other_at_once_one_stays(shop, zhou, wu, at_once):
    owners = [(zhou, member(wu)), (wu, member(zhou))]

    def dismiss(number):
        by, whom = owners[number]
        return invitations.dismiss(member=whom, dismissed_by=by)

    outcomes = at_once(2, dismiss)

    assert "merchant_unknown" in outcomes
    assert selectors.members_of(shop).filter(ended_at=None).count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_accepts_two_codes_at_once_is_employed_once(shop, zhou, sun, at_once):
    codes = [
        invitations.invite(merchant=shop, invited_by=zhou, role=Role.CLERK).code for _ in range(2)
    ]

    outcomes = at_once(2, lambda number: invitations.accept(user=sun, code=codes[number]))

    assert "already_works_there" in outcomes
    assert member(sun) in outcomes
    statuses = [invitation.status for invitation in selectors.invitations_to(shop)]
    assert sorted(statuses) == ["accepted", "pending"]
    with pytest.raises(Refusal):
        invitations.accept(user=sun, code=codes[statuses[::-1].index("pending")])


def test_staff_read_how_owners_were_invited_and_nothing_of_clerks(
    hill, shop, tea_house, zhou, zhao, logged_in
):
    address = f"/api/v1/partnerships/{tea_house.pk}/invitations"
    made, _ = (
        invitations.invite(merchant=shop, invited_by=zhou, role=role)
        for role in (Role.OWNER, Role.CLERK)
    )
    staff = logged_in(zhao)

    (told,) = staff.get(address).json()["results"]

    assert (told["id"], told["status"]) == (str(made.pk), "pending")
    assert "code" not in told
    assert logged_in(zhou).get(address).status_code == 404

    roles.give(user=zhao, community=hill, role=Roles.STAFF)
    asked = partners.consider(
        community=hill, name="茶馆", trade="餐饮", merchant_id=shop.pk, by=zhao
    )
    unaccepted = f"/api/v1/partnerships/{asked.pk}/invitations"
    assert staff.get(unaccepted).json()["results"] == []
