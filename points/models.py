"""The ledger's tables, by noun; docs/ledger.md tells what always holds and what sees to it."""

from points.awards.models import Award
from points.expiry.models import ExpiryPolicy
from points.ledger.models import Account, Earned, Hold, Movement, Reversal, Transfer
from points.rules.models import Rule, RuleVersion
from points.seals.models import Rollup, Seal, Unsealed, Verification
