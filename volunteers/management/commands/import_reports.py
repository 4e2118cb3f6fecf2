"""``manage.py import_reports FILE --community CODE [--handled-by USERNAME]``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, communities_where
from backend.imports.command import ImportCommand
from volunteers.reports.sheets import ReportsSheet


class Command(ImportCommand):
    """Imports the spreadsheet of reports; they stay open unless a handler is named."""

    help = "Import the spreadsheet of reports into one community."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--handled-by",
            metavar="USERNAME",
            help="staff who answers for the outcomes; closed reports earn their rewards at once",
        )

    def sheet(self, community: Community, options: dict[str, Any]) -> ReportsSheet:
        return ReportsSheet(community, handler=self._handler(community, options["handled_by"]))

    def _handler(self, community: Community, username: str | None) -> User | None:
        if username is None:
            return None
        user = User.objects.filter(username=username).first()
        if user is None or community not in communities_where(user, HANDLES):
            raise CommandError(
                gettext("%(username)s may not handle reports in %(community)s.")
                % {"username": username, "community": community}
            )
        return user
