"""``manage.py import_merchants FILE --community CODE``"""

from backend.imports.command import ImportCommand
from merchants.partners.sheets import MerchantsSheet


class Command(ImportCommand):
    help = "Import the spreadsheet of merchants into one community."
    kind = MerchantsSheet
