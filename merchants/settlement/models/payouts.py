"""Payouts of statements, as the database checks them."""

from typing import ClassVar

import pgtrigger

from backend.payouts.models import Payout
from merchants.settlement.models.statements import of_statement
from merchants.triggers import not_their_own


class StatementPayout(Payout):
    """A payout of a statement. No table of its own: the trigger stands on that of payouts."""

    class Meta:
        proxy = True
        triggers: ClassVar = [
            not_their_own(
                "payout_not_their_own",
                pgtrigger.Insert,
                "NEW.ordered_by_id",
                **of_statement("split_part(NEW.subject, ':', 2)::uuid"),
                condition=pgtrigger.Q(new__subject__startswith="statement:"),
            )
        ]
