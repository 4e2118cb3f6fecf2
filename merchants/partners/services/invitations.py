"""People who work at a merchant: invited by an owner with a code, and dismissed.

Acts of owners lock the merchant's row, and are refused to an owner dismissed meanwhile.
"""

from typing import Any

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services import attempts
from backend.accounts.services.logins import set_first_password
from backend.invitations import services as by_code
from backend.invitations.errors import InvitationUnknown, InvitationUsed
from backend.locks import lock_by_id
from merchants.partners import errors, selectors
from merchants.partners.models.merchants import Invitation, Merchant, MerchantMember
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import partnerships as partners
from merchants.partners.services import sides

Role = MerchantMember.Role


@transaction.atomic
def invite(*, merchant: Merchant, invited_by: User, role: Role) -> Invitation:
    """Invite somebody to work there as ``role``. Raises MerchantUnknown."""
    _lock(merchant, for_owner=invited_by)
    return _invite(merchant, invited_by, role)


@transaction.atomic
def invite_owner(*, partnership: Partnership, invited_by: User) -> Invitation:
    """Invite a merchant's first owner, as staff.

    Raises OwnMerchant, PartnerNotAccepted, HasOwner.
    """
    merchant = partnership.merchant
    sides.refuse_own(invited_by, partnership)
    sides.refuse_unaccepted(partnership)
    lock_by_id(merchant.pk)
    if selectors.owners_of(merchant.pk).exists():
        raise errors.HasOwner
    return _invite(merchant, invited_by, Role.OWNER)


def _invite(merchant: Merchant, invited_by: User, role: Role) -> Invitation:
    invitation = by_code.make(Invitation, invited_by=invited_by, merchant=merchant, role=role)
    partners.record(
        "invitation.make",
        actor=invited_by,
        merchant=merchant,
        target=invitation,
        after={"role": invitation.role},
    )
    return invitation


def look(*, who: User | str, code: str) -> Invitation:
    """Return the invitation with this code as long as ``who`` can accept it.

    A stranger is the address that they ask from. Raises TooManyAttempts, InvitationUnknown,
    InvitationUsed, InvitationRevoked, InvitationExpired, OwnInvitation.
    """
    with attempts.guessing(who, InvitationUnknown), transaction.atomic():
        invitation = _with_code(code)
        by_code.require_good(invitation, user=None if isinstance(who, str) else who)
    return invitation


def accept(*, user: User, code: str) -> MerchantMember:
    """Let ``user`` work at the merchant that made the code. A code is good for one person.

    Idempotent while the membership lasts. Raises TooManyAttempts, InvitationUnknown,
    InvitationUsed, InvitationRevoked, InvitationExpired, OwnInvitation, AlreadyWorksThere (they
    keep their role, and the code stays good).
    """
    with attempts.guessing(user, InvitationUnknown), transaction.atomic():
        invitation = _with_code(code)
        merchant = invitation.merchant
        if invitation.accepted_by_id == user.pk:
            mine = selectors.current_members_of(merchant).filter(user=user).first()
            if mine is not None:
                return mine
        by_code.require_good(invitation, user=user)
        return _take(invitation, user)


def accept_as_new(
    *, address: str, code: str, name: str, username: str, password: str
) -> MerchantMember:
    """Put somebody new on record, with their own password, and let them work at the merchant.

    ``address`` is where they ask from. Raises what ``look`` and ``set_first_password`` raise.
    """
    with attempts.guessing(address, InvitationUnknown), transaction.atomic():
        invitation = _with_code(code)
        by_code.require_good(invitation, user=None)
        person = User(name=name)
        user = set_first_password(user=person, username=username, password=password)
        return _take(invitation, user)


@transaction.atomic
def revoke(*, invitation: Invitation, revoked_by: User) -> Invitation:
    """Revoke an invitation. Idempotent: keeps the first ``revoked_at``.

    Raises MerchantUnknown, InvitationUsed (dismiss the person instead).
    """
    _lock(invitation.merchant, for_owner=revoked_by)
    invitation = (
        Invitation.objects.select_for_update(no_key=True, of=("self",))
        .select_related("merchant", "invited_by", "accepted_by", "revoked_by")
        .get(pk=invitation.pk)
    )
    if invitation.accepted_at is not None:
        raise InvitationUsed
    if invitation.revoked_at is None:
        _record("revoke", invitation, revoked_by, by_code.revoke(invitation, revoked_by))
    return invitation


@transaction.atomic
def dismiss(*, member: MerchantMember, dismissed_by: User) -> MerchantMember:
    """Dismiss somebody, which bars them from the merchant from their next request on.

    An owner's open invitations are revoked. Idempotent: keeps the first ``ended_at``. Raises
    MerchantUnknown, LastOwner.
    """
    _lock(member.merchant, for_owner=dismissed_by)
    member = MerchantMember.objects.select_related("merchant", "user").get(pk=member.pk)
    if member.ended_at is not None:
        return member
    others = selectors.owners_of(member.merchant_id).exclude(pk=member.pk)
    if member.role == Role.OWNER and not others.filter(user__is_active=True).exists():
        raise errors.LastOwner
    member.ended_at, member.ended_by = timezone.now(), dismissed_by
    member.save(update_fields=["ended_at", "ended_by"])
    partners.record(
        "merchant_member.dismiss",
        actor=dismissed_by,
        merchant=member.merchant,
        target=member,
        before={"role": member.role, "user": str(member.user_id)},
    )
    open_ones = Invitation.objects.select_for_update(no_key=True, of=("self",)).filter(
        merchant_id=member.merchant_id,
        invited_by_id=member.user_id,
        accepted_at__isnull=True,
        revoked_at__isnull=True,
    )
    for invitation in open_ones.select_related("merchant").order_by("pk"):
        _record("revoke", invitation, dismissed_by, by_code.revoke(invitation, dismissed_by))
    return member


def _with_code(code: str) -> Invitation:
    return by_code.with_code(Invitation.objects.select_related("merchant", "invited_by"), code)


def _take(invitation: Invitation, user: User) -> MerchantMember:
    merchant, role = invitation.merchant, Role(invitation.role)
    member, is_new = partners.take_on(merchant=merchant, user=user, role=role)
    if not is_new:
        raise errors.AlreadyWorksThere
    ended = by_code.accept(invitation, user)
    ended["after"] |= {"role": member.role, "merchant_member": str(member.pk)}
    _record("accept", invitation, user, ended)
    return member


def _record(verb: str, invitation: Invitation, by: User, ended: dict[str, Any]) -> None:
    partners.record(
        f"invitation.{verb}",
        actor=by,
        merchant=invitation.merchant,
        target=invitation,
        **ended,
    )


def _lock(merchant: Merchant, *, for_owner: User) -> None:
    lock_by_id(merchant.pk)
    if not selectors.owns(for_owner, merchant.pk):
        raise errors.MerchantUnknown
