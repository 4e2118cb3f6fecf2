"""``manage.py demo_code manager``: the code that an authenticator app would show."""

import json
import time
from argparse import ArgumentParser
from typing import Any

from allauth.mfa.totp.internal import auth
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

PERIOD_SECONDS = 30  # RFC 6238, 5.2


class Command(BaseCommand):
    """Command that shows a demo person's second factor, good for half a minute."""

    help = "Show the code that somebody of the demo community logs in with, beside the password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", metavar="USERNAME")

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.HOME / "demo.json"
        users = json.loads(path.read_text())["users"] if path.exists() else []
        for user in users:
            if user["username"] == options["username"] and "totp_secret" in user:
                code = auth.hotp_value(user["totp_secret"], int(time.time()) // PERIOD_SECONDS)
                self.stdout.write(auth.format_hotp_value(code))
                return
        raise CommandError(f"{options['username']} needs no code, or there is no demo community.")
