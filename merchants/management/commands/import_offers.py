"""``manage.py import_offers FILE --community CODE``"""

from typing import Any

from backend.communities.models import Community
from backend.imports.command import ImportCommand
from merchants.catalogue.sheets import OffersSheet


class Command(ImportCommand):
    """Takes the spreadsheet of offers."""

    help = "Import the spreadsheet of offers into one community."

    def sheet(self, community: Community, options: dict[str, Any]) -> OffersSheet:
        return OffersSheet(community)
