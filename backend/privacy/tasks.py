"""Tasks of exports and erasures."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from backend.privacy import selectors
from backend.privacy.services import erasure, exports


@shared_task
def remove_expired_exports() -> None:
    """Remove the files whose links have expired. Idempotent: a second run finds none."""
    exports.remove_expired()


@shared_task
def sweep_erasures() -> None:
    """Queue the erasure of everybody whose grace period is over, and finish earlier ones."""
    for user_id in selectors.people_to_erase(timezone.now()).values_list("pk", flat=True):
        erase_person.delay(str(user_id))
    erasure.finish()


@shared_task
def erase_person(user_id: str) -> None:
    """Erase one person. Idempotent: a second run finds them erased."""
    erasure.erase(user_id=UUID(user_id))
