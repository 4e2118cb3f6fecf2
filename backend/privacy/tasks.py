"""Tasks of exports and erasures."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from backend.privacy import selectors
from backend.privacy.services import erasure, exports
from backend.queues import Queue, in_queue


def remove_expired_exports() -> dict[str, int]:
    """Remove the files whose links have expired. Idempotent: a second run finds none."""
    return {"removed": exports.remove_expired()}


def sweep_erasures() -> dict[str, int]:
    """Queue the erasure of everybody whose grace period is over, and finish earlier ones."""
    found = selectors.people_to_erase(timezone.now()).values_list("pk", flat=True)
    for user_id in found:
        erase_person.delay(str(user_id))
    erasure.finish()
    return {"queued": len(found)}


@shared_task
@in_queue(Queue.BULK)
def erase_person(user_id: str) -> None:
    """Erase one person. Idempotent: a second run finds them erased."""
    erasure.erase(user_id=UUID(user_id))
