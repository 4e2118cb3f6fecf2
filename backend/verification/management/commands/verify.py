"""``manage.py verify [--community CODE] [--kind KIND] [--since-last] [--against FILE]``"""

import json
import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import translation

from backend.communities.command import add_community, chosen_communities
from backend.communities.models import Community
from backend.registries.checks import Finding
from backend.registries.heads import places
from backend.verification.errors import VerificationUnderWay
from backend.verification.models import EVERYTHING, KINDS, Verification
from backend.verification.services import running
from backend.verification.services.running import Checked


class Command(BaseCommand):
    """Command that verifies what points and money depend on, and names each row that is wrong.

    Exit status 1 if anything is found. Keeps what it finds, as a verification that somebody asked
    for does, and may run while people work.
    """

    help = "Verify the ledger, awards, settlements and guards, and name what is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_community(parser)
        parser.add_argument(
            "--kind", choices=[kind for kind, _ in KINDS], default=EVERYTHING, help="of what"
        )
        parser.add_argument(
            "--since-last",
            action="store_true",
            help="read what is new since the last verification (else everything)",
        )
        parser.add_argument(
            "--against",
            type=Path,
            metavar="FILE",
            help="heads of seals that were saved when they were published, as JSON",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        communities = chosen_communities(options, places())
        against = _published(options["against"]) if options["against"] else []
        if against and not options["community"] and any("community" not in one for one in against):
            raise CommandError("The heads do not say whose they are: give --community as well.")
        with translation.override("en"):
            found = [
                self._verify(community, options, against).findings_count
                for community in communities
            ]
        if any(found):
            raise CommandError(f"Not all is as it should be. Findings: {sum(found):,}.")
        self.stdout.write("Nothing was found: all that was checked holds.")
        if not against:
            self.stdout.write("Heads were not compared with published ones (--against FILE).")

    def _verify(
        self, community: Community, options: dict[str, Any], against: list[dict[str, Any]]
    ) -> Verification:
        self.stdout.write(f"{community.code} {community.name}")
        try:
            done = running.verify(
                community=community,
                kind=options["kind"],
                is_whole=not options["since_last"],
                against=against,
                says=self._say,
            )
        except VerificationUnderWay as refusal:
            raise CommandError(f"{community.code}: {refusal.title}") from None
        if done.started_at is None or done.finished_at is None:
            raise CommandError(f"{community.code}: it broke off ({done.reason}).")
        seconds = (done.finished_at - done.started_at).total_seconds()
        head = bytes(done.head).hex() if done.head else "none"
        self.stdout.write(f"  {done.status}, {seconds:.1f} s; seal {done.seal}, head {head}")
        return done

    def _say(self, told: Finding | Checked) -> None:
        if isinstance(told, Finding):
            self.stdout.write(f"  FOUND {told}")
        else:
            promise, rows, seconds = told.check.promise, told.rows, told.seconds
            self.stdout.write(f"  {told.check.name}: {promise} ({rows:,} rows, {seconds:.1f} s)")


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
