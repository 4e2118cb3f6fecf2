"""``manage.py distribute [--shards N]``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.cluster import services
from backend.cluster.errors import NotReady


class Command(BaseCommand):
    """Command that distributes a migrated database, empty or not, over its Citus cluster."""

    help = "Give every table its place on the Citus cluster: docs/scale.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--shards",
            type=int,
            default=services.SHARDS,
            metavar="N",
            help="as many nodes as the cluster can ever have (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = services.distribute(shards=options["shards"])
        except NotReady as refused:
            raise CommandError(str(refused)) from None
        told = ", ".join(f"{count} {what}" for what, count in done.items())
        self.stdout.write(f"Placed: {told}." if done else "Everything has its place already.")
