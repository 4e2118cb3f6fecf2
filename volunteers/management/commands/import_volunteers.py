"""``manage.py import_volunteers FILE --community CODE``"""

from backend.imports.command import ImportCommand
from volunteers.people.sheets import VolunteersSheet


class Command(ImportCommand):
    help = "Import the spreadsheet of volunteers into one community."
    kind = VolunteersSheet
