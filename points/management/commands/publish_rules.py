"""``manage.py publish_rules FILE --community CODE``"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend import days
from backend.communities.command import add_place, chosen_place
from backend.communities.models import Community
from points.rules import services as rules
from points.rules.errors import RuleInvalid


class Command(BaseCommand):
    """Command that publishes a community's or a street's rules; those in force already stay."""

    help = "Publish rules from a JSON file: service and reports, parameters by category."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        add_place(parser)
        parser.add_argument(
            "--valid-from",
            type=days.typed,
            metavar="DATE",
            help="the first day they count (today)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        place = chosen_place(options, Community.objects.all())
        try:
            written = json.loads(options["file"].read_bytes())
            versions = rules.publish_all(
                community=place, written=written, valid_from=options["valid_from"] or place.today
            )
        except (OSError, ValueError) as error:
            raise CommandError(f"{options['file']}: {error}") from error
        except RuleInvalid as error:
            raise CommandError(f"{error.code}: {error.facts}") from error
        for version in versions:
            self.stdout.write(
                f"{version.rule.subject} {version.rule.category}: version {version.number},"
                f" from {version.valid_from}"
            )
