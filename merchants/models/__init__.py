"""Merchants, what they offer, what was redeemed and what they are owed."""

from merchants.models.catalogue import Offer, OfferPrice, StockMove
from merchants.models.partners import Partnership, Terms
from merchants.models.pay_codes import PayCode
from merchants.models.people import Invitation, Merchant, MerchantMember
from merchants.models.redemption import Redemption, Refund, ScanAttempt
from merchants.models.settlement import Statement, StatementQuestion

__all__ = [
    "Invitation",
    "Merchant",
    "MerchantMember",
    "Offer",
    "OfferPrice",
    "Partnership",
    "PayCode",
    "Redemption",
    "Refund",
    "ScanAttempt",
    "Statement",
    "StatementQuestion",
    "StockMove",
    "Terms",
]
