"""``manage.py import_hours FILE --community CODE [--verified-by USERNAME]``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, communities_where
from backend.imports.command import ImportCommand
from volunteers.attendance.sheets import HoursSheet


class Command(ImportCommand):
    """Imports the spreadsheet of hours; they await verification unless a verifier is named."""

    help = "Import the spreadsheet of hours into one community."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--verified-by",
            metavar="USERNAME",
            help="staff who answers for these hours; they earn their points at once",
        )

    def sheet(self, community: Community, options: dict[str, Any]) -> HoursSheet:
        return HoursSheet(community, verifier=self._verifier(community, options["verified_by"]))

    def _verifier(self, community: Community, username: str | None) -> User | None:
        if username is None:
            return None
        user = User.objects.filter(username=username).first()
        if user is None or community not in communities_where(user, HANDLES):
            raise CommandError(
                gettext("%(username)s may not verify hours in %(community)s.")
                % {"username": username, "community": community}
            )
        return user
