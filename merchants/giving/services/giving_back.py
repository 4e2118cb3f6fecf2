"""Return of held points to people who leave a community."""

from contextlib import suppress

from django.db import transaction

from backend.registries.leaving import Leaving
from merchants.giving.services import wishes
from merchants.redemption.errors import VoucherStatusWrong
from merchants.redemption.models import Redemption
from merchants.redemption.services import vouchers as redemption


@transaction.atomic
def give_back(leaving: Leaving) -> None:
    """Cancel a leaving person's vouchers, and end their wishes and adoptions. Idempotent.

    Points and stock return as with any cancelled voucher. If a counter without signal may have
    taken one, they return when it can no longer be reported. Pay codes need no step: with the role
    ended they pay nothing.
    """
    held = Redemption.objects.filter(**leaving.whose, status=Redemption.Status.HELD)
    # Lock all vouchers before the wallet: a counter that holds one waits for the wallet next.
    list(held.select_for_update(no_key=True).order_by("pk"))
    wishes.withdraw_all(leaving)
    # In order of offer, the lock that leavers and takers of several offers may share.
    for voucher in held.order_by("offer_id", "pk"):
        with suppress(VoucherStatusWrong):  # scanned since we looked
            redemption.cancel(redemption=voucher)
