"""Reconciliation: what payouts say, held against what WeChat says now, and what was told of them.

WeChat is asked about what was sent within the 29 days for which it knows a number. A nightly task
lists on each payout what differs; ``manage.py verify_payouts`` says it and writes nothing.
"""

from collections.abc import Iterator

from django.db import transaction
from django.utils import timezone

from backend.communities.models import Community
from backend.communities.selectors import auditors_and_managers
from backend.notices import services as notices
from backend.payouts.models import Payout
from backend.payouts.services import ENDS, NOT_FOUND, SEND_AGAIN_FOR
from backend.wechat import pay

Status = Payout.Status


def differences(community: Community) -> Iterator[str]:
    """Yield what differs of each payout that is finished. Raises WeChatPayNotConfigured."""
    for payout, found in _compared(community):
        yield from (f"payout {payout.pk} of {payout.subject}: {one}" for one in found)


def compare(*, community: Community) -> int:
    """List on each finished payout what differs now, and tell staff of it once. Returns how many.

    What no longer differs is taken off the list. Raises WeChatPayNotConfigured.
    """
    count = 0
    for payout, found in _compared(community):
        count += bool(found)
        _list(payout, "; ".join(found)[:300])
    return count


@transaction.atomic
def _list(payout: Payout, difference: str) -> None:
    payout = payout.locked("community")
    if difference == payout.difference:
        return
    payout.save_with(difference=difference)
    told = {payout.ordered_by_id, *auditors_and_managers(payout.community)}
    if difference:
        notices.owe_many(
            community=payout.community,
            kind="payout_differs",
            owed=[
                notices.Owed(
                    key=f"payout_differs:{payout.pk}:{person}",
                    recipient_id=person,
                    facts={"title": payout.title, "difference": difference},
                    target_id=payout.pk,
                )
                for person in told - {payout.payee_id}
            ],
            due_at=timezone.now(),
        )


def _compared(community: Community) -> Iterator[tuple[Payout, list[str]]]:
    account = pay.configured()
    finished = Payout.objects.filter(community=community, finished_at__isnull=False)
    for payout in finished.order_by("pk").iterator():
        found = []
        if payout.next_at or payout.given_up_at:
            found.append(f"its end was not told yet ({payout.reason or 'it is due'})")
        if payout.last_sent_at and payout.last_sent_at > timezone.now() - SEND_AGAIN_FOR:
            found.extend(_at_wechat(account, payout))
        elif payout.difference and not found:
            continue  # WeChat has forgotten it; what differed then stays on the list
        yield payout, found


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
