"""``manage.py reset_authenticator USERNAME --loss lost``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.accounts.models import User
from backend.communities.command import words
from backend.errors import Refusal
from backend.people.models import Loss
from backend.people.services import authenticators


class Command(BaseCommand):
    """Remove the authenticator of somebody of the topmost place, as the operator."""

    help = "Remove somebody's lost authenticator; their log-ins end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", type=words, metavar="USERNAME")
        parser.add_argument("--loss", required=True, choices=Loss.values)

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is nobody called {options['username']}.")
        try:
            authenticators.reset(user=user, place=None, by=None, loss=Loss(options["loss"]))
        except Refusal as refusal:
            raise CommandError(str(refusal.title)) from refusal
        self.stdout.write(f"{user.username} sets up another authenticator at the next log-in.")
