"""Payment by the bank: merchants' accounts, and batches of statements to pay.

Locks are taken in one order: batch, statements.
"""

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from merchants.partners.models.merchants import Merchant
from merchants.partners.services import partnerships as partners
from merchants.partners.services import sides
from merchants.settlement import errors, selectors
from merchants.settlement.models.bank import BankAccount, BankBatch, BankBatchLine
from merchants.settlement.models.statements import Statement


@transaction.atomic
def keep_account(
    *, merchant: Merchant, holder: str, bank: str, number: str, by: User
) -> BankAccount:
    """Replace the merchant's account. ``number`` is digits only, and encrypted at rest."""
    told = {"holder": holder, "bank": bank, "number": number}
    account, _ = BankAccount.objects.update_or_create(merchant=merchant, defaults=told)
    partners.record("bank_account.keep", actor=by, merchant=merchant, target=merchant)
    return account


@transaction.atomic
def make_batch(*, community: Community, by: User) -> BankBatch:
    """Make a batch of all statements that are to be paid and that ``by`` may pay.

    Leaves out those that ``by`` approved, and those of a merchant on whose side ``by`` is. Raises
    NothingToPay.
    """
    approved = Statement.objects.filter(community=community, status=Statement.Status.APPROVED)
    # Lock before looking: another batch or payout of the same statements must queue here.
    locked = set(
        approved.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True)
    )
    to_pay = selectors.statements_to_pay(community, by)
    statements = [statement for statement in to_pay if statement.pk in locked]
    if not statements:
        raise errors.NothingToPay
    batch = BankBatch.objects.create(community=community, made_by=by)
    BankBatchLine.objects.bulk_create(_line(batch, statement) for statement in statements)
    trail.record(
        "bank_batch.make",
        actor=by,
        target=batch,
        after={
            "statements": [str(statement.pk) for statement in statements],
            "amount_fen": sum(statement.due_fen for statement in statements),
        },
    )
    return batch


@transaction.atomic
def cancel_batch(*, batch: BankBatch, by: User) -> BankBatch:
    """Cancel a batch, which frees its unpaid statements to be paid otherwise. Idempotent.

    The caller makes sure that the bank does not pay the batch. Raises OwnMerchant if ``by`` is on
    the side of a merchant in it.
    """
    batch = batch.locked()
    if batch.cancelled_at is not None:
        return batch
    lines = BankBatchLine.objects.filter(community=batch.community_id, batch=batch)
    statements = Statement.objects.filter(
        community=batch.community_id, pk__in=lines.values("statement")
    ).select_related("partnership")
    unpaid = []
    for statement in statements.select_for_update(no_key=True, of=("self",)).order_by("pk"):
        sides.refuse_own(by, statement.partnership, statement.period_start)
        if statement.status != Statement.Status.PAID:
            unpaid.append(statement.pk)
    batch.save_with(cancelled_at=timezone.now(), cancelled_by=by)
    lines.filter(statement__in=unpaid).update(freed_at=batch.cancelled_at)
    trail.record(
        "bank_batch.cancel",
        actor=by,
        target=batch,
        after={"freed": [str(pk) for pk in unpaid]},
    )
    return batch


@transaction.atomic
def read_batch(*, batch: BankBatch, by: User) -> list[BankBatchLine]:
    """Return the lines that the bank is still to pay, with accounts, oldest number first.

    Records that ``by`` read them. Raises BankBatchCancelled.
    """
    batch = BankBatch.objects.select_related("community").get(
        community=batch.community_id, pk=batch.pk
    )
    if batch.cancelled_at is not None:
        raise errors.BankBatchCancelled
    lines = list(selectors.bank_lines_left_in(batch))
    trail.record("bank_batch.read", actor=by, target=batch, after={"statements": len(lines)})
    return lines


def _line(batch: BankBatch, statement: Statement) -> BankBatchLine:
    """Return a line for ``statement`` with its merchant's present account."""
    account = getattr(statement.partnership.merchant, "bank_account", None)
    return BankBatchLine(
        community_id=batch.community_id,
        batch=batch,
        statement=statement,
        payee=account.holder if account else statement.partnership.name,
        bank=account.bank if account else "",
        account_encrypted=account.number_encrypted if account else "",
    )
