"""What somebody who takes no part any more gets back: all that they have not spent."""

from contextlib import suppress

from django.db import transaction

from backend.registries.leaving import Leaving
from merchants.giving.services import wishes
from merchants.redemption.errors import VoucherStatusWrong
from merchants.redemption.models import Redemption
from merchants.redemption.services import vouchers as redemption


@transaction.atomic
def give_back(leaving: Leaving) -> None:
    """Cancel the vouchers, and end the wishes and adoptions, of somebody who leaves. Idempotent.

    Points and stock return as with any cancelled voucher: where a counter without signal may have
    taken it, once nobody can tell of it any more. Their pay codes are those of a role that has
    ended, and pay nothing.
    """
    held = Redemption.objects.filter(**leaving.whose, status=Redemption.Status.HELD)
    # All of them before the wallet: a counter that has one waits for that next.
    list(held.select_for_update(no_key=True).order_by("pk"))
    wishes.withdraw_all(leaving)
    # By their offers, which two who leave at once may have in common, and who takes several locks.
    for voucher in held.order_by("offer_id", "pk"):
        with suppress(VoucherStatusWrong):  # scanned since we looked
            redemption.cancel(redemption=voucher)
