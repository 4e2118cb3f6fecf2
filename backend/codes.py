"""Codes that people read aloud, write on posters and type."""

import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none is mistaken for another; about 5 bits each


def new_code(length: int) -> str:
    """So many random characters."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def as_made(typed: str) -> str:
    """The code that somebody typed, in whatever case, with spaces and hyphens or without."""
    return typed.upper().replace(" ", "").replace("-", "")
