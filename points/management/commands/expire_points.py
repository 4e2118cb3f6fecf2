"""``manage.py expire_points --community CODE [--preview] [--on DATE]``"""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend import days
from backend.communities.command import add_place, chosen_place
from backend.communities.models import Community
from points.expiry import selectors
from points.expiry import services as expiry


class Command(BaseCommand):
    """Command that expires points as the hourly task does, or shows what a day will take."""

    help = "Expire the points whose day is over; with --preview, show what would expire."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_place(parser)
        parser.add_argument("--preview", action="store_true", help="write nothing")
        parser.add_argument(
            "--on",
            type=days.typed,
            metavar="DATE",
            help="with --preview: the day (the next on which anything expires)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        community = chosen_place(options)
        if options["preview"]:
            self._preview(community, options["on"])
        elif options["on"]:
            raise CommandError("--on is for --preview: what expires has its day already.")
        else:
            for expired in expiry.expire(community=community):
                self._sum_up(*expired)

    def _preview(self, community: Community, on: date | None) -> None:
        due = next(selectors.losing(community, community.today), None)
        day = on or (due.expires_on if due else selectors.next_expiry_day(community))
        if day is None:
            self.stdout.write("Nothing is to expire.")
            return
        for wallet in selectors.losing(community, day, since=day):
            self.stdout.write(f"{wallet.holder}: {wallet.points} of {wallet.available}")
        self._sum_up(*selectors.losses(community, day))

    def _sum_up(self, day: date, wallets: int, points: int) -> None:
        self.stdout.write(f"{day}: {points} points of {wallets} wallets")
