"""A community's own categories of reports: made, changed, retired."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.locks import lock_by_id
from volunteers.reports import errors
from volunteers.reports.categories import row_of, rows_of
from volunteers.reports.models.categories import ReportCategory
from volunteers.reports.models.reports import Report


@transaction.atomic
def create(*, community: Community, by: User, code: str, **facts: Any) -> ReportCategory:
    """Make a category. Raises CategoryKnown, CategoryUnknown for its parent, CategoryInItself."""
    lock_by_id(community.pk)
    if row_of(community, code) is not None:
        raise errors.CategoryKnown(category=code)
    _require_parent(community, code, facts.get("parent", ""))
    category = ReportCategory.objects.create(community=community, code=code, **facts)
    trail.record(
        "report_category.create",
        actor=by,
        community=community,
        target=category,
        after={"code": code, **facts},
    )
    return category


@transaction.atomic
def change(*, category: ReportCategory, by: User, changes: Mapping[str, Any]) -> ReportCategory:
    """Change a category, or retire it: then it takes no new reports.

    One that becomes confidential covers its open reports as well; what was told in confidence stays
    so. Raises CategoryUnknown for its parent, CategoryInItself.
    """
    category = category.locked("community")
    _require_parent(category.community, category.code, changes.get("parent", ""))
    differing = {name: new for name, new in changes.items() if getattr(category, name) != new}
    if not differing:
        return category
    before = trail.facts_of(category, *differing)
    category.save_with(**differing)
    if differing.get("is_confidential"):
        Report.objects.filter(
            community=category.community, category=category.code, status__in=Report.OPEN
        ).update(is_confidential=True)
    trail.record(
        "report_category.change",
        actor=by,
        community=category.community,
        target=category,
        before=before,
        after=differing,
    )
    return category


def kept(community: Community, code: str) -> ReportCategory | None:
    """Return the row of a category, which a default one gets at its first change."""
    category = row_of(community, code)
    if category is not None and category._state.adding:
        category, _ = ReportCategory.objects.get_or_create(
            community=community,
            code=code,
            defaults={"is_confidential": category.is_confidential, "colour": category.colour},
        )
    return category


def _require_parent(community: Community, code: str, parent: str) -> None:
    parents = {row.code: row.parent for row in rows_of(community)}
    above = parent
    while above:
        if above == code:
            raise errors.CategoryInItself(category=code)
        if above not in parents:
            raise errors.CategoryUnknown(category=above)
        above = parents[above]
