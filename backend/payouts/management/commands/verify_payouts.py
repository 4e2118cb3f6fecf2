"""``manage.py verify_payouts [--community CODE]``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.communities.command import add_community, chosen_communities
from backend.payouts import reconciling


class Command(BaseCommand):
    """Asks WeChat about every finished payout of the last 29 days, and names what differs.

    Exits with status 1 if anything differs. Writes nothing, and may run while people work.
    """

    help = "Prove that payouts ended as WeChat says, and that whoever paid by them heard of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_community(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        found = [
            f"{community.code}: {difference}"
            for community in chosen_communities(options)
            for difference in reconciling.differences(community)
        ]
        for difference in found:
            self.stdout.write(f"FOUND {difference}")
        if found:
            raise CommandError(f"Payouts are NOT as they should be. Findings: {len(found):,}.")
        self.stdout.write("Nothing was found: every payout ended as WeChat says.")
