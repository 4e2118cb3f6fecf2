"""Points that pass from one record of a person to the other, once the two are merged."""

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import F, Q

from backend.communities.models import TenantModel
from backend.tables import PersonKey, TenantForeignKey, final
from points.ledger.clock import ClockTimestamp
from points.ledger.models import Transfer


class Passing(TenantModel):
    """Points of one last day that went from the wallet of ``giver`` to that of ``receiver``.

    Both are one person: one record was merged into the other. An account is never re-owned, so
    what is in the wallet of the record that ended is transferred, and so is what reaches it later.
    Where that wallet owes points, they come from the other one.
    """

    merge_id = models.UUIDField()  # of backend.people.models.Merge: the people it names are those
    giver = PersonKey()
    receiver = PersonKey()
    amount = models.BigIntegerField()
    transfer = TenantForeignKey(Transfer, models.PROTECT, related_name="+", db_index=False)
    passed_at = models.DateTimeField(db_default=ClockTimestamp())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="passing_once", fields=["community", "transfer"]),
            models.CheckConstraint(
                name="passing_of_two_records", condition=Q(amount__gt=0) & ~Q(giver=F("receiver"))
            ),
        ]
        triggers: ClassVar = final("passing")

    def __str__(self) -> str:
        return f"{self.amount} from {self.giver_id} to {self.receiver_id}"

    @staticmethod
    def source_of(passing_id: UUID) -> str:
        """Return the source of the transfer, which is its key as well."""
        return f"passing:{passing_id}"
