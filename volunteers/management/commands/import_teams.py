"""``manage.py import_teams FILE --community CODE``"""

from backend.imports.command import ImportCommand
from volunteers.teams.sheets import TeamsSheet


class Command(ImportCommand):
    help = "Import the spreadsheet of teams and their members into one community."
    kind = TeamsSheet
