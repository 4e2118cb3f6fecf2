"""Where a bank pays a merchant: only its owner says."""

from django.db import transaction

from backend.accounts.models import User
from backend.audit.services import trail
from backend.communities.models import Community
from merchants.models import BankAccount, Merchant
from merchants.services import partners


@transaction.atomic
def keep(*, merchant: Merchant, holder: str, bank: str, number: str, by: User) -> BankAccount:
    """The account from now on; ``number`` is digits, and encrypted at rest."""
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
    account = BankAccount.objects.filter(merchant=merchant).first() or BankAccount(
        merchant=merchant
    )
    account.holder, account.bank, account.number = holder, bank, number
    account.save()
    partners.record("bank_account.keep", actor=by, merchant=merchant, target=merchant)
    return account


def note_read(*, community: Community, by: User, statements: int) -> None:
    """Somebody took the bank's file, with the numbers of so many statements' accounts."""
    trail.record(
        "bank_file.read",
        actor=by,
        community=community,
        target=community,
        after={"statements": statements},
    )
