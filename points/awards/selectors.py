"""Reads of awards."""

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, Case, Exists, F, OuterRef, Subquery, Sum, When
from django.db.models.functions import Coalesce

from points.awards.models import Award, Void
from points.kinds import Unit
from points.ledger.models import Account, Reversal, Transfer
from points.rules.models import RuleVersion


def points_awarded_that_day(account: Account, rule_id: UUID, local_day: date) -> int:
    """Return the points that the rule has brought ``account`` for that day, against its daily cap.

    Reversed points leave the cap free, whether or not they could be taken back yet.
    """
    reversals = (
        Reversal.objects.filter(community=OuterRef("community"), transfer=OuterRef("transfer"))
        .values("transfer")
        .values_list(Sum("amount"))
    )
    net = F("amount") - Coalesce(Subquery(reversals), 0, output_field=BigIntegerField())
    awarded = Award.objects.filter(
        community_id=account.community_id,
        account=account,
        local_day=local_day,
        rule_version__rule_id=rule_id,
    ).aggregate(points=Coalesce(Sum(net), 0))
    return int(awarded["points"])


def award_of(community_id: UUID, source: str) -> Award | None:
    """Return the award of the record ``source``, or None if there is none yet."""
    awards = Award.objects.select_related("transfer", "account")
    return awards.filter(community=community_id, source=source).first()


def void_of(award: Award) -> Void | None:
    """Return the void of the award, or None if it stands."""
    return Void.objects.filter(community_id=award.community_id, award=award).first()


def points_by_source(community_ids: Iterable[UUID], sources: Iterable[str]) -> dict[str, int]:
    """Return the points that each record brings, by source: 0 if voided, or if it brings fen.

    A record without an award is absent.
    """
    voids = Void.objects.filter(community=OuterRef("community"), award=OuterRef("pk"))
    awards = Award.objects.filter(
        community_id__in=list(community_ids), source__in=list(sources)
    ).values_list(
        "source", Case(When(~Exists(voids), unit=Unit.POINTS, then=F("amount")), default=0)
    )
    return dict(awards)


def explain(transfer: Transfer) -> dict[str, Any]:
    """Return why ``transfer`` was made and what was taken back of it, in three statements at most.

    An award comes with the version of the rule, the place that published it, the inputs and the
    arithmetic. A transfer that takes back another has that one under ``reverses``.
    """
    award = (
        Award.objects.filter(
            community_id=transfer.community_id, source=transfer.source, transfer=transfer
        )
        .select_related("rule_version__rule", "rule_version__community")
        .first()
    )
    reversals = Reversal.objects.filter(
        community_id=transfer.community_id, transfer=transfer
    ).order_by("id")
    reverses = None
    if transfer.reverses_id:
        reverses = Transfer.objects.get(community_id=transfer.community_id, pk=transfer.reverses_id)
    moved = ("id", "amount", "reason", "source", "occurred_at", "posted_at")
    taken = ("id", "amount", "recovered", "outstanding", "reason", "occurred_at", "requested_at")
    return {
        "transfer": _told(transfer, *moved),
        "award": award
        and _told(award, "source", "local_day", "awarded_at") | {"points": award.amount},
        "rule_version": award and award.rule_version and version_told(award.rule_version),
        "inputs": transfer.explanation.get("inputs", {}),
        "arithmetic": transfer.explanation.get("arithmetic", {}),
        "reversals": [_told(reversal, *taken) for reversal in reversals],
        "reverses": reverses and _told(reverses, *moved),
    }


def version_told(version: RuleVersion) -> dict[str, Any]:
    """Return what a version of a rule says, and the place that published it."""
    return {
        **_told(version, "id", "rule_id", "number", "parameters", "valid_from", "valid_to"),
        **_told(version.rule, "subject", "category"),
        "place": _told(version.community, "code", "name"),
    }


def _told(row: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
