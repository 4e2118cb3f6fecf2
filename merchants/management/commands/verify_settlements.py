"""``manage.py verify_settlements [--community CODE]``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.communities.command import add_community, chosen_communities
from merchants.settlement.models.statements import Statement
from merchants.settlement.services import proving


class Command(BaseCommand):
    """Recomputes every statement from its lines and the ledger, and names what differs.

    Exits with status 1 if anything differs. Writes nothing, and may run while people work.
    """

    help = "Prove that every settlement equals its lines and the ledger, to the point."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_community(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        findings = 0
        for community in chosen_communities(options):
            statements = Statement.objects.filter(community=community).count()
            self.stdout.write(f"{community.code} {community.name}: {statements:,} statements")
            for finding in proving.prove(community):
                findings += 1
                self.stdout.write(f"  FOUND {finding}")
        if findings:
            raise CommandError(f"Settlements are NOT as they should be. Findings: {findings:,}.")
        self.stdout.write("Nothing was found: every statement equals its lines and the ledger.")
