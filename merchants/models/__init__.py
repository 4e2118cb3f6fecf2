"""Merchants, what they offer, what was redeemed and what they are owed."""

from merchants.models.bank_batches import BankBatch, BankBatchLine
from merchants.models.catalogue import Offer, OfferPrice, StockMove
from merchants.models.causes import Cause, Gift, Spending, Sponsorship
from merchants.models.fairs import Fair, FairStall
from merchants.models.increases import Increase
from merchants.models.lists import ActivityMatch, ListEntry
from merchants.models.partners import Partnership, Terms
from merchants.models.pay_codes import PayCode
from merchants.models.payouts import BankAccount, Payout, PayoutCallback
from merchants.models.people import Device, Invitation, Merchant, MerchantMember
from merchants.models.redemption import Redemption, Refund, ScanAttempt
from merchants.models.settlement import StatedAttendance, Statement, StatementQuestion
from merchants.models.voucher_keys import VoucherKey
from merchants.models.webhooks import WebhookDelivery, WebhookEndpoint
from merchants.models.wishes import Wish

__all__ = [
    "ActivityMatch",
    "BankAccount",
    "BankBatch",
    "BankBatchLine",
    "Cause",
    "Device",
    "Fair",
    "FairStall",
    "Gift",
    "Increase",
    "Invitation",
    "ListEntry",
    "Merchant",
    "MerchantMember",
    "Offer",
    "OfferPrice",
    "Partnership",
    "PayCode",
    "Payout",
    "PayoutCallback",
    "Redemption",
    "Refund",
    "ScanAttempt",
    "Spending",
    "Sponsorship",
    "StatedAttendance",
    "Statement",
    "StatementQuestion",
    "StockMove",
    "Terms",
    "VoucherKey",
    "WebhookDelivery",
    "WebhookEndpoint",
    "Wish",
]
