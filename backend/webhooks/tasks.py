"""Tasks of webhooks."""

from celery import shared_task

from backend.webhooks import services


@shared_task
def forget_old_webhooks() -> None:
    """Delete deliveries that ended 90 days ago and more. Idempotent."""
    services.forget_old()
