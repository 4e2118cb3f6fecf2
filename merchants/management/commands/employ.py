"""``manage.py employ USERNAME --community CODE --merchant NAME``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.accounts.passwords import login_asked_for
from backend.communities.command import words
from backend.communities.models import Community
from backend.names import of_thing
from merchants.partners.models.merchants import MerchantMember
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import partnerships as partners


class Command(BaseCommand):
    """Employs a clerk or owner of a merchant, and gives them a password to log in with."""

    help = "Employ a clerk, or name an owner, of a partner merchant; asks for their password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", type=words, metavar="USERNAME")
        parser.add_argument("--name", type=words, required=True, help="as people call them")
        parser.add_argument("--community", required=True, metavar="CODE")
        parser.add_argument("--merchant", type=words, required=True, metavar="NAME")
        parser.add_argument("--role", choices=MerchantMember.Role.values, default="clerk")

    def handle(self, *args: Any, **options: Any) -> None:
        partnership = (
            Partnership.objects.filter(
                community__in=Community.objects.filter(code=options["community"]),
                name_compared=of_thing(options["merchant"]),
            )
            .select_related("merchant")
            .first()
        )
        if partnership is None:
            raise CommandError(f"{options['merchant']} is no partner of {options['community']}.")
        username = options["username"]
        user = login_asked_for(username=username, name=options["name"])
        member = partners.employ(
            merchant=partnership.merchant, user=user, role=MerchantMember.Role(options["role"])
        )
        self.stdout.write(f"{user.name} ({username}) is {member.role} of {partnership.name}.")
