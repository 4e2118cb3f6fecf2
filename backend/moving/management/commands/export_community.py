"""``manage.py export_community CODE FILE --to ADDRESS --key-file FILE``"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from backend.moving.command import add_key, key_in, refusals_told
from backend.moving.services.closing import community_called
from backend.moving.services.exporting import export


class Command(BaseCommand):
    """Command that closes a community and writes all of it into an encrypted file.

    Run again, it writes the same into another file. Source: docs/scale.md, "Moving a community".
    """

    help = "Close a community, which goes on elsewhere, and write all of it into a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", metavar="CODE", help="which community")
        parser.add_argument("file", metavar="FILE", type=Path, help="to be written")
        parser.add_argument(
            "--to",
            required=True,
            metavar="ADDRESS",
            help="where it goes on, such as https://points.example.org: refusals say so",
        )
        add_key(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with refusals_told():
            done = export(
                community=community_called(options["code"]),
                to=options["to"],
                file=options["file"],
                key=key_in(options["key_file"]),
            )
        for name in done.missing:
            self.stdout.write(f"MISSING {name}: a row names this file, and it is not stored.")
        self.stdout.write(
            f"Move {done.move}: {done.rows:,} rows and {done.files:,} files."
            f" {options['code']} is closed here."
        )
