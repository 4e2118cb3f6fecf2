"""``manage.py import_community FILE --key-file FILE [--apart ID]``"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from backend.moving.command import add_key, key_in, refusals_told
from backend.moving.services.importing import bring


class Command(BaseCommand):
    """Command that brings a community out of a file of ``export_community``.

    Everything or nothing; run again, it changes nothing. Source: docs/scale.md, "Moving a
    community".
    """

    help = "Bring a community out of a file of export_community, and verify it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        add_key(parser)
        parser.add_argument(
            "--apart",
            metavar="ID",
            type=UUID,
            action="append",
            default=[],
            help="somebody who is here by another record, and gets this as a second one",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with refusals_told():
            done = bring(
                file=options["file"],
                key=key_in(options["key_file"]),
                apart=options["apart"],
            )
        name = f"{done.community.code} {done.community.name}"
        if not done.is_new:
            self.stdout.write(f"{name} was brought before; nothing was changed.")
            return
        self.stdout.write(f"{name}: {done.rows:,} rows and {done.files:,} files. All of it holds.")
