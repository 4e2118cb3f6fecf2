"""Asking for a password on the command line."""

import getpass
import sys

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from backend.accounts.models import User
from backend.accounts.services.logins import open_login


def login_asked_for(*, username: str, name: str) -> User:
    """Return the person who logs in as ``username``, with a password that is asked for now.

    CommandError if it is weak, typed differently twice, or the username can not be one.
    """
    try:
        return open_login(username=username, name=name, password=_ask(username))
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error


def _ask(username: str) -> str:
    """Read the password: twice at a terminal, or else the first line of standard input.

    Never an argument: others on the machine could read it.
    """
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass(f"Password for {username}: ")
    if getpass.getpass("Again: ") != password:
        raise CommandError("The two passwords differ.")
    return password
