"""``manage.py outbox [--community CODE] [--retry KIND]``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from backend.communities.command import add_community, chosen_communities
from backend.outbox import selectors, services
from backend.outbox.kinds import registered


class Command(BaseCommand):
    """Command that shows what is owed and what was given up, and retries the latter."""

    help = "Show by kind what is owed, since when the oldest, and what was given up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_community(parser)
        parser.add_argument("--retry", choices=sorted(registered), help="retry what was given up")

    def handle(self, *args: Any, **options: Any) -> None:
        communities = chosen_communities(options)
        if name := options["retry"]:
            places = list(communities) if registered[name].is_tenants else [None]
            count = sum(services.retry(name, community=one, by=None) for one in places)
            self.stdout.write(f"{name}: {count} owed anew")
        where = {"community__in": communities} if options["community"] else {}
        for told in selectors.figures(**where):
            since = f" since {told.oldest_at:%Y-%m-%d %H:%M:%S}Z" if told.oldest_at else ""
            self.stdout.write(f"{told.kind}: {told.owed} owed{since}, {told.given_up} given up")
