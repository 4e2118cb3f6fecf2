"""The words in which everybody speaks to the ledger; its tables are its own."""

from django.db import models


class Unit(models.TextChoices):
    """What an account counts. Nothing turns one into the other."""

    POINTS = "points"
    FEN = "fen"


class AccountKind(models.TextChoices):
    """What an account is for."""

    WALLET = "wallet"  # a volunteer's points
    FUND = "fund"  # a budget, in points or fen
    ISSUANCE = "issuance"  # where points come from
    MERCHANT = "merchant"  # redeemed, not yet settled
    SETTLED = "settled"
    EXPIRED = "expired"
    POOL = "pool"  # given back
    PAYOUT = "payout"
