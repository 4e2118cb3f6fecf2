"""``manage.py verify_ledger [--community CODE] [--against FILE]``"""

import json
import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.communities.command import add_community, chosen_communities
from points.seals.selectors import places
from points.seals.services import verifying


class Command(BaseCommand):
    """Command that checks what docs/ledger.md says always holds, and names each row that breaks it.

    Exit status 1 if anything is found. Writes nothing but its findings, and may run while people
    work.
    """

    help = "Verify every transfer, total and seal of the ledger, and name what is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_community(parser)
        parser.add_argument(
            "--against",
            type=Path,
            metavar="FILE",
            help="heads of seals that were saved when they were published, as JSON",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        communities = chosen_communities(options, places())
        against = _published(options["against"]) if options["against"] else None
        if against and not options["community"] and any("community" not in one for one in against):
            raise CommandError("The heads do not say whose they are: give --community as well.")
        findings = 0
        for community in communities:
            self.stdout.write(f"{community.code} {community.name}")
            done = verifying.verify(community=community, against=against, tell=self._tell)
            findings += done.findings_count
            seconds = (done.finished_at - done.started_at).total_seconds()
            head = bytes(done.head).hex() if done.head else "none"
            self.stdout.write(
                f"  {done.transfers:,} transfers, {done.seals:,} seals, {seconds:.1f} s;"
                f" last head {head}"
            )
        if findings:
            raise CommandError(f"The ledger is NOT as it should be. Findings: {findings:,}.")
        self.stdout.write("Nothing was found: all that was checked holds.")
        if against is None:
            self.stdout.write("Heads were not compared with published ones (--against FILE).")

    def _tell(self, told: verifying.Finding | verifying.Checked) -> None:
        if isinstance(told, verifying.Finding):
            self.stdout.write(f"  FOUND {told}")
        else:
            self.stdout.write(
                f"  {told.check}: {told.promise} ({told.rows:,} rows, {told.seconds:.1f} s)"
            )


def _published(file: Path) -> list[dict[str, Any]]:
    try:
        heads = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise CommandError(f"{file}: {error}") from error
    if isinstance(heads, dict):
        heads = heads.get("results")  # a page as the API gives it
    if not isinstance(heads, list) or not heads or not all(map(_is_head, heads)):
        raise CommandError(f"{file}: not a list of heads, each with its number.")
    return heads


def _is_head(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and type(one.get("number")) is int
        and 0 < one["number"] < 2**63
        and isinstance(one.get("head"), str)
        and re.fullmatch("[0-9a-fA-F]{64}", one["head"]) is not None
    )
