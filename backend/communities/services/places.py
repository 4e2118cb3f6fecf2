"""Founding places, and changing how they are reached and joined."""

from collections.abc import Callable
from typing import Any

from django.db import transaction

from backend.accounts.models import User
from backend.audit import services as trail
from backend.codes import new_code
from backend.communities.models import Community
from backend.names import of_thing

# Nothing that is read for something else on a poster: no 0 and O, no 1, I and L.
JOIN_CODE_LENGTH = 8  # 31^8: not to be guessed at twenty tries an hour


@transaction.atomic
def found(
    *,
    code: str,
    name: str,
    kind: Community.Kind = Community.Kind.COMMUNITY,
    parent: Community | None = None,
    timezone: str = "Asia/Shanghai",
    **point: Any,
) -> Community:
    """Found a place; ``point`` is its latitude, longitude and coord_type.

    Raises IntegrityError if the code, or the name under that parent, is taken.
    """
    place: Community = Community.objects.create(
        code=code, name=name, kind=kind, parent=parent, timezone=timezone, **point
    )
    return place


@transaction.atomic
def estate_named(*, community: Community, name: str) -> Community:
    """Return the estate 小区 of that name under ``community``, founded if it is new.

    Names that differ in width, blanks or brackets only are one estate.
    """
    estate: Community
    known = Community.objects.filter(parent=community)
    if not known.filter(name=name).exists():
        for estate in known.order_by("pk"):
            if of_thing(estate.name) == of_thing(name):
                return estate
    estate, _ = Community.objects.get_or_create(
        parent=community,
        name=name,
        defaults={
            "kind": Community.Kind.ESTATE,
            "code": f"{community.code[:27]}-{Community().pk.hex[-12:]}",
            "timezone": community.timezone,
        },
    )
    return estate


def change_contact(*, place: Community, changed_by: User, changes: dict[str, Any]) -> Community:
    """Change how people reach the place; ``changes`` are fields of Community by name.

    A check constraint keeps latitude and longitude together. Idempotent.
    """
    # The new value may be somebody's own phone, so the trail only names the field.
    return _change(
        "community.change_contact",
        place,
        changed_by,
        changes,
        lambda before: {"after": {"changed": sorted(before)}},
    )


def set_alone_limit(*, community: Community, fen: int, by: User) -> Community:
    """Set how much one of the staff may add alone, in fen in 30 days, to what is owed."""
    limit = {"alone_limit_fen": fen}
    return _change(
        "community.set_alone_limit",
        community,
        by,
        limit,
        lambda before: {"before": before, "after": limit},
    )


def make_join_code(*, community: Community, made_by: User) -> Community:
    """Make a fresh code to join by, for posters. The one before stops working."""
    return _change("join_code.make", community, made_by, {"join_code": new_code(JOIN_CODE_LENGTH)})


def end_join_code(*, community: Community, ended_by: User) -> Community:
    """End the code, so that people ask to join. Idempotent."""
    return _change("join_code.end", community, ended_by, {"join_code": None})


@transaction.atomic
def _change(
    action: str,
    place: Community,
    by: User,
    changes: dict[str, Any],
    told: Callable[[dict[str, Any]], dict[str, Any]] = lambda before: {},
) -> Community:
    """Change fields of the place and record it, as ``told`` of what they were before."""
    place = Community.objects.select_for_update(no_key=True).get(pk=place.pk)
    now = {name: getattr(place, name) for name in changes}
    before = {name: value for name, value in now.items() if value != changes[name]}
    if before:
        for name in before:
            setattr(place, name, changes[name])
        place.save(update_fields=before.keys())
        trail.record(action, actor=by, community=place, target=place, **told(before))
    return place
