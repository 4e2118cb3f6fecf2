"""``manage.py renew_voucher_key --community CODE [--withdraw]``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from backend.communities.command import add_place, chosen_place
from merchants.redemption.services import voucher_tokens


class Command(BaseCommand):
    help = (
        "Make a new key for codes that counters take without signal. What older keys signed stays"
        " good, unless they are withdrawn, as when one may have got out."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_place(parser)
        parser.add_argument("--withdraw", action="store_true", help="take nothing older any more")

    def handle(self, *args: Any, **options: Any) -> None:
        make = voucher_tokens.withdraw_keys if options["withdraw"] else voucher_tokens.make_key
        self.stdout.write(f"{make(chosen_place(options)).kid} signs from now on.")
