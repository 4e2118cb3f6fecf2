"""Celery tasks of giving."""

from uuid import UUID

from celery import shared_task

from backend.celery import SWEEP_AT_MOST
from backend.tenants import HERE
from merchants.giving.services import wishes


def sweep_lapsed_wishes() -> dict[str, int]:
    """Queue ``reopen_wish`` for the wishes whose neighbour's hold has expired."""
    lapsed = wishes.lapsed().filter(HERE).order_by("pk")
    found = lapsed.values_list("community_id", "pk")[:SWEEP_AT_MOST]
    for community_id, wish_id in found:
        reopen_wish.delay(str(community_id), str(wish_id))
    return {"queued": len(found)}


@shared_task
def reopen_wish(community_id: str, wish_id: str) -> None:
    """Reopen a lapsed wish. Idempotent."""
    wishes.reopen(community_id=UUID(community_id), wish_id=UUID(wish_id))
