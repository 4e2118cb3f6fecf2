"""The categories in which a community takes reports: the defaults, and its own."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from backend.communities.models import Community
from volunteers.reports import errors
from volunteers.reports.models.categories import Colour, ReportCategory


@dataclass(frozen=True, kw_only=True)
class Known:
    """A category as a community has it. ``name`` is a text of ours, or the community's own."""

    code: str
    name: "str | Promise"
    parent: str = ""
    description: str = ""
    is_confidential: bool = False
    colour: str = Colour.BLUE
    questions: tuple[dict[str, Any], ...] = field(default=())


DEFAULTS = {
    known.code: known
    for known in (
        Known(code="hazard", name=_("Hazard"), colour=Colour.RED),
        Known(code="environment", name=_("Dirty surroundings")),
        Known(code="facility", name=_("Damaged facility"), colour=Colour.YELLOW),
        Known(code="dispute", name=_("Dispute between neighbours"), is_confidential=True),
        Known(code="hotline", name=_("Mayor's hotline")),
        Known(code="assistance", name=_("Help for someone in need"), is_confidential=True),
        Known(code="suggestion", name=_("Suggestion")),
    )
}


def categories_of(community: Community) -> dict[str, Known]:
    """Return the categories of a community by their codes: the defaults, as it has changed them."""
    return {
        row.code: Known(
            code=row.code,
            name=name_of(row),
            parent=row.parent,
            description=row.description,
            is_confidential=row.is_confidential,
            colour=row.colour,
            questions=tuple(row.questions),
        )
        for row in rows_of(community)
        if not row.is_retired
    }


def rows_of(community: Community) -> list[ReportCategory]:
    """Return the categories of a community, the retired ones as well, the default ones first.

    A default one that it has not changed is no row yet.
    """
    rows = {
        known.code: ReportCategory(
            community=community,
            code=known.code,
            is_confidential=known.is_confidential,
            colour=known.colour,
        )
        for known in DEFAULTS.values()
    }
    kept = ReportCategory.objects.filter(community=community).order_by("id")
    rows |= {row.code: row for row in kept}
    return list(rows.values())


def name_of(category: ReportCategory) -> str:
    """Return what the community calls a category."""
    return category.name or str(DEFAULTS[category.code].name)


def row_of(community: Community, code: str) -> ReportCategory | None:
    """Return the community's category of that code, as ``rows_of`` has it."""
    return next((row for row in rows_of(community) if row.code == code), None)


def category_of(community: Community, code: str) -> Known:
    """Return the community's category of that code. Raises CategoryUnknown."""
    try:
        return categories_of(community)[code]
    except KeyError:
        raise errors.CategoryUnknown(category=code) from None


def ancestry(community: Community, code: str) -> list[str]:
    """Return the code, then those of the categories above it, the nearest first."""
    parents = dict(ReportCategory.objects.filter(community=community).values_list("code", "parent"))
    codes = [code]
    while (parent := parents.get(codes[-1], "")) and parent not in codes:
        codes.append(parent)
    return codes


def names_of(community_id: UUID) -> dict[str, str]:
    """Return what a community calls its categories, the retired ones as well, by their codes."""
    return names_in({community_id})[community_id]


def names_in(community_ids: Collection[UUID]) -> dict[UUID, dict[str, str]]:
    """Return ``names_of`` each of the communities, in one statement."""
    defaults = {code: str(known.name) for code, known in DEFAULTS.items()}
    names = {community_id: dict(defaults) for community_id in community_ids}
    own = ReportCategory.objects.filter(community__in=community_ids).exclude(name="")
    for community_id, code, name in own.values_list("community", "code", "name"):
        names[community_id][code] = name
    return names
