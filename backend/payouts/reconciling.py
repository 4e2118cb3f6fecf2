"""Reconciliation: what payouts say, held against what WeChat says now, and what was told of them.

Reads only. WeChat is asked about what was sent within the 29 days for which it knows a number.
"""

from collections.abc import Iterator

from django.utils import timezone

from backend.communities.models import Community
from backend.payouts.models import Payout
from backend.payouts.services import ENDS, NOT_FOUND, SEND_AGAIN_FOR
from backend.wechat import pay

Status = Payout.Status


def differences(community: Community) -> Iterator[str]:
    """Yield what differs of each payout that is finished. Raises WeChatPayNotConfigured."""
    account = pay.configured()
    finished = Payout.objects.filter(community=community, finished_at__isnull=False)
    for payout in finished.order_by("pk").iterator():
        where = f"payout {payout.pk} of {payout.subject}"
        if payout.next_at or payout.given_up_at:
            yield f"{where}: its end was not told yet ({payout.reason or 'it is due'})"
        if payout.last_sent_at and payout.last_sent_at > timezone.now() - SEND_AGAIN_FOR:
            yield from (f"{where}: {one}" for one in _at_wechat(account, payout))


def _at_wechat(account: pay.Pay, payout: Payout) -> Iterator[str]:
    try:
        bill = account.query(payout.out_bill_no)
    except pay.OutcomeUnknown as unknown:
        # What WeChat never had was cancelled here.
        if unknown.code != NOT_FOUND or payout.status != Status.CANCELLED:
            yield f"WeChat does not tell of it ({unknown.code or 'no answer'})"
        return
    if ENDS.get(str(bill.get("state"))) != payout.status:
        yield f"it is {payout.status} here, and {bill.get('state')} at WeChat"
    if bill.get("transfer_amount") != payout.amount_fen:
        yield f"it is of {payout.amount_fen} fen here, and {bill.get('transfer_amount')} at WeChat"
