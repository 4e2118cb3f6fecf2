"""Founding places, and changing how they are reached and joined."""

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


@transaction.atomic
def change_contact(*, place: Community, changed_by: User, changes: dict[str, Any]) -> Community:
    """Change how people reach the place; ``changes`` are fields of Community by name.

    A check constraint keeps latitude and longitude together. Idempotent.
    """
    place = Community.objects.select_for_update(no_key=True).get(pk=place.pk)
    changed = sorted(name for name, value in changes.items() if getattr(place, name) != value)
    if not changed:
        return place
    for name in changed:
        setattr(place, name, changes[name])
    place.save(update_fields=changed)
    # The new value may be somebody's own phone, so the trail only names the field.
    trail.record(
        "community.change_contact",
        actor=changed_by,
        community=place,
        target=place,
        after={"changed": changed},
    )
    return place


@transaction.atomic
def set_alone_limit(*, community: Community, fen: int, by: User) -> Community:
    """Set how much one of the staff may add alone, in fen in 30 days, to what is owed."""
    community = Community.objects.select_for_update(no_key=True).get(pk=community.pk)
    before = community.alone_limit_fen
    if before != fen:
        community.alone_limit_fen = fen
        community.save(update_fields=["alone_limit_fen"])
        trail.record(
            "community.set_alone_limit",
            actor=by,
            community=community,
            target=community,
            before={"alone_limit_fen": before},
            after={"alone_limit_fen": fen},
        )
    return community


@transaction.atomic
def make_join_code(*, community: Community, made_by: User) -> Community:
    """Make a fresh code to join by, for posters. The one before stops working."""
    community = Community.objects.select_for_update(no_key=True).get(pk=community.pk)
    community.join_code = new_code(JOIN_CODE_LENGTH)
    community.save(update_fields=["join_code"])
    trail.record("join_code.make", actor=made_by, community=community, target=community)
    return community


@transaction.atomic
def end_join_code(*, community: Community, ended_by: User) -> Community:
    """End the code, so that people ask to join. Idempotent."""
    community = Community.objects.select_for_update(no_key=True).get(pk=community.pk)
    if community.join_code is not None:
        community.join_code = None
        community.save(update_fields=["join_code"])
        trail.record("join_code.end", actor=ended_by, community=community, target=community)
    return community
