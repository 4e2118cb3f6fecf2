"""Merchants, their offers, redemptions, and what communities owe them."""

from merchants.catalogue.models import (
    Fair,
    FairStall,
    Offer,
    OfferPrice,
    SeriesStall,
    StockMove,
)
from merchants.giving.models import Campaign, Disbursement, Donation, Sponsorship, Wish
from merchants.partners.models.increases import Increase
from merchants.partners.models.listings import ActivityMatch, Listing
from merchants.partners.models.merchants import Device, Invitation, Merchant, MerchantMember
from merchants.partners.models.partnerships import Partnership, Terms
from merchants.redemption.models import Card, PayCode, Redemption, Refund, ScanAttempt, VoucherKey
from merchants.settlement.models.bank import BankAccount, BankBatch, BankBatchLine
from merchants.settlement.models.payouts import StatementPayout
from merchants.settlement.models.statements import StatedAttendance, Statement, StatementQuestion
