"""What people write, as it is compared: whatever their keyboard, clipboard or font put in."""

import unicodedata

# What shows nothing and is in no category of its own: fillers, and the joiner of combining marks.
_SHOWS_NOTHING = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# Strokes that are typed for a dash, beside the category Pd: _ ー − ⁃ ─ ━ ╌
_STROKES = frozenset("_\u30fc\u2212\u2043\u2500\u2501\u254c")


def bare(text: str) -> str:
    """The text in NFKC (full-width forms made plain), without blanks and what shows nothing."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(character for character in plain if not is_blank(character))


def is_blank(character: str) -> bool:
    """Whether it is a blank or a line end, or shows nothing, like a byte order mark."""
    return (
        unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc", "Cf")
        or character in _SHOWS_NOTHING
        or "\ufe00" <= character <= "\ufe0f"  # variation selectors
        or "\U000e0100" <= character <= "\U000e01ef"
    )


def is_dash(character: str) -> bool:
    """Whether it is any of the dashes, or a stroke that is typed for one."""
    return unicodedata.category(character) == "Pd" or character in _STROKES
