"""Tasks of payouts: how they ended is compared with what WeChat says, each night."""

from uuid import UUID

from celery import shared_task

from backend.communities.models import Community
from backend.payouts import reconciling
from backend.payouts.models import Payout
from backend.queues import Queue, in_queue
from backend.tenants import HERE
from backend.wechat import pay


def sweep_differences() -> dict[str, int]:
    """Queue every community that has paid by WeChat, where WeChat is set up."""
    if not pay.is_configured():
        return {"queued": 0}
    finished = Payout.objects.filter(HERE, finished_at__isnull=False)
    found = finished.values_list("community", flat=True).distinct()
    for community_id in found:
        compare_payouts.delay(str(community_id))
    return {"queued": len(found)}


@shared_task
@in_queue(Queue.BULK)
def compare_payouts(community_id: str) -> None:
    """Compare one community's payouts with WeChat's, and list what differs. Idempotent."""
    reconciling.compare(community=Community.objects.get(pk=UUID(community_id)))
