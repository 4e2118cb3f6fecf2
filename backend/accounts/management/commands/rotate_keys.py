"""``manage.py rotate_keys``: encrypt anew, with the first of LINLI_FIELD_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand

from backend.accounts.services import keys


class Command(BaseCommand):
    help = (
        "Encrypts phone numbers, second factors, bank accounts, webhook secrets and voucher keys "
        "with the first of LINLI_FIELD_KEYS. It may be stopped and run again at any time; once it "
        "finds nothing left to do, the other keys can go (docs/people.md, “Changing keys”)."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        phones = keys.rotate_phones()
        second_factors = keys.rotate_second_factors()
        others = keys.rotate_columns()
        self.stdout.write(f"Phone numbers: {phones} encrypted anew.")
        self.stdout.write(f"Second factors: {second_factors} encrypted anew.")
        self.stdout.write(f"Bank accounts, webhook secrets and codes: {others} encrypted anew.")
