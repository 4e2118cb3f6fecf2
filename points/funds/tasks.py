"""Tasks of funds."""

from uuid import UUID

from celery import shared_task

from points.funds import services as funds
from points.funds.models import Claim, Fund


@shared_task
def sweep_waiting_claims() -> None:
    """Queue every fund on which a claim waits: the ledger may have brought something back."""
    waiting = Claim.objects.filter(status=Claim.Status.WAITING)
    for community_id, fund_id in waiting.values_list("community_id", "fund_id").distinct():
        take_up_claims.delay(str(community_id), str(fund_id))


@shared_task
def take_up_claims(community_id: str, fund_id: str) -> None:
    """Reserve for those who wait on one fund. Idempotent: a second run finds nobody to serve."""
    fund = Fund.objects.get(community=UUID(community_id), pk=UUID(fund_id))
    funds.take_up(fund=fund)
