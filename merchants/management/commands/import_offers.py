"""``manage.py import_offers FILE --community CODE``"""

from backend.imports.command import ImportCommand
from merchants.catalogue.sheets import OffersSheet


class Command(ImportCommand):
    help = "Import the spreadsheet of offers into one community."
    kind = OffersSheet
