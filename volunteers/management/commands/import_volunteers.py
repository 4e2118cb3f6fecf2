"""``manage.py import_volunteers FILE --community CODE``"""

from typing import Any

from backend.communities.models import Community
from backend.imports.command import ImportCommand
from volunteers.people.sheets import VolunteersSheet


class Command(ImportCommand):
    """Import the spreadsheet of volunteers."""

    help = "Import the spreadsheet of volunteers into one community."

    def sheet(self, community: Community, options: dict[str, Any]) -> VolunteersSheet:
        return VolunteersSheet(community)
