"""``manage.py appoint USERNAME --community CODE --role ROLE``"""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from backend.accounts import passwords
from backend.accounts.services.logins import open_login
from backend.communities.models import Community, Role
from backend.communities.services import places

ROLES = [role.value for role in Role if role != Role.VOLUNTEER]  # volunteers are enrolled


class Command(BaseCommand):
    """Gives somebody a role in a place and all below it, and a password to log in with."""

    help = "Appoint staff, a manager, an auditor or a team leader; asks for their password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", metavar="USERNAME")
        parser.add_argument("--name", required=True, help="as people call them")
        parser.add_argument("--community", required=True, metavar="CODE")
        parser.add_argument("--role", required=True, choices=ROLES)

    def handle(self, *args: Any, **options: Any) -> None:
        place = Community.objects.filter(code=options["community"]).first()
        if place is None:
            raise CommandError(f"There is no place with the code {options['community']}.")
        username = options["username"]
        try:
            password = passwords.ask(username)
            with transaction.atomic():
                user = open_login(username=username, name=options["name"], password=password)
                places.grant(user=user, community=place, role=Role(options["role"]))
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{user.name} ({username}) is {options['role']} of {place.name}.")
