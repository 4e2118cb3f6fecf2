"""What commands that look at one community or at all of them have in common."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db.models import QuerySet

from backend.communities.models import Community
from backend.communities.selectors import tenants


def add_community(parser: ArgumentParser) -> None:
    """The option ``--community CODE``, read by ``chosen_communities``."""
    parser.add_argument("--community", metavar="CODE", help="one community (else all of them)")


def chosen_communities(options: dict[str, Any]) -> QuerySet[Community]:
    """That one, or all of them, by code. Raises CommandError if there is none called so."""
    communities = tenants().order_by("code")
    if code := options["community"]:
        communities = communities.filter(code=code)
        if not communities:
            raise CommandError(f"There is no community with the code {code}.")
    return communities
