"""What people write, as it is compared: whatever their keyboard, clipboard or font put in."""

import unicodedata

from backend.text import is_blank

# Strokes that are typed for a dash, beside the category Pd: _ ~ ー − ⁃ ─ ━ ╌. NFKC makes ～ a ~.
_STROKES = frozenset("_~\u30fc\u2212\u2043\u2500\u2501\u254c")


def bare(text: str) -> str:
    """The text in NFKC (full-width forms made plain), without blanks and what shows nothing."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(character for character in plain if not is_blank(character))


def is_dash(character: str) -> bool:
    """Whether it is any of the dashes, or a stroke that is typed for one."""
    return unicodedata.category(character) == "Pd" or character in _STROKES
