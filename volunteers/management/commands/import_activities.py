"""``manage.py import_activities FILE --community CODE``"""

from backend.imports.command import ImportCommand
from volunteers.activities.sheets import ActivitiesSheet


class Command(ImportCommand):
    help = "Import the spreadsheet of activities and their shifts into one community."
    kind = ActivitiesSheet
