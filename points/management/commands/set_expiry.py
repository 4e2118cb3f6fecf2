"""``manage.py set_expiry KIND --community CODE``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend import days
from backend.communities.command import add_place, chosen_place
from backend.communities.models import Community
from points.expiry import services as expiry
from points.expiry.errors import ExpiryPolicyInvalid
from points.expiry.models import ExpiryPolicy


class Command(BaseCommand):
    """Command that sets how long points earned from a day on last; earlier ones keep their day."""

    help = "Set when points expire, in a community or in all below a street."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=ExpiryPolicy.Kind.values)
        add_place(parser)
        parser.add_argument("--months", type=int, help="with `months`: 1 to 120")
        parser.add_argument(
            "--at-least-days",
            type=int,
            default=expiry.AT_LEAST_DAYS,
            metavar="DAYS",
            help="how long what is posted late can be spent at least: 0 to 366 (%(default)s)",
        )
        parser.add_argument(
            "--valid-from",
            type=days.typed,
            metavar="DATE",
            help="what is earned from this day on (today)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        place = chosen_place(options, Community.objects.all())
        try:
            policy = expiry.set_policy(
                community=place,
                kind=options["kind"],
                months=options["months"],
                at_least_days=options["at_least_days"],
                valid_from=options["valid_from"] or place.today,
            )
        except ExpiryPolicyInvalid as error:
            raise CommandError(f"{error.code}: {error.facts}") from error
        self.stdout.write(f"{place.name}: {policy}")
