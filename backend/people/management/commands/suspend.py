"""``manage.py suspend USERNAME --community CODE --reason WORDS [--everywhere]``, or ``--lift``."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.accounts.models import User
from backend.communities.command import add_place, chosen_place, words
from backend.communities.models import Community
from backend.communities.selectors import suspensions_in_force
from backend.errors import Refusal
from backend.people.services import suspensions


class Command(BaseCommand):
    """Suspend a person as the operator, or lift what suspends them at a place."""

    help = "Suspend somebody from a street or community, or from their whole account."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", type=words, metavar="USERNAME")
        add_place(parser)
        parser.add_argument("--reason", default="", help="the person reads it")
        parser.add_argument("--everywhere", action="store_true", help="the whole account")
        parser.add_argument("--lift", action="store_true", help="lift what suspends them there")

    def handle(self, *args: Any, **options: Any) -> None:
        wide = Community.objects.exclude(kind=Community.Kind.ESTATE)
        place = chosen_place(options, wide)
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is nobody called {options['username']}.")
        if options["lift"]:
            for one in suspensions_in_force(user.pk).filter(community=place):
                suspensions.lift(suspension=one, by=None)
            self.stdout.write(f"{user.username} is not suspended at {place.name}.")
            return
        if not options["reason"].strip():
            raise CommandError("Say why: --reason.")
        try:
            suspensions.suspend(
                place=place,
                user=user,
                by=None,
                reason=options["reason"],
                is_everywhere=options["everywhere"],
            )
        except Refusal as refusal:
            raise CommandError(str(refusal.title)) from refusal
        self.stdout.write(f"{user.username} is suspended at {place.name}.")
