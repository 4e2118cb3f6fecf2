"""Reads of the ledger and the rules."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from uuid import UUID

from django.db.models import (
    Exists,
    OuterRef,
    Q,
    QuerySet,
)

from backend.communities.models import Community
from backend.communities.selectors import lineage
from backend.names import of_thing
from points.rules.models import Rule, RuleVersion


def rule_for(community: Community, subject: str, category: str, day: date) -> RuleVersion | None:
    """The version that says what ``category`` earns on ``day``, the community's own day.

    The community's own rules come first, then those of the places above it; in each place the
    category's rule comes before ``*``. Of several versions valid that day the latest counts.
    """
    places = [place.pk for place in lineage(community)]
    candidates = RuleVersion.objects.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gte=day),
        community__in=places,
        rule__subject=subject,
        rule__category__in=[category, "*"],
        valid_from__lte=day,
    ).select_related("rule")
    return min(candidates, key=rule_precedence(places), default=None)


def rule_precedence(places: Sequence[UUID]) -> Callable[[RuleVersion], tuple[int, bool, int]]:
    """Orders versions as ``rule_for`` looks at them; ``places`` are ids, the nearest first."""
    return lambda version: (
        places.index(version.community_id),
        version.rule.category == "*",
        -version.number,
    )


def categories_with_rule(community: Community, subject: str) -> set[str]:
    """Every category that has a rule of its own, here or above; ``*`` stands for all others."""
    return set(
        RuleVersion.objects.filter(
            community__in=lineage(community), rule__subject=subject
        ).values_list("rule__category", flat=True)
    )


def category_as_ruled(community: Community, subject: str, category: str) -> str:
    """``category`` as the rule for it spells it: another width, blank or bracket makes no other."""
    ruled = categories_with_rule(community, subject)
    if category in ruled:
        return category
    fitting = sorted(one for one in ruled if of_thing(one) == of_thing(category))
    return fitting[0] if fitting else category


def rules_known_in(community: Community) -> QuerySet[Rule]:
    """The community's own rules and those of the places above it, newest first."""
    return (
        Rule.objects.filter(community__in=lineage(community))
        .select_related("community")
        .order_by("-id")
    )


def rules_applying_in(community: Community, day: date) -> QuerySet[Rule]:
    """The community's own rules, and those above it that it is lent on ``day`` or later.

    What a nearer place overrides on ``day``, by a rule for the category or by ``*``, is not lent.
    """
    places = [place.pk for place in lineage(community)]
    versions = RuleVersion.objects.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gte=day),
        community=OuterRef("community"),
        rule=OuterRef("pk"),
    )
    known = rules_known_in(community).annotate(
        has_versions=Exists(versions), is_in_force=Exists(versions.filter(valid_from__lte=day))
    )
    in_force = {
        (rule.community_id, rule.subject, rule.category) for rule in known if rule.is_in_force
    }

    def is_lent(rule: Rule) -> bool:
        nearer = places[: places.index(rule.community_id)]
        return not any(
            (place, rule.subject, category) in in_force
            for place in nearer
            for category in (rule.category, "*")
        )

    applying = [
        rule.pk
        for rule in known
        if rule.community_id == community.pk or (rule.has_versions and is_lent(rule))
    ]
    return rules_known_in(community).filter(pk__in=applying)


def versions_from(rules: Iterable[Rule], day: date) -> dict[UUID, list[RuleVersion]]:
    """Each rule's versions that are valid on ``day`` or later, in the order of their numbers."""
    rules = list(rules)
    versions: dict[UUID, list[RuleVersion]] = {rule.pk: [] for rule in rules}
    for version in RuleVersion.objects.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gte=day),
        community__in={rule.community_id for rule in rules},
        rule__in=rules,
    ).order_by("number"):
        versions[version.rule_id].append(version)
    return versions


def versions_in(community: Community) -> QuerySet[RuleVersion]:
    """All wordings that were ever published there."""
    return RuleVersion.objects.filter(community=community).select_related("rule")


def versions_of(rule: Rule) -> QuerySet[RuleVersion]:
    """All that was ever published of it, newest first."""
    return RuleVersion.objects.filter(community_id=rule.community_id, rule=rule).order_by("-id")
