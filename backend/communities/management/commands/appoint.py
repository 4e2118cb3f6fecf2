"""``manage.py appoint USERNAME --community CODE --role ROLE``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.accounts.passwords import login_asked_for
from backend.communities.command import words
from backend.communities.errors import RoleConflict
from backend.communities.models import Community, Role
from backend.communities.services import roles

ROLES = [role.value for role in Role if role != Role.VOLUNTEER]  # volunteers are enrolled


class Command(BaseCommand):
    """Give somebody a role in a place and all below it, and a password to log in with."""

    help = "Appoint staff, a manager or an auditor; asks for their password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", type=words, metavar="USERNAME")
        parser.add_argument("--name", type=words, required=True, help="as people call them")
        parser.add_argument("--community", required=True, metavar="CODE")
        parser.add_argument("--role", required=True, choices=ROLES)

    def handle(self, *args: Any, **options: Any) -> None:
        place = Community.objects.filter(code=options["community"]).first()
        if place is None:
            raise CommandError(f"There is no place with the code {options['community']}.")
        username = options["username"]
        user = login_asked_for(username=username, name=options["name"])
        try:
            roles.grant(user=user, community=place, role=Role(options["role"]), granted_by=None)
        except RoleConflict as error:
            raise CommandError(str(error.title)) from error
        self.stdout.write(f"{user.name} ({username}) is {options['role']} of {place.name}.")
