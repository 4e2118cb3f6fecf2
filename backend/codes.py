"""Codes that people read aloud, write on posters and type."""

import io
import secrets
import unicodedata

import segno

from backend.text import bare, is_blank, is_dash

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none is mistaken for another; about 5 bits each


def new_code(length: int) -> str:
    """So many random characters."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def as_made(typed: str) -> str:
    """The code that somebody typed or pasted: in whatever case and width, with any blanks, dashes
    and dots between its characters, and any punctuation around it.

    What our alphabet leaves out stays as it is: 0 is not read as O, since neither is ever made, and
    what was meant (Q? D?) is anybody's guess.
    """
    letters = "".join(letter for letter in bare(typed).upper() if not _is_between(letter))
    return letters.strip("".join(filter(_is_punctuation, letters)))


def is_code(made: str, length: int) -> bool:
    """Whether a code of that length can be made so: whatever else is typed is no guess at one."""
    return len(made) == length and set(made) <= set(ALPHABET)


def is_digits(made: str) -> bool:
    """Whether it is digits and nothing else, at least one."""
    return made.isascii() and made.isdigit()


def trimmed(signed: str) -> str:
    """A signed code without what stands around it when it is pasted; inside nothing is changed."""
    around = (sign for sign in set(signed) - set("-_") if is_blank(sign) or _is_punctuation(sign))
    return signed.strip("".join(around))


def picture(code: str, kind: str) -> bytes:
    """``code`` as a QR code (ISO/IEC 18004) on white, ``svg`` or ``png``.

    A seventh of it may be dirty or torn; what is long, such as a signed code, is denser.
    """
    drawn = io.BytesIO()
    segno.make_qr(code, error="m").save(drawn, kind=kind, scale=8, light="white")
    return drawn.getvalue()


def _is_punctuation(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "PS"


def _is_between(letter: str) -> bool:
    return is_dash(letter) or letter in ".·•・‧。、,"
