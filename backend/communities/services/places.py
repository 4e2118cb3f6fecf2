"""Founding places, and changing how they are reached and joined."""

from collections.abc import Callable
from typing import Any, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import IntegrityError, transaction

from backend.accounts.models import User
from backend.audit import services as trail
from backend.codes import new_code
from backend.communities.errors import (
    PlaceCodeTaken,
    PlaceMisplaced,
    PlaceNameTaken,
    PlaceNotYours,
    TimezoneUnknown,
)
from backend.communities.models import Community
from backend.communities.selectors import MANAGES, places_where
from backend.locks import locked
from backend.names import of_thing
from backend.sql import constraint_of

# Nothing that is read for something else on a poster: no 0 and O, no 1, I and L.
JOIN_CODE_LENGTH = 8  # 31^8: not to be guessed at twenty tries an hour
CHINA = "Asia/Shanghai"
# The kinds of places that each kind stands in; None: in no other.
STANDS_IN = {
    Community.Kind.STREET: (None,),
    Community.Kind.COMMUNITY: (None, Community.Kind.STREET),
    Community.Kind.ESTATE: (Community.Kind.COMMUNITY,),
}


@transaction.atomic
def found(
    *,
    name: str,
    code: str = "",
    kind: Community.Kind = Community.Kind.COMMUNITY,
    parent: Community | None = None,
    timezone: str = "",
    founded_by: User | None = None,
    **facts: Any,
) -> Community:
    """Found a place; ``facts`` are other fields, such as its latitude, longitude and coord_type.

    A code is made for an estate without one. The clock is that of the place above, else China's.
    ``founded_by`` is None for a command. Raises PlaceNotYours, PlaceMisplaced, TimezoneUnknown,
    PlaceCodeTaken, PlaceNameTaken.
    """
    if founded_by is not None:
        require_right_to_found(founded_by, kind=kind, parent=parent)
    if (parent and parent.kind) not in STANDS_IN[kind]:
        raise PlaceMisplaced
    timezone = timezone or (parent.timezone if parent else CHINA)
    require_timezone(timezone)
    if parent is not None:
        _refuse_taken_name(parent, name)
    try:
        with transaction.atomic():
            place: Community = Community.objects.create(
                code=code or _code_below(parent),
                name=name,
                kind=kind,
                parent=parent,
                timezone=timezone,
                **facts,
            )
    except IntegrityError as error:
        _refuse_taken(error)
    if founded_by is not None:
        trail.record(
            "community.found",
            actor=founded_by,
            community=place,
            target=place,
            after=trail.facts_of(place, "kind", "code", "name"),
        )
    return place


def require_right_to_found(by: User, *, kind: Community.Kind, parent: Community | None) -> None:
    """Raise PlaceNotYours unless ``by`` may found a place of that kind there, and rename it."""
    if by.is_superuser and kind != Community.Kind.ESTATE:
        return
    manages = parent is not None and places_where(by, MANAGES).filter(pk=parent.pk).exists()
    if not manages:
        raise PlaceNotYours


def require_timezone(name: str) -> None:
    """Raise TimezoneUnknown unless it is an IANA name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # "Asia" is a folder
        raise TimezoneUnknown from None


@transaction.atomic
def rename(*, place: Community, name: str, by: User) -> Community:
    """Rename the place, by those who might found it. Raises PlaceNotYours, PlaceNameTaken."""
    require_right_to_found(by, kind=Community.Kind(place.kind), parent=place.parent)
    if place.parent is not None:
        _refuse_taken_name(place.parent, name, but=place)
    try:
        with transaction.atomic():
            return _change(
                "community.rename",
                place,
                by,
                {"name": name},
                lambda before: {"before": before, "after": {"name": name}},
            )
    except IntegrityError as error:
        _refuse_taken(error)


@transaction.atomic
def estate_named(*, community: Community, name: str) -> Community:
    """Return the estate 小区 of that name under ``community``, founded if it is new.

    Names that differ in width, blanks or brackets only are one estate.
    """
    estate: Community
    known = Community.objects.filter(parent=community)
    if not known.filter(name=name).exists() and (like := _named_like(community, name)):
        return like
    estate, _ = Community.objects.get_or_create(
        parent=community,
        name=name,
        defaults={
            "kind": Community.Kind.ESTATE,
            "code": _code_below(community),
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


def set_card_limit(*, community: Community, points: int, by: User) -> Community:
    """Set how many points the printed cards of one volunteer pay a day. Idempotent."""
    limit = {"card_limit_points": points}
    return _change(
        "community.set_card_limit",
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
    place = locked(place)
    now = {name: getattr(place, name) for name in changes}
    before = {name: value for name, value in now.items() if value != changes[name]}
    if before:
        for name in before:
            setattr(place, name, changes[name])
        place.save(update_fields=before.keys())
        trail.record(action, actor=by, community=place, target=place, **told(before))
    return place


def _named_like(parent: Community, name: str) -> Community | None:
    """Return the place below ``parent`` whose name is the same but for width or brackets."""
    for place in Community.objects.filter(parent=parent).order_by("pk"):
        if of_thing(place.name) == of_thing(name):
            found: Community = place
            return found
    return None


def _refuse_taken_name(parent: Community, name: str, but: Community | None = None) -> None:
    like = _named_like(parent, name)
    if like is not None and like != but:
        raise PlaceNameTaken


def _code_below(parent: Community | None) -> str:
    return f"{parent.code[:27] if parent else ''}-{Community().pk.hex[-12:]}"


def _refuse_taken(error: IntegrityError) -> NoReturn:
    """Raise the refusal for what the database says is taken, else the error as it is."""
    constraint = constraint_of(error) or ""
    if constraint == "community_name_among_siblings":
        raise PlaceNameTaken from None
    if "code" in constraint:
        raise PlaceCodeTaken from None
    raise error
