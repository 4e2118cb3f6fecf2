"""States of the rewards of reports, as their reporters and the public read them."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import models

from points.awards.selectors import awards_of, voided
from volunteers.reports.models.reports import Report

if TYPE_CHECKING:
    from points.models import Award, Claim


class RewardState(models.TextChoices):
    """How far the reward of a report has come."""

    NONE = "none"  # nothing is earned, or not yet
    WAITING_APPROVAL = "waiting_approval"
    FUND_EXHAUSTED = "fund_exhausted"  # waits in its turn until the fund is topped up
    FROZEN = "frozen"  # the report was reopened
    RESERVED = "reserved"  # and on its way
    UNCLAIMED = "unclaimed"  # nobody took it within 24 hours
    PAID = "paid"
    TAKEN_BACK = "taken_back"


@dataclass(frozen=True, kw_only=True)
class Reward:
    """The reward of a report's reporter: what it is, and how far it has come."""

    unit: str
    amount: int
    state: RewardState


def rewards_of(community_id: UUID, reports: Collection[Report]) -> dict[UUID, Reward]:
    """Return the reward of each report by the report's id; one without an award is absent."""
    sources = {report.award_source: report.pk for report in reports}
    awards = awards_of(community_id, sources)
    back = voided(community_id, sources)
    return {
        sources[source]: Reward(
            unit=award.unit,
            amount=award.amount,
            state=RewardState.TAKEN_BACK if source in back else _state(award),
        )
        for source, award in awards.items()
    }


def reward_states(community_id: UUID, reports: Collection[Report]) -> dict[UUID, RewardState]:
    """Return the state of each report's reward, by the report's id."""
    rewards = rewards_of(community_id, reports)
    return {
        report.pk: rewards[report.pk].state if report.pk in rewards else RewardState.NONE
        for report in reports
    }


def _state(award: "Award") -> RewardState:
    if not award.amount:
        return RewardState.NONE
    return state_of_claim(award.claim) if award.claim else RewardState.PAID


def state_of_claim(claim: "Claim") -> RewardState:
    """Return the state of a reward that a fund pays."""
    status = claim.Status
    if claim.taken_back_at:
        return RewardState.TAKEN_BACK
    if claim.status == status.COMMITTED:
        return RewardState.PAID
    if claim.status == status.RELEASED:
        return RewardState.TAKEN_BACK
    if claim.frozen_at:
        return RewardState.FROZEN
    if claim.status == status.WAITING:
        return RewardState.FUND_EXHAUSTED
    if claim.needs_approval and not claim.approved_by_id:
        return RewardState.WAITING_APPROVAL
    return RewardState.UNCLAIMED if claim.status == status.UNCLAIMED else RewardState.RESERVED
