"""Merchants, what they offer, what was redeemed and what they are owed."""

from merchants.catalogue.models import Fair, FairStall, Offer, OfferPrice, StockMove
from merchants.giving.models.campaigns import Cause, Gift, Spending, Sponsorship
from merchants.giving.models.wishes import Wish
from merchants.partners.models.increases import Increase
from merchants.partners.models.lists import ActivityMatch, ListEntry
from merchants.partners.models.merchants import Device, Invitation, Merchant, MerchantMember
from merchants.partners.models.partnerships import Partnership, Terms
from merchants.redemption.models import PayCode, Redemption, Refund, ScanAttempt, VoucherKey
from merchants.settlement.models.bank import BankAccount, BankBatch, BankBatchLine
from merchants.settlement.models.payouts import Payout, PayoutCallback
from merchants.settlement.models.statements import StatedAttendance, Statement, StatementQuestion

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
    "Wish",
]
