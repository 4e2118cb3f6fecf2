"""The ledger's tables, by noun; docs/ledger.md says what always holds and what enforces it."""

from points.awards.models import Adjustment, Award, Void
from points.expiry.models import ExpiryPolicy
from points.funds.models import Claim, Fund, Recovery, TopUp
from points.ledger.models import Account, Earned, Hold, Movement, Reversal, Transfer
from points.passing.models import Passing
from points.rules.models import Rule, RuleVersion
from points.seals.models import Rollup, Seal, Unsealed
