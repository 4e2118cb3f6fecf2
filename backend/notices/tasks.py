"""Tasks of notices: find what is owed, deliver each."""

from uuid import UUID

from celery import shared_task
from django.db import OperationalError

from backend.notices import selectors
from backend.notices import services as notices

SWEEP_AT_MOST = 1000  # notices a sweep; the rest are still owed at the next


@shared_task
def sweep_due_notices() -> None:
    """Queue one delivery for every notice that is due."""
    for notice_id in selectors.owed_now().values_list("pk", flat=True)[:SWEEP_AT_MOST]:
        deliver_notice.delay(str(notice_id))


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True)
def deliver_notice(notice_id: str) -> None:
    """Deliver one notice. Idempotent: a second run finds it delivered."""
    notices.deliver(notice_id=UUID(notice_id))
