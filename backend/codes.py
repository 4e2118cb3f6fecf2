"""Codes that people read aloud, write on posters and type."""

import io
import secrets
import unicodedata

from backend.text import bare, is_blank, is_dash

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none is mistaken for another; about 5 bits each
_LETTERS = frozenset(ALPHABET)


def new_code(length: int) -> str:
    """Return ``length`` random characters."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def as_made(typed: str) -> str:
    """Return the code that somebody typed or pasted, in any case and width, with any blanks, dashes
    and dots between its characters, and any punctuation around it.

    Characters that our alphabet leaves out stay as they are: 0 is not read as O, since neither is
    ever made, and what was meant (Q? D?) is anybody's guess.
    """
    if _LETTERS.issuperset(typed):  # as a camera reads it
        return typed
    letters = "".join(letter for letter in bare(typed).upper() if not _is_between(letter))
    return letters.strip("".join(filter(_is_punctuation, letters)))


def is_code(made: str, length: int) -> bool:
    """Tell whether we may have made ``made`` as a code of that length; else it is no guess."""
    return len(made) == length and _LETTERS.issuperset(made)


def is_digits(made: str) -> bool:
    """Tell whether ``made`` is one or more digits and nothing else."""
    return made.isascii() and made.isdigit()


def trimmed(signed: str) -> str:
    """Return a signed code without what was pasted around it; inside nothing is changed."""
    around = (sign for sign in set(signed) - set("-_") if is_blank(sign) or _is_punctuation(sign))
    return signed.strip("".join(around))


def picture(code: str, kind: str) -> bytes:
    """Return ``code`` as a QR code (ISO/IEC 18004) on white, ``svg`` or ``png``.

    A seventh of it may be dirty or torn; a long code, such as a signed one, is denser.
    """
    import segno

    drawn = io.BytesIO()
    segno.make_qr(code, error="m").save(drawn, kind=kind, scale=8, light="white")
    return drawn.getvalue()


def inline(code: str) -> str:
    """Return ``code`` as a QR code on white, to stand in a page: SVG that fills what it is in.

    A screen is not torn, so a long code has fewer and larger squares than on paper.
    """
    import segno

    return str(segno.make_qr(code, error="l").svg_inline(omitsize=True, light="white"))


def _is_punctuation(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "PS"


def _is_between(letter: str) -> bool:
    return is_dash(letter) or letter in ".·•・‧。、,"
