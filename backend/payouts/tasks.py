"""Tasks of payouts: how they ended is compared with what WeChat says, each night."""

from uuid import UUID

from celery import shared_task

from backend.communities.models import Community
from backend.payouts import reconciling
from backend.payouts.models import Payout
from backend.wechat import pay


@shared_task
def sweep_differences() -> None:
    """Queue every community that has paid by WeChat, where WeChat is set up."""
    finished = Payout.objects.filter(finished_at__isnull=False)
    for community_id in finished.values_list("community", flat=True).distinct():
        if pay.is_configured():
            compare_payouts.delay(str(community_id))


@shared_task
def compare_payouts(community_id: str) -> None:
    """Compare one community's payouts with WeChat's, and list what differs. Idempotent."""
    reconciling.compare(community=Community.objects.get(pk=UUID(community_id)))
