"""Scans without signal, uploaded when the counter has signal again. See docs/offline.md.

Points and stock are set aside, the voucher is for one merchant, and a voucher cancelled or lapsed
is given back only at ``offline_until``: an honest scan uploaded by then cannot fail.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from backend import clocks
from backend.accounts.models import User
from backend.communities import fence
from backend.errors import Refusal
from backend.locks import locked
from backend.sql import constraint_of
from merchants.partners.errors import MerchantUnknown
from merchants.partners.models.merchants import Device, Merchant
from merchants.partners.selectors import worked_at_then
from merchants.partners.services import partnerships as partners
from merchants.redemption import errors, selectors
from merchants.redemption.models import Redemption, ScanAttempt
from merchants.redemption.services import voucher_tokens
from merchants.redemption.services.redeeming import (
    Attempt,
    Scanned,
    ToldLater,
    ask,
    refuse,
)


@dataclass(frozen=True)
class Told:
    """One scan as a device uploads it, with the device's nonce and clock."""

    nonce: str
    code: str  # signed
    device_time: datetime


@transaction.atomic
def register_device(*, merchant: Merchant, name: str, by: User) -> Device:
    """Register a till or phone that may scan without signal."""
    device = Device.objects.create(merchant=merchant, name=name, registered_by=by)
    partners.record("device.register", actor=by, merchant=merchant, target=device)
    return device


@transaction.atomic
def retire_device(*, device: Device, by: User) -> Device:
    """Retire a device; its earlier scans are still accepted. Idempotent."""
    device = locked(device, "merchant")
    if device.retired_at is None:
        device.retired_at, device.retired_by = timezone.now(), by
        device.save(update_fields=["retired_at", "retired_by"])
        partners.record("device.retire", actor=by, merchant=device.merchant, target=device)
    return device


def tell(*, device: Device, clerk: User, scans: list[Told]) -> list[ScanAttempt]:
    """Record each scan and return the outcomes in order. A nonce told twice is one scan.

    A refusal is an outcome here, by its code, and does not affect the other scans.
    """
    told_at = clocks.now()
    return [_tell(device, clerk, scan, told_at) for scan in scans]


def _tell(device: Device, clerk: User, scan: Told, told_at: datetime) -> ScanAttempt:
    known = selectors.offline_scans_at(device.merchant).filter(device=device, nonce=scan.nonce)
    if (earlier := known.first()) is not None:
        return _again(earlier, device, scan, told_at)
    told = ToldLater(device.pk, scan.nonce, scan.device_time, counts_at=told_at)
    attempt = Attempt(merchant_id=device.merchant_id, person=clerk, shown=scan.code, told=told)
    _count(told, device, clerk, device.registered_at, told_at)
    try:
        with transaction.atomic():
            answer = _redeem(attempt, told, device, scan.code, told_at)
    except IntegrityError as error:
        if (earlier := known.first()) is not None:  # the same upload, twice at once
            return _again(earlier, device, scan, told_at)
        if constraint_of(error) != fence.MOVED:
            raise
        return _unrecorded(device, scan, told_at, outcome=fence.MOVED)
    if isinstance(answer, MerchantUnknown):
        raise answer  # and nothing is on record
    return known.get()


def _again(earlier: ScanAttempt, device: Device, scan: Told, told_at: datetime) -> ScanAttempt:
    """Return the scan recorded under the nonce, or a refusal if this is another scan."""
    # Compare claims: the second time it does not matter whether the key is still published.
    if earlier.code in (scan.code[:64], voucher_tokens.claimed_code(scan.code)):
        return earlier
    return _unrecorded(device, scan, told_at, outcome=errors.NonceReused.code)


def _unrecorded(device: Device, scan: Told, told_at: datetime, *, outcome: str) -> ScanAttempt:
    return ScanAttempt(
        id=None,
        merchant=device.merchant,
        device=device,
        nonce=scan.nonce,
        device_time=scan.device_time,
        counts_at=told_at,
        scanned_at=told_at,
        outcome=outcome,
    )


def _count(
    told: ToldLater, device: Device, clerk: User, earliest: datetime, told_at: datetime
) -> None:
    """Set the moment the scan counts for, and a mark if the device's clock is not believed.

    When the clerk who uploads began to work there sets only the mark: another may have scanned.
    """
    taken = clocks.taken(told.device_time, earliest=earliest, latest=told_at)
    told.counts_at, told.clock_mark = taken.at, taken.mark
    if not taken.mark and not worked_at_then(clerk, device.merchant, taken.at + clocks.SKEW):
        told.clock_mark = clocks.TOO_EARLY


def _redeem(
    attempt: Attempt, told: ToldLater, device: Device, code: str, told_at: datetime
) -> Scanned | Refusal:
    """Redeem the scanned voucher, and return the answer, which is recorded."""
    try:
        signed = voucher_tokens.read(code, attempt.merchant_id)
    except Refusal as refusal:
        return refuse(attempt, refusal)
    attempt.community_id, attempt.shown = signed.community_id, signed.code
    voucher = (
        Redemption.objects.select_for_update(no_key=True)
        .filter(community_id=signed.community_id, code=signed.code)
        .first()
    )
    if voucher is None:
        return refuse(attempt, errors.CodeUnknown())
    earliest = max(device.registered_at, voucher_tokens.signed_at(voucher, signed.expires_at))
    _count(told, device, attempt.person, earliest, told_at)
    asked_at = voucher.cancel_asked_at
    if asked_at and told.counts_at > asked_at and not told.clock_mark:
        told.clock_mark = clocks.TOO_LATE  # good faith, for the code is out; staff look
    told.good_until = min(voucher.expires_at, signed.expires_at) + clocks.SKEW
    told.scanned_at = max(told.device_time, earliest)
    return ask(attempt, signed.code)
