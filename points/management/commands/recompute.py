"""``manage.py recompute [--community CODE]``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.communities.command import add_community, chosen_communities
from points.awards.services.rederiving import Recomputation


class Command(BaseCommand):
    """Derives every award anew from its record, and lists each that differs.

    Exits with status 1 if any differs. Reads only, and may run while people work.
    """

    help = "Recompute every award from its source, and list what differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_community(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        differences = 0
        for community in chosen_communities(options):
            recomputation = Recomputation(community)
            for difference in recomputation:
                differences += 1
                self.stdout.write(f"{community.code}: {difference}")
            self.stdout.write(f"{community.code}: {recomputation.awards} awards looked at.")
        if differences:
            raise CommandError(f"Differences: {differences}.")
