"""``manage.py publish_rules FILE --community CODE``"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend import days
from backend.communities.models import Community
from points.rules import services as rules
from points.rules.errors import RuleInvalid


class Command(BaseCommand):
    """Publishes a community's or a street's rules; what is in force already stays as it is."""

    help = "Publish rules from a JSON file: service and reports, parameters by category."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--community", required=True, metavar="CODE")
        parser.add_argument(
            "--valid-from",
            type=days.typed,
            metavar="DATE",
            help="the first day they count (today)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        place = Community.objects.filter(code=options["community"]).first()
        if place is None:
            raise CommandError(f"There is no place with the code {options['community']}.")
        today = place.today
        try:
            written = json.loads(options["file"].read_bytes())
            versions = rules.publish_all(
                community=place, written=written, valid_from=options["valid_from"] or today
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
