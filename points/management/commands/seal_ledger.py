"""``manage.py seal_ledger [--community CODE]``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from backend.communities.command import add_community, chosen_communities
from points.seals.selectors import places
from points.seals.services import sealing


class Command(BaseCommand):
    """Command that seals now what the task would seal within minutes: before handing out heads."""

    help = "Seal what is on record and is not sealed yet, and print the head of each community."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_community(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        for community in chosen_communities(options, places()):
            rows = seals = 0
            head = None
            for seal in sealing.close_batches(community=community):
                rows, seals = rows + seal.size, seals + 1
                head = f"{seal.number} {seal.head.hex()}"
            self.stdout.write(f"{community.code}: {rows} rows, {seals} seals")
            if head:
                self.stdout.write(head)
