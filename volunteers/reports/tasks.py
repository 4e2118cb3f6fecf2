"""Celery tasks of reports."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from backend.celery import SWEEP_AT_MOST
from backend.communities.models import Community
from backend.wechat import pay
from volunteers.reports import figures, reward_selectors, selectors
from volunteers.reports.models.publicity import ReportTally
from volunteers.reports.services import (
    deadlines,
    inspecting,
    mediating,
    reading,
    red_packets,
    surveying,
)


@shared_task
def sweep_overdue_reports() -> None:
    """Queue ``escalate_reports`` for each community with a step that is overdue."""
    due = selectors.reports_to_escalate(timezone.now()).values_list("community_id", flat=True)
    for community_id in set(due[:SWEEP_AT_MOST]):
        escalate_reports.delay(str(community_id))


@shared_task
def escalate_reports(community_id: str) -> None:
    """Let a community's overdue steps climb, until none is left to. Idempotent."""
    while deadlines.escalate(community_id=UUID(community_id), now=timezone.now()):
        pass


@shared_task
def forget_old_coordinates() -> None:
    """Drop the coordinates of reports older than 30 days. Idempotent."""
    reading.drop_old_coordinates()


@shared_task
def sweep_rewards() -> None:
    """Queue every community with rewards to order by WeChat, where that is set up."""
    rewards = reward_selectors.rewards_to_order().order_by()
    for community_id in rewards.values_list("community", flat=True).distinct():
        if pay.is_configured():
            order_rewards.delay(str(community_id))


@shared_task
def order_rewards(community_id: str) -> None:
    """Order payouts of one community's rewards. Idempotent: a second run finds them ordered."""
    red_packets.order_due(community=Community.objects.get(pk=UUID(community_id)))


@shared_task
def sweep_tallies() -> None:
    """Queue ``bring_figures_up_to_date`` for every community with reports."""
    for community_id in ReportTally.objects.values_list("community_id", flat=True).distinct():
        bring_figures_up_to_date.delay(str(community_id))


@shared_task
def bring_figures_up_to_date(community_id: str) -> None:
    """Put a community's counts together, and tell of its confidential reports. Idempotent."""
    community = Community.objects.get(pk=UUID(community_id))
    figures.compact(community.pk)
    figures.tell_confidential(community)


@shared_task
def forget_old_mediations() -> None:
    """Empty names and notes of mediations that ended three years ago. Idempotent."""
    mediating.forget_old()


@shared_task
def sweep_surveys() -> None:
    """Queue ``ask_surveys`` for each community in which reports were closed some weeks ago."""
    for community_id in surveying.communities_to_ask():
        ask_surveys.delay(str(community_id))


@shared_task
def ask_surveys(community_id: str) -> None:
    """Ask about a community's reports, until none is left whose time has come. Idempotent."""
    while surveying.ask(community=Community.objects.get(pk=UUID(community_id))):
        pass


@shared_task
def sweep_inspections() -> None:
    """Queue ``see_to_inspections`` for each community in which one is overdue or repaired."""
    for community_id in inspecting.communities_to_see_to():
        see_to_inspections.delay(str(community_id))


@shared_task
def see_to_inspections(community_id: str) -> None:
    """Plan re-inspections in a community and tell its staff of overdue ones. Idempotent."""
    community = Community.objects.get(pk=UUID(community_id))
    while inspecting.plan_again(community=community):
        pass
    while inspecting.tell_overdue(community=community):
        pass
