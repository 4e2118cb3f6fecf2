"""The ledger's tables, by noun; docs/ledger.md tells what always holds and what sees to it."""

from points.models.books import (
    Account,
    AccountKind,
    Earned,
    Hold,
    Movement,
    Reversal,
    Transfer,
    Unit,
)
from points.models.expiry import ExpiryPolicy
from points.models.rules import Award, Rule, RuleVersion
from points.models.seals import Rollup, Seal, Unsealed, Verification

__all__ = [
    "Account",
    "AccountKind",
    "Award",
    "Earned",
    "ExpiryPolicy",
    "Hold",
    "Movement",
    "Reversal",
    "Rollup",
    "Rule",
    "RuleVersion",
    "Seal",
    "Transfer",
    "Unit",
    "Unsealed",
    "Verification",
]
