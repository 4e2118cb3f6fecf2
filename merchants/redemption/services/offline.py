"""What counters scanned without signal, told when they have it again. docs/offline.md.

Points and stock are set aside, the voucher is for one merchant, and what is cancelled or lapses
is given back only at ``offline_until``: an honest scan that is told by then can not fail.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from backend import clocks
from backend.accounts.models import User
from backend.errors import Refusal
from merchants.partners.models.merchants import Device, Merchant
from merchants.partners.selectors import worked_at_then
from merchants.partners.services import partnerships as partners
from merchants.redemption import errors, selectors
from merchants.redemption.models.redemptions import Redemption, ScanAttempt
from merchants.redemption.services import voucher_tokens
from merchants.redemption.services import vouchers as redemption
from points.ledger import services as ledger


@dataclass(frozen=True)
class Told:
    """One scan as a device tells it: its own number for it, and its own clock."""

    nonce: str
    code: str  # signed
    device_time: datetime


@transaction.atomic
def register_device(*, merchant: Merchant, name: str, by: User) -> Device:
    """A till or phone that may scan without signal."""
    device = Device.objects.create(merchant=merchant, name=name, registered_by=by)
    partners.record("device.register", actor=by, merchant=merchant, target=device)
    return device


@transaction.atomic
def retire_device(*, device: Device, by: User) -> Device:
    """It is lost or replaced: what it scanned before is still taken. Again, nothing changes."""
    device = (
        Device.objects.select_for_update(no_key=True, of=("self",))
        .select_related("merchant")
        .get(pk=device.pk)
    )
    if device.retired_at is None:
        device.retired_at, device.retired_by = timezone.now(), by
        device.save(update_fields=["retired_at", "retired_by"])
        partners.record("device.retire", actor=by, merchant=device.merchant, target=device)
    return device


def tell(*, device: Device, clerk: User, scans: list[Told]) -> list[ScanAttempt]:
    """What came of each, in their order; every one is on record, and the same nonce is one.

    A refusal is an outcome here, by its code: one bad scan spoils no other.
    """
    return [_tell(device, clerk, scan) for scan in scans]


def _tell(device: Device, clerk: User, scan: Told) -> ScanAttempt:
    known = selectors.told_by(device).filter(nonce=scan.nonce)
    if (earlier := known.first()) is not None:
        return _again(earlier, scan)
    attempt = ScanAttempt(
        merchant=device.merchant,
        clerk=clerk,
        device=device,
        nonce=scan.nonce,
        device_time=scan.device_time,
        code=scan.code[:64],
        outcome="redeemed",
    )
    _count(attempt, device.registered_at)
    try:
        with transaction.atomic():
            try:
                with transaction.atomic():
                    _redeem(attempt, scan)
            except Refusal as refusal:
                attempt.outcome = refusal.code
            redemption.keep(attempt)
    except IntegrityError:  # the same upload, twice at once
        if (earlier := known.first()) is None:
            raise
        return _again(earlier, scan)
    return attempt


def _again(earlier: ScanAttempt, scan: Told) -> ScanAttempt:
    """The same scan, told again; another one under its nonce is refused, and not taken for it."""
    # By what it says: whether its key is still published is no matter the second time.
    if earlier.code in (scan.code[:64], voucher_tokens.claimed_code(scan.code)):
        return earlier
    return ScanAttempt(
        merchant=earlier.merchant,
        device=earlier.device,
        nonce=scan.nonce,
        device_time=scan.device_time,
        counts_at=timezone.now(),
        scanned_at=timezone.now(),
        outcome=errors.NonceReused.code,
    )


def _count(attempt: ScanAttempt, earliest: datetime) -> None:
    """Set the moment the scan counts for, and the mark if that is not the device's word for it.

    Who tells may not be who scanned, so when they came to work there is marked, and no bound.
    """
    assert attempt.device_time is not None
    told = clocks.taken(attempt.device_time, earliest=earliest, latest=timezone.now())
    attempt.counts_at, attempt.clock_mark = told.at, told.mark
    if not told.mark and not worked_at_then(attempt.clerk, attempt.merchant, told.at + clocks.SKEW):
        attempt.clock_mark = clocks.TOO_EARLY


def _redeem(attempt: ScanAttempt, scan: Told) -> None:
    signed = voucher_tokens.read(scan.code, attempt.merchant_id)
    attempt.community_id, attempt.code = signed.community_id, signed.code
    voucher = (
        Redemption.objects.select_for_update(no_key=True, of=("self",))
        .select_related("partnership")
        .filter(community_id=signed.community_id, code=signed.code)
        .first()
    )
    if voucher is None:
        raise errors.CodeUnknown
    attempt.redemption = voucher
    assert attempt.device is not None
    signed_at = voucher_tokens.signed_at(voucher, signed.expires_at)
    earliest = max(attempt.device.registered_at, signed_at)
    _count(attempt, earliest)
    asked_at, counts_at = voucher.cancel_asked_at, attempt.counts_at
    if asked_at and counts_at and counts_at > asked_at and not attempt.clock_mark:
        attempt.clock_mark = clocks.TOO_LATE  # good faith, for the code is out; staff look
    _check(voucher, attempt, earliest, min(voucher.expires_at, signed.expires_at))
    now = timezone.now()
    voucher.transfer_id = ledger.capture(
        community_id=voucher.community_id, hold_id=voucher.hold_id, at=now
    )
    voucher.status, voucher.closed_at = Redemption.Status.REDEEMED, now
    voucher.redeemed_by_id = attempt.clerk_id
    voucher.save(update_fields=["status", "closed_at", "transfer_id", "redeemed_by"])


def _check(voucher: Redemption, attempt: ScanAttempt, earliest: datetime, until: datetime) -> None:
    assert attempt.device is not None
    assert attempt.device_time is not None
    assert attempt.counts_at is not None
    if voucher.partnership.merchant_id != attempt.merchant_id:
        raise errors.NotYourMerchant
    if voucher.volunteer_id == attempt.clerk_id:
        raise errors.OwnVoucher
    if voucher.status == Redemption.Status.REDEEMED:
        raise errors.CodeUsed(redeemed_at=voucher.closed_at)
    if voucher.status == Redemption.Status.CANCELLED:
        raise errors.CodeCancelled
    if voucher.status == Redemption.Status.EXPIRED:
        raise errors.CodeExpired
    if voucher.offline_until is None:
        raise errors.VoucherNotOffline
    if timezone.now() >= voucher.offline_until:
        raise errors.CodeCancelled if voucher.cancel_asked_at else errors.CodeExpired
    if attempt.counts_at > until + clocks.SKEW:
        raise errors.CodeExpired
    # No minute is forgiven here: it may be in anybody's hands, and set to any time.
    retired_at = attempt.device.retired_at
    if retired_at is not None and retired_at <= max(attempt.device_time, earliest):
        raise errors.DeviceRetired
