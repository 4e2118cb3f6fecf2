"""``manage.py setup_link``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from backend.accounts.services import operators


class Command(BaseCommand):
    """Show a link by which somebody becomes an operator, good once. One before ends unused."""

    help = "Make a link, good once, by which somebody becomes an operator of the installation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--first",
            action="store_true",
            help="only for an installation that has no operator and was shown no link",
        )
        parser.add_argument("--console", default="", metavar="URL", help="where the console is")

    def handle(self, *args: Any, **options: Any) -> None:
        is_first = options["first"]
        code = operators.first_setup_code() if is_first else operators.fresh_setup_code()
        if code is not None:
            self.stdout.write("Set this installation up, once and before anybody else does:")
            self.stdout.write(f"  {operators.link_to(code, options['console'])}")
        elif operators.is_without_operator():
            self.stdout.write("Nobody has set this installation up. The link was shown when it")
            self.stdout.write("started first; `manage.py setup_link` makes a new one.")
