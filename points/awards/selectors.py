"""Reads of awards."""

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField, Case, Exists, F, OuterRef, Subquery, Sum, When
from django.db.models.functions import Coalesce

from backend.communities.models import Community
from points.awards.models import Award, Void
from points.kinds import Unit
from points.ledger.models import Account, Reversal, Transfer
from points.rules.models import RuleVersion


def points_earned(community: Community, since: date, until: date) -> dict[str, int]:
    """Return the points that records of the days ``since`` to ``until`` brought, by holder.

    Without what was voided since.
    """
    voids = Void.objects.filter(community=OuterRef("community"), award=OuterRef("pk"))
    earned = Award.objects.filter(
        ~Exists(voids),
        community=community,
        unit=Unit.POINTS,
        amount__gt=0,
        local_day__range=(since, until),
    )
    summed = earned.values("account__holder").annotate(points=Sum("amount"))
    return dict(summed.values_list("account__holder", "points"))


def amounts_awarded(
    community_id: UUID, accounts: Iterable[Account], days: Iterable[date]
) -> dict[tuple[UUID, UUID, date], int]:
    """Return what each rule has brought each account for each day, against its cap.

    By account, rule and day, in the account's unit. What was reversed or voided leaves the cap
    free, whether or not it could be taken back yet.
    """
    reversals = (
        Reversal.objects.filter(community=community_id, transfer=OuterRef("transfer"))
        .values("transfer")
        .values_list(Sum("amount"))
    )
    voids = Void.objects.filter(community=community_id, award=OuterRef("pk"))
    net = Case(
        When(Exists(voids), claim__isnull=False, then=0),
        default=F("amount") - Coalesce(Subquery(reversals), 0, output_field=BigIntegerField()),
    )
    awarded = (
        Award.objects.filter(
            community=community_id,
            account__in=list(accounts),
            local_day__in=list(days),
            rule_version__isnull=False,
        )
        .values_list("account_id", "rule_version__rule_id", "local_day")
        .annotate(brought=Sum(net))
        .order_by()
    )
    return {(account, rule, day): int(brought) for account, rule, day, brought in awarded}


def awards_of(community_id: UUID, sources: Iterable[str]) -> dict[str, Award]:
    """Return the awards of the records ``sources``, by source; a record without one is absent."""
    awards = Award.objects.select_related("transfer", "claim", "account")
    found = awards.filter(community=community_id, source__in=list(sources))
    return {award.source: award for award in found}


def award_of(community_id: UUID, source: str) -> Award | None:
    """Return the award of the record ``source``, or None if there is none yet."""
    return awards_of(community_id, [source]).get(source)


def void_of(award: Award) -> Void | None:
    """Return the void of the award, or None if it stands."""
    return Void.objects.filter(community_id=award.community_id, award=award).first()


def voided(community_id: UUID, sources: Iterable[str]) -> set[str]:
    """Return those of the sources whose awards were voided."""
    voids = Void.objects.filter(community=community_id, award__source__in=list(sources))
    return set(voids.values_list("award__source", flat=True))


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
    of_kind, _, number = transfer.source.partition(":")
    by: dict[str, Any] = {"source": transfer.source, "transfer": transfer}
    if of_kind == "fund_claim":
        by = {"claim": UUID(number)}
    award = (
        Award.objects.filter(community_id=transfer.community_id, **by)
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
        "award": award and _told(award, "source", "local_day", "unit", "amount", "awarded_at"),
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
