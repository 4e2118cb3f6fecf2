"""Inviting people to a role in a place, by a code or the link that has it."""

from typing import Any

from django.db import transaction

from backend.accounts.models import User
from backend.accounts.services import attempts
from backend.accounts.services.logins import set_first_password
from backend.audit import services as trail
from backend.communities.errors import RoleHeld, RoleNotYours
from backend.communities.models import Community, Membership, Role, RoleInvitation
from backend.communities.services import roles
from backend.invitations import services as by_code
from backend.invitations.errors import InvitationRevoked, InvitationUnknown, InvitationUsed


@transaction.atomic
def invite(*, place: Community, role: Role, invited_by: User) -> RoleInvitation:
    """Invite somebody to ``role`` in the place, by those who might give it. Raises RoleNotYours."""
    roles.require_right(invited_by, place=place, role=role)
    invitation = by_code.make(RoleInvitation, invited_by=invited_by, place=place, role=role)
    _record("make", invitation, invited_by, after={"role": role})
    return invitation


def look(*, who: User | str, code: str) -> RoleInvitation:
    """Return the invitation with this code as long as ``who`` can accept it.

    A stranger is the address that they ask from. Raises TooManyAttempts, InvitationUnknown,
    InvitationUsed, InvitationRevoked, InvitationExpired, OwnInvitation.
    """
    with attempts.guessing(who, InvitationUnknown), transaction.atomic():
        invitation = _with_code(code)
        by_code.require_good(invitation, user=None if isinstance(who, str) else who)
    return invitation


def accept(*, user: User, code: str) -> Membership:
    """Give ``user`` the role that the code's invitation is to. A code is good for one person.

    Idempotent while the role lasts. Raises what ``look`` raises, RoleHeld, RoleConflict; and
    InvitationRevoked if whoever invited may no longer give the role.
    """
    with attempts.guessing(user, InvitationUnknown), transaction.atomic():
        invitation = _with_code(code)
        held = Membership.objects.filter(
            user=user, community=invitation.place, role=invitation.role, ended_at=None
        ).first()
        if held is not None and invitation.accepted_by_id == user.pk:
            return held
        by_code.require_good(invitation, user=user)
        if held is not None:
            raise RoleHeld
        return _take(invitation, user)


def accept_as_new(
    *, address: str, code: str, name: str, username: str, password: str
) -> Membership:
    """Put somebody new on record, with their own password, and give them the role of the code.

    ``address`` is where they ask from. Raises what ``accept`` and ``set_first_password`` raise.
    """
    with attempts.guessing(address, InvitationUnknown), transaction.atomic():
        invitation = _with_code(code)
        by_code.require_good(invitation, user=None)
        person = User(name=name)
        user = set_first_password(user=person, username=username, password=password)
        return _take(invitation, user)


@transaction.atomic
def revoke(*, invitation: RoleInvitation, revoked_by: User) -> RoleInvitation:
    """Revoke an invitation, by those who might make it. Idempotent: keeps the first ``revoked_at``.

    Raises RoleNotYours, InvitationUsed (withdraw the role instead).
    """
    roles.require_right(revoked_by, place=invitation.place, role=Role(invitation.role))
    locked = RoleInvitation.objects.select_for_update(no_key=True, of=("self",))
    invitation = locked.select_related("place", "invited_by", "accepted_by", "revoked_by").get(
        pk=invitation.pk
    )
    if invitation.accepted_at is not None:
        raise InvitationUsed
    if invitation.revoked_at is None:
        _record("revoke", invitation, revoked_by, **by_code.revoke(invitation, revoked_by))
    return invitation


def _with_code(code: str) -> RoleInvitation:
    return by_code.with_code(RoleInvitation.objects.select_related("place", "invited_by"), code)


def _take(invitation: RoleInvitation, user: User) -> Membership:
    try:
        membership = roles.grant(
            user=user,
            community=invitation.place,
            role=Role(invitation.role),
            granted_by=invitation.invited_by,
        )
    except RoleNotYours:
        raise InvitationRevoked from None
    ended = by_code.accept(invitation, user)
    ended["after"] |= {"role": invitation.role, "membership": str(membership.pk)}
    _record("accept", invitation, user, **ended)
    return membership


def _record(verb: str, invitation: RoleInvitation, by: User, **facts: Any) -> None:
    trail.record(
        f"role_invitation.{verb}",
        actor=by,
        community=invitation.place,
        target=invitation,
        **facts,
    )
