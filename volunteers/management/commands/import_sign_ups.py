"""``manage.py import_sign_ups FILE --community CODE``"""

from backend.imports.command import ImportCommand
from volunteers.attendance.sheets import SignUpsSheet


class Command(ImportCommand):
    help = "Import the spreadsheet of who is signed up for shifts into one community."
    kind = SignUpsSheet
