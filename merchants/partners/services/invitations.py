"""People who work at a merchant: invited by an owner with a code, dismissed at once.

What owners do queues at the merchant's row, and whoever was dismissed meanwhile does it no more.
"""

from hashlib import sha256

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from backend.accounts import vault
from backend.accounts.models import User
from backend.accounts.services import attempts
from backend.codes import as_made, new_code
from merchants.partners import errors, selectors
from merchants.partners.models.merchants import Invitation, Merchant, MerchantMember
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import partnerships as partners
from merchants.partners.services import sides

GROUPS, LETTERS = 4, 4  # "ABCD-EFGH-JKLM-NPQR": 31^16 codes, not to be guessed

Role = MerchantMember.Role


@transaction.atomic
def invite(*, merchant: Merchant, invited_by: User, role: Role) -> tuple[Invitation, str]:
    """An invitation to work there as ``role``, and its code, which can be read until it is used.

    Raises MerchantUnknown.
    """
    _lock(merchant, for_owner=invited_by)
    return _invite(merchant, invited_by, role)


@transaction.atomic
def invite_owner(*, partnership: Partnership, invited_by: User) -> tuple[Invitation, str]:
    """Invite a merchant's first owner, as a community's staff.

    Raises OwnMerchant, PartnerNotAccepted, HasOwner.
    """
    merchant = partnership.merchant
    sides.refuse_own(invited_by, partnership)
    if partnership.accepted_at is None:
        raise errors.PartnerNotAccepted
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
    if merchant.members.filter(role=Role.OWNER, ended_at__isnull=True).exists():
        raise errors.HasOwner
    return _invite(merchant, invited_by, Role.OWNER)


def _invite(merchant: Merchant, invited_by: User, role: Role) -> tuple[Invitation, str]:
    code = "-".join(new_code(LETTERS) for _ in range(GROUPS))
    invitation = Invitation.objects.create(
        merchant=merchant,
        role=role,
        code_digest=_digest(code),
        code_encrypted=vault.encrypt(code),
        invited_by=invited_by,
        expires_at=timezone.now() + settings.INVITATION_LIFETIME,
    )
    invitation.refresh_from_db(fields=["invited_at"])  # the database's own time
    partners.record(
        "invitation.make",
        actor=invited_by,
        merchant=merchant,
        target=invitation,
        after={"role": invitation.role},
    )
    return invitation, code


def accept(*, user: User, code: str) -> MerchantMember:
    """``user`` works there from now on; whoever brings the code first, and nobody after them.

    Again, it is the same membership, unless it has ended. Who works there already keeps the role
    they have, and the code stays good for whom it was meant for. Raises TooManyAttempts,
    InvitationUnknown, InvitationUsed, InvitationRevoked, InvitationExpired, OwnInvitation,
    AlreadyWorksThere.
    """
    with attempts.guessing(user, errors.InvitationUnknown):
        return _accept(user, code)


@transaction.atomic
def _accept(user: User, code: str) -> MerchantMember:
    invitation = (
        Invitation.objects.select_for_update(no_key=True, of=("self",))
        .select_related("merchant")
        .filter(code_digest=_digest(code))
        .first()
    )
    if invitation is None:
        raise errors.InvitationUnknown
    if invitation.accepted_at is not None:
        return _first_accepted(invitation, user)
    if invitation.status == Invitation.Status.REVOKED:
        raise errors.InvitationRevoked
    if invitation.status == Invitation.Status.EXPIRED:
        raise errors.InvitationExpired
    if invitation.invited_by_id == user.pk:
        raise errors.OwnInvitation
    member, is_new = partners.take_on(
        merchant=invitation.merchant, user=user, role=Role(invitation.role)
    )
    if not is_new:
        raise errors.AlreadyWorksThere
    invitation.accepted_at = timezone.now()
    invitation.accepted_by = user
    invitation.code_encrypted = ""
    invitation.save(update_fields=["accepted_at", "accepted_by", "code_encrypted"])
    partners.record(
        "invitation.accept",
        actor=user,
        merchant=invitation.merchant,
        target=invitation,
        before={"status": Invitation.Status.PENDING},
        after={"status": invitation.status, "role": member.role, "merchant_member": str(member.pk)},
    )
    return member


@transaction.atomic
def revoke(*, invitation: Invitation, revoked_by: User) -> Invitation:
    """Revoke an invitation. Idempotent: keeps the first ``revoked_at``.

    Raises MerchantUnknown, InvitationUsed: whoever accepted it is dismissed instead.
    """
    _lock(invitation.merchant, for_owner=revoked_by)
    invitation = (
        Invitation.objects.select_for_update(no_key=True, of=("self",))
        .select_related("merchant", "invited_by", "accepted_by", "revoked_by")
        .get(pk=invitation.pk)
    )
    if invitation.accepted_at is not None:
        raise errors.InvitationUsed
    if invitation.revoked_at is None:
        _revoke(invitation, revoked_by)
    return invitation


@transaction.atomic
def dismiss(*, member: MerchantMember, dismissed_by: User) -> MerchantMember:
    """Dismiss somebody; from their next request on there is no such merchant for them.

    An owner's open invitations end with them. Idempotent: keeps the first end.
    Raises MerchantUnknown, LastOwner.
    """
    _lock(member.merchant, for_owner=dismissed_by)
    member = MerchantMember.objects.select_related("merchant", "user").get(pk=member.pk)
    if member.ended_at is not None:
        return member
    if member.role == Role.OWNER and not _has_other_owner(member):
        raise errors.LastOwner
    member.ended_at = timezone.now()
    member.ended_by = dismissed_by
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
        _revoke(invitation, dismissed_by)
    return member


def _first_accepted(invitation: Invitation, user: User) -> MerchantMember:
    """What ``user`` became by it, if it was them and they still are."""
    mine = selectors.members_of(invitation.merchant).filter(user=user, ended_at__isnull=True)
    member = mine.first() if invitation.accepted_by_id == user.pk else None
    if member is None:
        raise errors.InvitationUsed
    return member


def _revoke(invitation: Invitation, revoked_by: User) -> None:
    before = invitation.status
    invitation.revoked_at = timezone.now()
    invitation.revoked_by = revoked_by
    invitation.code_encrypted = ""
    invitation.save(update_fields=["revoked_at", "revoked_by", "code_encrypted"])
    partners.record(
        "invitation.revoke",
        actor=revoked_by,
        merchant=invitation.merchant,
        target=invitation,
        before={"status": before},
        after={"status": invitation.status},
    )


def _has_other_owner(member: MerchantMember) -> bool:
    others = selectors.members_of(member.merchant).exclude(pk=member.pk)
    return others.filter(role=Role.OWNER, ended_at__isnull=True, user__is_active=True).exists()


def _lock(merchant: Merchant, *, for_owner: User) -> None:
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
    if not selectors.merchants_owned_by(for_owner).filter(pk=merchant.pk).exists():
        raise errors.MerchantUnknown


def _digest(code: str) -> str:
    return sha256(as_made(code).encode()).hexdigest()
