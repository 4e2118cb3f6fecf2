"""Celery tasks of reports."""

from celery import shared_task

from volunteers.reports.services import reports


@shared_task
def forget_old_coordinates() -> None:
    """Drop the coordinates of reports older than 30 days. Idempotent."""
    reports.drop_old_coordinates()
