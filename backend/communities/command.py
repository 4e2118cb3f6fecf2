"""Arguments that commands share: names that are typed, and one community or all of them."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError
from django.db.models import QuerySet

from backend.communities.models import Community
from backend.communities.selectors import tenants
from backend.text import CharacterRefused, tidy

LONGEST = 60  # characters of a name, whosever it is


def words(text: str) -> str:
    """Read an argument that people read, at most 60 characters. Raises ArgumentTypeError."""
    try:
        tidied = tidy(text)
    except CharacterRefused as refused:
        raise ArgumentTypeError(f"{refused} may not stand in it.") from None
    if not 0 < len(tidied) <= LONGEST:
        raise ArgumentTypeError(f"It has 1 to {LONGEST} characters that are seen.")
    return tidied


def add_community(parser: ArgumentParser) -> None:
    """Add the option ``--community CODE``, read by ``chosen_communities``."""
    parser.add_argument("--community", metavar="CODE", help="one community (else all of them)")


def chosen_communities(
    options: dict[str, Any], among: QuerySet[Community] | None = None
) -> QuerySet[Community]:
    """Return the chosen one of ``among`` (else of all tenants), or all that are here, by code.

    Raises CommandError, also for one that has moved away.
    """
    communities = (tenants() if among is None else among).order_by("code")
    if not options["community"]:
        return communities.filter(moved_at__isnull=True)
    return communities.filter(pk=chosen_place(options, communities).pk)


def add_place(parser: ArgumentParser) -> None:
    """Add the required option ``--community CODE``, read by ``chosen_place``."""
    parser.add_argument("--community", required=True, metavar="CODE", help="in which one")


def chosen_place(options: dict[str, Any], among: QuerySet[Community] | None = None) -> Community:
    """Return the chosen one of ``among`` (else of all tenants).

    Raises CommandError, also for one that has moved away.
    """
    code, among = options["community"], tenants() if among is None else among
    if (place := among.filter(code=code).first()) is None:
        raise CommandError(f"There is no community with the code {code}.")
    if place.moved_at is not None:
        raise CommandError(f"{code} has moved to {place.moved_to}.")
    return place
