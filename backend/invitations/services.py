"""The rules of every invitation by code: made, found, used once, taken back.

Whoever owns a table of them decides who may invite, what accepting means, and what is recorded.
"""

from hashlib import sha256
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from backend.accounts import vault
from backend.accounts.models import User
from backend.codes import as_made, new_code
from backend.invitations import errors
from backend.invitations.models import Invitation

GROUPS, LETTERS = 4, 4  # "ABCD-EFGH-JKLM-NPQR": 31^16 codes, not to be guessed
CODE_LENGTH = GROUPS * LETTERS

Row = TypeVar("Row", bound=Invitation)


def make(kind: type[Row], *, invited_by: User, **terms: Any) -> Row:
    """Put an invitation on record, with a fresh code that is good for ``INVITATION_LIFETIME``."""
    code = "-".join(new_code(LETTERS) for _ in range(GROUPS))
    made: Row = kind._default_manager.create(
        code_digest=_digest(code),
        code_encrypted=vault.encrypt(code),
        invited_by=invited_by,
        expires_at=timezone.now() + settings.INVITATION_LIFETIME,
        **terms,
    )
    return made


def with_code(invitations: QuerySet[Row], code: str) -> Row:
    """Lock and return the one of ``invitations`` with this code. Raises InvitationUnknown."""
    found = invitations.filter(code_digest=_digest(code))
    invitation = found.select_for_update(no_key=True, of=("self",)).first()
    if invitation is None:
        raise errors.InvitationUnknown
    return invitation


def require_good(invitation: Invitation, *, user: User | None) -> None:
    """Refuse an invitation that ``user``, None for somebody new, can not accept.

    Raises InvitationUsed, InvitationRevoked, InvitationExpired, OwnInvitation.
    """
    if invitation.accepted_at is not None:
        raise errors.InvitationUsed
    if invitation.status == Invitation.Status.REVOKED:
        raise errors.InvitationRevoked
    if invitation.status == Invitation.Status.EXPIRED:
        raise errors.InvitationExpired
    if user is not None and invitation.invited_by_id == user.pk:
        raise errors.OwnInvitation


def accept(invitation: Invitation, by: User) -> dict[str, Any]:
    """Mark it as accepted. Returns what was before and after, for the audit trail."""
    return _end(invitation, "accepted", by)


def revoke(invitation: Invitation, by: User) -> dict[str, Any]:
    """Mark it as revoked. Returns what was before and after, for the audit trail."""
    return _end(invitation, "revoked", by)


def _end(invitation: Invitation, outcome: str, by: User) -> dict[str, Any]:
    before = invitation.status
    setattr(invitation, f"{outcome}_at", timezone.now())
    setattr(invitation, f"{outcome}_by", by)
    invitation.code_encrypted = ""
    invitation.save(update_fields=[f"{outcome}_at", f"{outcome}_by", "code_encrypted"])
    return {"before": {"status": before}, "after": {"status": invitation.status}}


def _digest(code: str) -> str:
    return sha256(as_made(code).encode()).hexdigest()
