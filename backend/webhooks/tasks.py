"""Tasks of webhooks."""

from backend.webhooks import services


def forget_old_webhooks() -> dict[str, int]:
    """Delete deliveries that ended 90 days ago and more. Idempotent."""
    return {"deleted": services.forget_old()}
