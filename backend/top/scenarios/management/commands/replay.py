"""``manage.py replay DIR [--community CODE]``"""

from argparse import ArgumentParser
from itertools import chain, count
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_slug
from tqdm import tqdm

from backend.communities.models import Community
from backend.imports.errors import TableError
from backend.top.scenarios.replay import Comparison, Replay, ScenarioError, compare

DIFFERENCES_SHOWN = 20


def fresh_code(name: str) -> str:
    """Return ``name``, or the first of ``name-2``, ``name-3``, … that is no community yet."""
    numbered = (f"{name}-{number}" for number in count(2))
    return next(
        code for code in chain([name], numbered) if not Community.objects.filter(code=code).exists()
    )


class Command(BaseCommand):
    """Command that plays a scenario into a fresh community and compares it with expected.json.

    Exit status 1 if any figure differs, or if the scenario can not be played; then nothing of it is
    kept.
    """

    help = "Play a scenario through the services, and compare with its expected.json."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument(
            "--community",
            metavar="CODE",
            help="the fresh community's code (else the folder's name, numbered if it is taken)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"].resolve()
        try:
            code = options["community"] or fresh_code(folder.name)
            validate_slug(code)
            replay = Replay(
                folder,
                code=code,
                tell=self.stderr.write,
                # disable=None: no bar where standard error is not a terminal.
                watch=lambda events: iter(tqdm(events, unit=" events", disable=None)),
            )
            expected = replay.expected()
            self.stderr.write(f"Playing {folder.name} into the community {code}.")
            comparisons = compare(replay.play(), expected)
        except TableError as error:
            raise CommandError(f"{error.code}: {error.reason}") from error
        except (ScenarioError, ValueError) as error:
            raise CommandError(str(error)) from error
        self._print(comparisons)
        differing = [one.name for one in comparisons if one.agrees is False]
        if differing:
            raise CommandError(f"Not as expected: {', '.join(differing)}.")

    def _print(self, comparisons: list[Comparison]) -> None:
        marks = {True: "=", False: "≠", None: " "}
        for one in comparisons:
            line = f"{one.name:<20}  {one.ours:<40}  {one.expected:<40}  {marks[one.agrees]}"
            self.stdout.write(line.rstrip())
            for difference in one.differences[:DIFFERENCES_SHOWN]:
                self.stdout.write(f"    {difference}")
            if len(one.differences) > DIFFERENCES_SHOWN:
                self.stdout.write(f"    and {len(one.differences) - DIFFERENCES_SHOWN} more")
