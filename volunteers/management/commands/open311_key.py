"""``manage.py open311_key NAME --community CODE``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.communities.command import words
from backend.communities.selectors import tenants
from volunteers.reports.services import open311


class Command(BaseCommand):
    """Make a key with which another system sends reports by Open311, and print it, this once."""

    help = "Make a key for a system that sends reports; an earlier one of that name ends."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", type=words, metavar="NAME", help="the system's")
        parser.add_argument("--community", required=True, metavar="CODE")

    def handle(self, *args: Any, **options: Any) -> None:
        community = tenants().filter(code=options["community"]).first()
        if community is None:
            raise CommandError(f"There is no community with the code {options['community']}.")
        self.stdout.write(open311.make_key(community=community, name=options["name"]))
