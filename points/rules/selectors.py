"""Reads of rules and their versions."""

from collections.abc import Callable, Collection, Sequence
from datetime import date
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Value

from backend.communities.models import Community
from backend.communities.selectors import lineage
from backend.names import of_thing
from points.rules.models import Rule, RuleVersion


def rules_for(
    community: Community, subject: str, wanted: Collection[tuple[str, date]]
) -> dict[tuple[str, date], RuleVersion]:
    """Return the versions that say what categories earn on days, the community's own.

    By category and day; one for which nothing says it is absent. The community's own rules come
    first, then those of the places above it; in each place the category's rule comes before ``*``.
    Of several versions valid that day the latest counts.
    """
    if not wanted:
        return {}
    places = [place.pk for place in lineage(community)]
    days = {day for _, day in wanted}
    candidates = RuleVersion.objects.filter(
        valid_from(min(days)),
        community__in=places,
        rule__subject=subject,
        rule__category__in={"*", *(category for category, _ in wanted)},
        valid_from__lte=max(days),
    ).select_related("rule")
    ranked = sorted(candidates, key=rule_precedence(places))
    return {
        (category, day): found
        for category, day in set(wanted)
        if (
            found := next(
                (
                    one
                    for one in ranked
                    if one.rule.category in (category, "*") and one.is_valid_on(day)
                ),
                None,
            )
        )
    }


def rule_precedence(places: Sequence[UUID]) -> Callable[[RuleVersion], tuple[int, bool, int]]:
    """Return the sort key by which ``rules_for`` chooses; ``places`` are ids, the nearest first."""
    return lambda version: (
        places.index(version.community_id),
        version.rule.category == "*",
        -version.number,
    )


def categories_with_rule(community: Community, subject: str) -> set[str]:
    """Return every category with a rule of its own, here or above; ``*`` stands for all others."""
    return set(
        RuleVersion.objects.filter(
            community__in=lineage(community), rule__subject=subject
        ).values_list("rule__category", flat=True)
    )


def category_as_ruled(community: Community, subject: str, category: str) -> str:
    """Return ``category`` as the rule for it spells it, ignoring width, blanks and brackets."""
    ruled = categories_with_rule(community, subject)
    if category in ruled:
        return category
    fitting = sorted(one for one in ruled if of_thing(one) == of_thing(category))
    return fitting[0] if fitting else category


def rules_known_in(community: Community) -> QuerySet[Rule]:
    """Return the community's own rules and those of the places above it, newest first."""
    return (
        Rule.objects.filter(community__in=lineage(community))
        .select_related("community")
        .order_by("-id")
    )


def rules_told_in(community: Community, day: date | None = None) -> QuerySet[Rule]:
    """Return ``rules_known_in``, each with how it applies in the community.

    Adds ``is_inherited``, the community's ``day`` (today if not given) and ``versions_to_come``:
    those that are valid then or later, by their numbers.
    """
    day = day or community.today
    versions = RuleVersion.objects.filter(
        valid_from(day), community__in=lineage(community)
    ).order_by("number")
    return (
        rules_known_in(community)
        .annotate(is_inherited=~Q(community=community), day=Value(day))
        .prefetch_related(Prefetch("versions", versions, to_attr="versions_to_come"))
    )


def rules_applying_in(community: Community, day: date | None = None) -> QuerySet[Rule]:
    """Return, as ``rules_told_in``, the community's own rules and those that it inherits.

    Rules that a nearer place overrides that day, for the category or by ``*``, are left out.
    """
    day = day or community.today
    places = [place.pk for place in lineage(community)]
    versions = RuleVersion.objects.filter(
        valid_from(day), community=OuterRef("community"), rule=OuterRef("pk")
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
    return rules_told_in(community, day).filter(pk__in=applying)


def versions_in(community: Community) -> QuerySet[RuleVersion]:
    """Return all versions that the community itself ever published."""
    return RuleVersion.objects.filter(community=community).select_related("rule")


def versions_of(rule: Rule) -> QuerySet[RuleVersion]:
    """Return all versions of the rule, newest first."""
    return RuleVersion.objects.filter(community_id=rule.community_id, rule=rule).order_by("-id")


def valid_from(day: date) -> Q:
    """Return the condition that a version is valid on ``day`` or later."""
    return Q(valid_to__isnull=True) | Q(valid_to__gte=day)
