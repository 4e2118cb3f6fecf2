"""Tasks of verifications."""

from celery import shared_task

from backend.verification.services import asking


@shared_task
def sweep_verifications() -> None:
    """Ask for tonight's verification of every community. Idempotent while they wait or run."""
    asking.ask_tonight()
