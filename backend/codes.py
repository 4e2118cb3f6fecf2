"""Codes that people read aloud, write on posters and type."""

import secrets

from backend.written import bare, is_blank, is_dash

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none is mistaken for another; about 5 bits each


def new_code(length: int) -> str:
    """So many random characters."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def as_made(typed: str) -> str:
    """The code that somebody typed or pasted: in whatever case and width, with any blanks, dashes
    and dots between its characters.

    What our alphabet leaves out stays as it is: 0 is not read as O, since neither is ever made, and
    what was meant (Q? D?) is anybody's guess.
    """
    return "".join(letter for letter in bare(typed).upper() if not _is_between(letter))


def is_code(made: str, length: int) -> bool:
    """Whether a code of that length can be made so: whatever else is typed is no guess at one."""
    return len(made) == length and set(made) <= set(ALPHABET)


def is_digits(made: str) -> bool:
    """Whether it is digits and nothing else, at least one."""
    return made.isascii() and made.isdigit()


def trimmed(signed: str) -> str:
    """A signed code without what stands around it when it is pasted; inside nothing is changed."""
    blanks = "".join(sign for sign in set(signed) if is_blank(sign))
    return signed.strip(blanks)


def _is_between(letter: str) -> bool:
    return is_dash(letter) or letter in ".·•・‧。、,"
