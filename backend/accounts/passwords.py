"""Asking for a password on the command line."""

import getpass
import sys


def ask(username: str) -> str:
    """The password typed twice at a terminal, or else the first line of standard input.

    Never an argument: others on the machine could read it. ValueError if the two differ.
    """
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass(f"Password for {username}: ")
    if getpass.getpass("Again: ") != password:
        raise ValueError("The two passwords differ.")
    return password
