"""Payouts of one statement."""

from backend.accounts.models import User
from backend.api.views import ListView, below, writes
from backend.payouts.api import PayoutSerializer
from backend.payouts.models import Payout
from backend.replica import from_replica
from merchants.settlement import selectors
from merchants.settlement.api.statements import HANDLED, SEEN
from merchants.settlement.models.statements import Statement
from merchants.settlement.services import payouts


@from_replica
class StatementPayoutListView(ListView[Payout]):
    """List a statement's payouts: ``GET /api/v1/statements/{statement_id}/payouts``."""

    serializer_class = PayoutSerializer
    finds = below(SEEN, selectors.payouts_of)

    @writes(PayoutSerializer, HANDLED, creates=selectors.payouts_of)
    def post(self, user: User, statement: Statement) -> Payout:
        """Pay a statement by WeChat, as staff: ``POST /api/v1/statements/{statement_id}/payouts``.

        The owner has to confirm on the phone within 24 hours.
        """
        return payouts.order(statement=statement, ordered_by=user)
