"""Refusals about vouchers and at the counter."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid, NotFound


class CodeUnknown(NotFound):
    code = "code_unknown"
    title = _("This code is not known.")


class CodeTampered(Invalid):
    code = "code_tampered"
    title = _("This code was altered; it is none of ours.")


class VoucherNotOffline(Conflict):
    code = "voucher_not_offline"
    title = _("This can only be scanned with signal.")


class DeviceRetired(Conflict):
    code = "device_retired"
    title = _("This device was taken out of use before the scan.")


class QuantityTooLarge(Conflict):
    """The voucher is for ``quantity`` pieces only."""

    code = "quantity_too_large"
    title = _("The voucher is for fewer pieces.")


class OwnVoucher(Forbidden):
    code = "own_voucher"
    title = _("A colleague has to take this: it is your own.")


class NonceReused(Conflict):
    """Another scan has the nonce; used only as the ``outcome`` of a scan without signal."""

    code = "scan_nonce_reused"
    title = _("This device has told another scan under this nonce.")


class CodeUsed(Conflict):
    code = "code_used"
    title = _("This code has been used.")


class PayCodeShown(Conflict):
    """The scanned code is a volunteer's pay code: it is taken by ``payments``."""

    code = "pay_code_shown"
    title = _("This code pays: choose what for.")


class CodeExpired(Conflict):
    code = "code_expired"
    title = _("This code has expired; its points go back to the wallet.")


class PayCodeExpired(CodeExpired):
    title = _("This code has expired; ask for a new one.")


class CodeCancelled(Conflict):
    code = "code_cancelled"
    title = _("This voucher was cancelled; its points go back to the wallet.")


class NotYourMerchant(Forbidden):
    code = "not_your_merchant"
    title = _("This voucher is for another merchant.")


class VoucherStatusWrong(Conflict):
    code = "voucher_status_wrong"
    title = _("This voucher has been used or has lapsed.")


class RefundTooLate(Conflict):
    code = "refund_too_late"
    title = _("A merchant refunds on the day itself; after that the community's staff do.")


class RefundTooLarge(Conflict):
    code = "refund_too_large"
    title = _("That is more than is left to give back.")


class CardUnknown(CodeUnknown):
    code = "card_unknown"
    title = _("This card is not known.")


class CardBlocked(Conflict):
    code = "card_blocked"
    title = _("This card is blocked.")


class CardPinNeeded(Conflict):
    code = "card_pin_needed"
    title = _("This is a card; it takes its PIN.")


class CardPinWrong(Forbidden):
    """The PIN is wrong; the card is blocked once ``tries_left`` is 0."""

    code = "card_pin_wrong"
    title = _("The PIN is wrong.")


class CardLimitReached(Conflict):
    """The card pays ``limit_points`` a day, and no more."""

    code = "card_limit_reached"
    title = _("A card pays for small things only; the day's limit is reached.")


class CardIssuer(Forbidden):
    code = "card_issuer"
    title = _("A colleague has to take this: you issued the card.")


class OwnCard(Forbidden):
    code = "own_card"
    title = _("Nobody issues a card for themselves.")
