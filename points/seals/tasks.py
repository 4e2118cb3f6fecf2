"""Tasks of seals."""

import logging
from uuid import UUID

from celery import shared_task
from django.db import OperationalError

from backend.communities.models import Community
from points.seals.models import Unsealed
from points.seals.selectors import places
from points.seals.services import sealing, verifying

logger = logging.getLogger(__name__)


@shared_task
def sweep_verifications() -> None:
    """Queue the verification of every place that has seals."""
    for community_id in places().values_list("pk", flat=True):
        verify_community.delay(str(community_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def verify_community(community_id: str) -> None:
    """Verify one community's ledger. Findings are recorded, and logged as an error.

    Not idempotent: a second run verifies anew.
    """
    community = Community.objects.get(pk=UUID(community_id))
    found = verifying.verify(community=community).findings_count
    if found:
        logger.error(
            "The ledger of %s is not as it should be. Findings: %d.", community.code, found
        )


@shared_task
def sweep_unsealed() -> None:
    """Queue every community in which something was posted since its last seal."""
    for community_id in Unsealed.objects.values_list("community_id", flat=True).distinct():
        seal_community.delay(str(community_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def seal_community(community_id: str) -> None:
    """Close what one community posted. Idempotent: a second run finds nothing left to close."""
    for _ in sealing.close_batches(community=Community.objects.get(pk=UUID(community_id))):
        pass
