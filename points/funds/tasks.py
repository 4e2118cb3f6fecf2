"""Tasks of funds."""

from uuid import UUID

from celery import shared_task

from backend.tenants import HERE
from points.funds import services as funds
from points.funds.models import Claim, Fund


def sweep_waiting_claims() -> dict[str, int]:
    """Queue every fund on which a claim waits: the ledger may have brought something back."""
    waiting = Claim.objects.filter(HERE, status=Claim.Status.WAITING)
    found = waiting.values_list("community_id", "fund_id").distinct()
    for community_id, fund_id in found:
        take_up_claims.delay(str(community_id), str(fund_id))
    return {"queued": len(found)}


@shared_task
def take_up_claims(community_id: str, fund_id: str) -> None:
    """Reserve for those who wait on one fund. Idempotent: a second run finds nobody to serve."""
    fund = Fund.objects.get(community=UUID(community_id), pk=UUID(fund_id))
    funds.take_up(fund=fund)
