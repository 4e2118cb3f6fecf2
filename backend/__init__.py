"""The wiring, and the ground floor that points, volunteers and merchants stand on."""

from backend.celery import app as celery_app

__all__ = ["celery_app"]
