"""Vouchers as signed codes: JWTs (RFC 7519) with Ed25519 (RFC 8037). See docs/offline.md.

A token has the voucher's code, the merchant, the offer's code, quantity and expiry; no person.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction
from django.utils import timezone
from jwt import PyJWK

from backend.communities.models import Community
from backend.locks import lock_by_id
from merchants.partners import selectors
from merchants.partners.models.merchants import Merchant
from merchants.redemption import errors
from merchants.redemption.models import Redemption, VoucherKey

ALGORITHM = "EdDSA"
GOOD_FOR = timedelta(hours=24)  # a code that is out in the world; a phone fetches the next


@dataclass(frozen=True)
class Signed:
    """The claims of a signed code with a valid signature."""

    community_id: UUID
    code: str  # the voucher's
    expires_at: datetime


@transaction.atomic
def make_key(community: Community) -> VoucherKey:
    """Make a new signing key; codes signed by older keys stay good."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    key = VoucherKey(
        community=community,
        kid=hashlib.sha256(public).hexdigest()[:8],
        public_key=base64.urlsafe_b64encode(public).rstrip(b"=").decode(),
    )
    key.private_key = private.private_bytes_raw()
    key.save(force_insert=True)
    return key


@transaction.atomic
def withdraw_keys(community: Community) -> VoucherKey:
    """Withdraw all keys, which somebody may have got hold of. Returns a new signing key.

    Codes signed by withdrawn keys are refused: phones fetch a new code, and devices the keys.
    """
    VoucherKey.objects.filter(community=community, withdrawn_at=None).update(
        withdrawn_at=timezone.now()
    )
    return make_key(community)


@transaction.atomic
def sign(voucher: Redemption) -> tuple[str, datetime]:
    """Sign a code that a counter can check offline, and return it and its expiry.

    It is good for a day at most: a code cannot be revoked, so a cancelled voucher waits as long.
    Raises VoucherNotOffline, VoucherStatusWrong (used, cancelled or expired).
    """
    voucher = voucher.locked("community", "offer", "partnership")
    if voucher.offline_until is None:
        raise errors.VoucherNotOffline
    if voucher.status != Redemption.Status.HELD:
        raise errors.VoucherStatusWrong(current_status=voucher.status)
    if voucher.cancel_asked_at is not None:
        raise errors.VoucherStatusWrong(current_status=Redemption.Status.CANCELLED)
    now = timezone.now()
    if voucher.expires_at <= now:
        raise errors.VoucherStatusWrong(current_status=Redemption.Status.EXPIRED)
    until = min(voucher.expires_at, now + GOOD_FOR)
    if voucher.signed_until != until:  # else it is the code that is out already
        voucher.save_with(signed_until=until, signed_at=now)
    return _encode(voucher, until), until


def signed_before(voucher: Redemption) -> tuple[str | None, datetime | None]:
    """Return the code signed last and its expiry, or ``None`` twice if it is no longer good."""
    until = voucher.signed_until
    is_held = voucher.status == Redemption.Status.HELD and voucher.cancel_asked_at is None
    if until is None or until <= timezone.now() or not is_held:
        return None, None
    return _encode(voucher, until), until


def _encode(voucher: Redemption, until: datetime) -> str:
    key = _newest_key(voucher.community)
    return jwt.encode(
        {
            "sub": voucher.code,
            "aud": str(voucher.partnership.merchant_id),
            "exp": int(until.timestamp()),
            "offer": voucher.offer.code,
            "quantity": voucher.quantity,
        },
        Ed25519PrivateKey.from_private_bytes(key.private_key),
        algorithm=ALGORITHM,
        headers={"kid": key.kid, "typ": None},
    )


def signed_at(voucher: Redemption, expires_at: datetime) -> datetime:
    """Return when the voucher's code with the expiry ``expires_at`` was signed.

    A code followed by another was good for a full day; only the last one ends with the voucher.
    """
    is_last = voucher.signed_until is not None and int(voucher.signed_until.timestamp()) == int(
        expires_at.timestamp()
    )
    if is_last and voucher.signed_at is not None:
        return voucher.signed_at
    return max(voucher.taken_at, expires_at - GOOD_FOR)


def read(token: str, merchant_id: UUID) -> Signed:
    """Verify a signed code of one of the merchant's communities, and return its claims.

    Does not check audience and expiry. Raises CodeUnknown (no known key), CodeTampered (bad
    signature).
    """
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.InvalidTokenError, RecursionError):
        raise errors.CodeTampered from None
    # Compare in Python: a header may hold what no column can.
    there = selectors.communities_with(merchant_id, **selectors.ACCEPTED)
    keys = VoucherKey.objects.filter(community__in=there, withdrawn_at=None)
    key = next((one for one in keys if one.kid == header.get("kid")), None)
    if key is None:
        raise errors.CodeUnknown
    public = PyJWK({"kty": "OKP", "crv": "Ed25519", "x": key.public_key}, algorithm=ALGORITHM)
    try:
        # Expiry and audience are not checked here: each has a refusal of its own.
        said = jwt.decode(
            token,
            public,
            algorithms=[ALGORITHM],
            options={"verify_exp": False, "verify_aud": False},
        )
    except jwt.InvalidTokenError:
        raise errors.CodeTampered from None
    return Signed(key.community_id, said["sub"], datetime.fromtimestamp(said["exp"], UTC))


def claimed_code(token: str) -> str:
    """Return the voucher's code that a token claims, unverified; empty if it is no token."""
    try:
        said = jwt.decode(token, options={"verify_signature": False})
    except (jwt.InvalidTokenError, RecursionError):
        return ""
    return str(said.get("sub", ""))


def keys_of(merchant: Merchant) -> list[VoucherKey]:
    """Return the keys of the merchant's communities, newest first; makes missing ones."""
    partnerships = selectors.accepted(merchant.pk).select_related("community")
    for partnership in partnerships:
        _newest_key(partnership.community)
    return list(
        VoucherKey.objects.filter(
            community__in=[one.community_id for one in partnerships], withdrawn_at=None
        )
        .select_related("community")
        .order_by("-id")
    )


def _newest_key(community: Community) -> VoucherKey:
    newest = VoucherKey.objects.filter(community=community, withdrawn_at=None).order_by("-id")
    if (key := newest.first()) is not None:
        return key
    with transaction.atomic():  # of two who are first, one makes it
        lock_by_id(community.pk)
        return newest.first() or make_key(community)
