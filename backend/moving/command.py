"""What the commands of a move share: the key, and words for refusals."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import CommandError

from backend.moving.errors import MoveRefused


def add_key(parser: ArgumentParser) -> None:
    """Add the required option ``--key-file FILE``, read by ``key_in``."""
    parser.add_argument(
        "--key-file",
        required=True,
        type=Path,
        metavar="FILE",
        help="holds the key of the file; both sides have the same, and nobody else has it",
    )


def key_in(file: Path) -> str:
    """Return the key in a file. Raises CommandError."""
    try:
        return file.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise CommandError(f"{file}: {error}") from error


@contextmanager
def refusals_told() -> Iterator[None]:
    """Let a command end with the words of a refusal, or of what the system says of a file."""
    try:
        yield
    except (MoveRefused, OSError) as refusal:
        raise CommandError(str(refusal)) from refusal
