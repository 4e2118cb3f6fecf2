"""The kinds and units in which other apps speak to the ledger."""

from django.db import models


class Unit(models.TextChoices):
    """The unit that an account counts. Nothing converts one into the other."""

    POINTS = "points"
    FEN = "fen"


class AccountKind(models.TextChoices):
    """The purpose of an account."""

    WALLET = "wallet"  # a volunteer's points
    FUND = "fund"  # a budget, in points or fen
    ISSUANCE = "issuance"  # where points come from
    MERCHANT = "merchant"  # redeemed, not yet settled
    SETTLED = "settled"
    EXPIRED = "expired"
    POOL = "pool"  # given back
    PAYOUT = "payout"


# Where what a person receives is booked: cash leaves by WeChat or by hand.
RECEIVES = {Unit.POINTS: AccountKind.WALLET, Unit.FEN: AccountKind.PAYOUT}
