"""Batches of rows, mostly transfers, closed under a chained head."""

from typing import Any, ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from backend.communities.models import Community, TenantModel
from backend.tables import final, not_emptied
from points.ledger.models import Account, unchecked


class Unsealed(TenantModel):
    """A transfer, by ``id``, or another row to be sealed that no seal holds yet.

    Posting adds the row, or the trigger of a kind (backend/registries/sealed.py); sealing deletes
    it. A row, rather than a mark beyond which everything is new, finds what commits late, and a
    dump of the database holds all there is to know.
    """

    community = unchecked(Community)
    kind = models.CharField(max_length=20, db_default="transfer")
    row_id = models.UUIDField(null=True)  # NULL: ``id``. One row may be of two kinds

    class Meta:
        indexes: ClassVar = [models.Index(name="unsealed_of", fields=["community", "kind", "id"])]
        triggers: ClassVar = [not_emptied("unsealed")]

    def __str__(self) -> str:
        return str(self.pk)


class Seal(TenantModel):
    """A batch of committed rows, hashed into a tree whose head is chained to the one before.

    The rows in it are written down, not derived from ids or times: a transfer that was posted
    earlier and committed later is simply in a later seal. Leaves are those of the transfers, then
    those of the others.
    """

    number = models.PositiveBigIntegerField()  # 1, 2, … within the community
    size = models.PositiveIntegerField()
    transfer_ids: "ArrayField[Any, Any]" = ArrayField(models.UUIDField())  # ascending, as leaves
    # Rows of other kinds (backend/registries/sealed.py), by kind and id.
    other_ids: "ArrayField[Any, Any]" = ArrayField(models.UUIDField(), default=list)
    other_kinds: "ArrayField[Any, Any]" = ArrayField(models.CharField(max_length=20), default=list)
    first_id = models.UUIDField()  # of all; a row is looked for between first and last
    last_id = models.UUIDField()
    leaves = models.BinaryField()  # 32 bytes each: names the row that was changed
    root = models.BinaryField()
    previous = models.BinaryField()  # the head before; zeros for the first
    head = models.BinaryField()
    sealed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="seal_once", fields=["community", "number"]),
            models.CheckConstraint(name="seal_of_something", condition=Q(number__gt=0, size__gt=0)),
        ]
        indexes: ClassVar = [models.Index(name="seal_from", fields=["community", "-first_id"])]
        triggers: ClassVar = final("seal")

    def __str__(self) -> str:
        return f"seal {self.number}"

    @property
    def rows(self) -> list[tuple[str, UUID]]:
        """Kind and id of each row, in the order of the leaves."""
        transfers = [("transfer", one) for one in self.transfer_ids]
        return transfers + list(zip(self.other_kinds, self.other_ids, strict=False))


class Rollup(TenantModel):
    """The credits and debits of an account without a floor up to and including seal ``number``.

    The account's balance is its latest rollup plus the transfers that are not sealed yet.
    """

    account = unchecked(Account)
    number = models.PositiveBigIntegerField()  # the seal's
    credits = models.BigIntegerField()
    debits = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                F("community"), F("account"), F("number").desc(), name="rollup_once"
            )
        ]
        triggers: ClassVar = final("rollup")

    def __str__(self) -> str:
        return f"{self.account_id} at seal {self.number}"
