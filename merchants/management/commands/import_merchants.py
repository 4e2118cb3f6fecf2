"""``manage.py import_merchants FILE --community CODE``"""

from typing import Any

from backend.communities.models import Community
from backend.imports.command import ImportCommand
from merchants.partners.sheets import MerchantsSheet


class Command(ImportCommand):
    """Takes the spreadsheet of merchants."""

    help = "Import the spreadsheet of merchants into one community."

    def sheet(self, community: Community, options: dict[str, Any]) -> MerchantsSheet:
        return MerchantsSheet(community)
