"""``manage.py renew_voucher_key --community CODE [--withdraw]``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.communities.models import Community
from backend.communities.selectors import community_by_code
from merchants.redemption.services import voucher_tokens


class Command(BaseCommand):
    help = (
        "Make a new key for codes that counters take without signal. What older keys signed stays"
        " good, unless they are withdrawn, as when one may have got out."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--community", required=True, metavar="CODE")
        parser.add_argument("--withdraw", action="store_true", help="take nothing older any more")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            community = community_by_code(options["community"])
        except Community.DoesNotExist:
            raise CommandError(f"There is no community {options['community']!r}.") from None
        make = voucher_tokens.withdraw_keys if options["withdraw"] else voucher_tokens.make_key
        self.stdout.write(f"{make(community).kid} signs from now on.")
