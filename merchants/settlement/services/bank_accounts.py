"""Where a bank pays a merchant: only its owner says."""

from django.db import transaction

from backend.accounts.models import User
from merchants.partners.models.merchants import Merchant
from merchants.partners.services import partnerships as partners
from merchants.settlement.models.payouts import BankAccount


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
