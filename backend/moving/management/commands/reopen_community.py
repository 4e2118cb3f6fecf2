"""``manage.py reopen_community CODE --brought-nowhere``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from backend.moving.command import refusals_told
from backend.moving.services.closing import community_called, stay


class Command(BaseCommand):
    """Command that opens a closed community again, because its file was brought nowhere.

    Nothing here can know that. If it was, two installations would go on with one ledger, and the
    chains of their seals part.
    """

    help = "Open a community again that export_community has closed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", metavar="CODE", help="which community")
        parser.add_argument(
            "--brought-nowhere",
            required=True,
            action="store_true",
            help="say that no other installation has it, and that its files are destroyed",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with refusals_told():
            stay(community=community_called(options["code"]))
        self.stdout.write(f"{options['code']} is open here.")
