"""Passwords asked for on the command line."""

import getpass
import sys

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from backend.accounts.models import User
from backend.accounts.services.logins import open_login


def login_asked_for(*, username: str, name: str) -> User:
    """Return the person who logs in as ``username``, with a password that is asked for now.

    Raises CommandError if it is weak or typed differently twice, or the username is not allowed.
    """
    try:
        return open_login(username=username, name=name, password=_ask(username))
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from error


def _ask(username: str) -> str:
    """Read the password: twice at a terminal, else the first line of standard input.

    Never from an argument, which others on the machine could read.
    """
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass(f"Password for {username}: ")
    if getpass.getpass("Again: ") != password:
        raise CommandError("The two passwords differ.")
    return password
