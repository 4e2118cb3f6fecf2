"""Celery tasks of reports."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from backend.celery import SWEEP_AT_MOST
from backend.communities.models import Community
from backend.communities.selectors import tenants_here
from backend.queues import Queue, in_queue
from backend.tenants import HERE
from backend.wechat import pay
from volunteers.reports import figures, reward_selectors, selectors
from volunteers.reports.models.publicity import ReportTally
from volunteers.reports.services import (
    deadlines,
    inspecting,
    mediating,
    monthly,
    reading,
    red_packets,
    surveying,
)


def sweep_overdue_reports() -> dict[str, int]:
    """Queue ``escalate_reports`` for each community with a step that is overdue."""
    due = selectors.reports_to_escalate(timezone.now()).filter(HERE)
    communities = set(due.values_list("community_id", flat=True)[:SWEEP_AT_MOST])
    for community_id in communities:
        escalate_reports.delay(str(community_id))
    return {"queued": len(communities)}


@shared_task
@in_queue(Queue.URGENT)
def escalate_reports(community_id: str) -> None:
    """Let a community's overdue steps climb, until none is left to. Idempotent."""
    while deadlines.escalate(community_id=UUID(community_id), now=timezone.now()):
        pass


def forget_old_coordinates() -> dict[str, int]:
    """Drop the coordinates of reports older than 30 days. Idempotent."""
    return {"dropped": reading.drop_old_coordinates()}


def sweep_rewards() -> dict[str, int]:
    """Queue every community with rewards to order by WeChat, where that is set up."""
    if not pay.is_configured():
        return {"queued": 0}
    rewards = reward_selectors.rewards_to_order().filter(HERE).order_by()
    communities = rewards.values_list("community", flat=True).distinct()
    for community_id in communities:
        order_rewards.delay(str(community_id))
    return {"queued": len(communities)}


@shared_task
def order_rewards(community_id: str) -> None:
    """Order payouts of one community's rewards. Idempotent: a second run finds them ordered."""
    red_packets.order_due(community=Community.objects.get(pk=UUID(community_id)))


def sweep_tallies() -> dict[str, int]:
    """Queue ``bring_figures_up_to_date`` for every community with reports."""
    tallies = ReportTally.objects.filter(HERE)
    communities = tallies.values_list("community_id", flat=True).distinct()
    for community_id in communities:
        bring_figures_up_to_date.delay(str(community_id))
    return {"queued": len(communities)}


@shared_task
@in_queue(Queue.BULK)
def bring_figures_up_to_date(community_id: str) -> None:
    """Put a community's counts together, and tell of its confidential reports. Idempotent."""
    community = Community.objects.get(pk=UUID(community_id))
    figures.compact(community.pk)
    figures.tell_confidential(community)


def forget_old_mediations() -> dict[str, int]:
    """Empty names and notes of mediations that ended three years ago. Idempotent."""
    return {"emptied": mediating.forget_old()}


def sweep_surveys() -> dict[str, int]:
    """Queue ``ask_surveys`` for each community in which reports were closed some weeks ago."""
    communities = surveying.communities_to_ask()
    for community_id in communities:
        ask_surveys.delay(str(community_id))
    return {"queued": len(communities)}


@shared_task
def ask_surveys(community_id: str) -> None:
    """Ask about a community's reports, until none is left whose time has come. Idempotent."""
    while surveying.ask(community=Community.objects.get(pk=UUID(community_id))):
        pass


def sweep_inspections() -> dict[str, int]:
    """Queue ``see_to_inspections`` for each community in which one is overdue or repaired."""
    communities = inspecting.communities_to_see_to()
    for community_id in communities:
        see_to_inspections.delay(str(community_id))
    return {"queued": len(communities)}


@shared_task
def see_to_inspections(community_id: str) -> None:
    """Plan re-inspections in a community and tell its staff of overdue ones. Idempotent."""
    community = Community.objects.get(pk=UUID(community_id))
    while inspecting.plan_again(community=community):
        pass
    while inspecting.tell_overdue(community=community):
        pass


def sweep_volunteers_months() -> dict[str, int]:
    """Queue ``tell_of_month`` for every community; its own clock decides which days are it."""
    communities = tenants_here().values_list("pk", flat=True)
    for community_id in communities:
        tell_of_month.delay(str(community_id))
    return {"queued": len(communities)}


@shared_task
def tell_of_month(community_id: str) -> None:
    """Owe a community's volunteers the notice of the month that is over. Idempotent."""
    monthly.tell(community=Community.objects.get(pk=UUID(community_id)))
