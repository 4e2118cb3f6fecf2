"""Text that people type or paste: its invisible characters, and those that change directions.

Unicode has characters for all scripts, and some that only control how others are shown. An
invisible one is treated in one of three ways, the first that fits:

- kept, where a script or a picture needs it: the joiners of Arabic, Mongolian and Indic letters and
  of emoji, a variation selector behind what it selects, the three flags that are written with tags;
- removed, where it is harmless and comes along with copying: a byte order mark, zero-width and
  soft-hyphen characters, marks of direction, Hangul fillers, joiners and selectors elsewhere;
- refused by name, where removing it would change what was meant, or it was meant to deceive: what
  overrides the direction of writing, controls, tags, private use, and characters that do not exist.

What is kept is as it was written: nothing is normalized here.
"""

import re
import unicodedata

from django.utils.translation import gettext_lazy as _

# Lines end in many ways; the reader sees the same.
_LINE_ENDS = re.compile("\r\n|[\r\x85\u2028\u2029]")
_BLANK_OF_BRAILLE = "\u2800"

_HARMLESS = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200b\u200e\u200f\u2060\u2061\u2062\u2063\u2064"
    "\u3164\ufeff\uffa0\ufffc\U0001d159"
)
_WITHOUT = str.maketrans(dict.fromkeys(_HARMLESS, "") | {_BLANK_OF_BRAILLE: " "})
_NAMELESS = {"\t": "TAB", "\n": "LINE FEED", "\r": "CARRIAGE RETURN", "\x85": "NEXT LINE"}
_SEEN_FORMATS = frozenset(  # signs under or around Arabic, Syriac and Kaithi numbers
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
_JOINERS = frozenset("\u200c\u200d")
_MONGOLIAN = frozenset("\u180b\u180c\u180d\u180e\u180f")  # its selectors and vowel separator
_EMOJI_MODIFIERS = range(0x1F3FB, 0x1F400)
# Written with tags behind a black flag: England, Scotland, Wales. There are no others.
_TAG = 0xE0000
_REGIONS = ("gbeng", "gbsct", "gbwls")
_TAGGED = ("".join(chr(_TAG + ord(letter)) for letter in region) for region in _REGIONS)
_FLAGS = re.compile("\U0001f3f4(?:{})\U000e007f".format("|".join(_TAGGED)))
# Characters are added each year, and Python knows those of some year: what it does not know is
# taken where only ideographs and emoji will ever stand. Both ends are included.
_TO_COME = ((0x20000, 0x2FFFD), (0x30000, 0x3FFFD), (0x1F000, 0x1FAFF))
# Letters that join, or that a joiner keeps from joining: Arabic to Tibetan and Myanmar, Khmer,
# Mongolian and its like, and what was added to them.
_JOINING = (
    (0x0600, 0x109F),
    (0x1780, 0x18AF),
    (0x1900, 0x1CFF),
    (0xA800, 0xABFF),
    (0xFB50, 0xFDFF),
    (0xFE70, 0xFEFC),
    (0x10A00, 0x11FFF),
    (0x1E900, 0x1E95F),
)
# Strokes that are typed for a dash, beside the category Pd: _ ~ ー − ⁃ ─ ━ ╌. NFKC makes ～ a ~.
_STROKES = frozenset("_~\u30fc\u2212\u2043\u2500\u2501\u254c")
_SPEAKING = "LNPS"  # letters, digits, punctuation, symbols: the rest needs one of them to be seen


class CharacterRefused(ValueError):
    """The error of the first ``character`` that is not allowed; its name goes into ``title``."""

    code = "character_refused"
    title = _("This may not hold the invisible or broken character {character}.")

    def __init__(self, character: str) -> None:
        super().__init__(name_of(character))
        self.character = character


def tidy(text: str, *, lines: bool = False) -> str:
    """Return ``text`` without invisible characters and blanks around it; empty if nothing is left.

    With ``lines`` it may have several, each ending in a newline, and tabs. Idempotent: a tidy text
    stays as it is. Raises CharacterRefused.
    """
    text = text.translate(_WITHOUT).strip()
    if lines:
        text = _LINE_ENDS.sub("\n", text)
    kept: list[str] = []
    end = 0
    for flag in _FLAGS.finditer(text):
        _take(text[end : flag.start()], kept, lines)
        kept.append(flag.group())
        end = flag.end()
    _take(text[end:], kept, lines)
    tidied = "".join(kept).strip()
    return tidied if any(map(_is_seen, tidied)) else ""


def is_tidy(text: str) -> bool:
    """Tell whether ``text`` is one line as ``tidy`` leaves it, and not empty."""
    try:
        return bool(text) and tidy(text) == text
    except CharacterRefused:
        return False


def is_blank(character: str) -> bool:
    """Tell whether it is a blank, a line end, or invisible by itself, like a byte order mark."""
    return (
        unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc", "Cf")
        or ord(character) in _WITHOUT
        or _selector(character) is not None
    )


def shows_nothing(text: str) -> bool:
    """Tell whether nothing of ``text`` is visible, also where ``tidy`` would refuse it."""
    return not any(map(_is_seen, text.translate(_WITHOUT)))


def bare(text: str) -> str:
    """Return the text in NFKC (full-width forms made plain), without blanks and invisible signs."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(character for character in plain if not is_blank(character))


def is_dash(character: str) -> bool:
    """Tell whether it is any of the dashes, or a stroke that is typed for one."""
    return unicodedata.category(character) == "Pd" or character in _STROKES


def name_of(character: str) -> str:
    """Return ``U+202E (RIGHT-TO-LEFT OVERRIDE)``, without the brackets if it has no name."""
    name = unicodedata.name(character, _NAMELESS.get(character, ""))
    return f"U+{ord(character):04X}" + (f" ({name})" if name else "")


def _take(text: str, kept: list[str], lines: bool) -> None:
    """Append the characters of ``text`` that stay to ``kept``, the text before it."""
    for at, character in enumerate(text):
        before = kept[-1][-1] if kept else ""
        if character in _JOINERS:
            if _joins(before, text[at + 1 : at + 2]):
                kept.append(character)
        elif character in _MONGOLIAN:
            if 0x1820 <= ord(before or "\0") <= 0x18AA:
                kept.append(character)
        elif (form := _selector(character)) is not None:
            if before and _has_forms(before, form):
                kept.append(character)
        elif _is_refused(character) and not (lines and character in "\t\n"):
            raise CharacterRefused(character)
        else:
            kept.append(character)


def _is_refused(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "Cf":
        return character not in _SEEN_FORMATS
    if category == "Cn":
        return not _within(_TO_COME, character)
    return (
        category in ("Cc", "Co", "Cs", "Zl", "Zp") or character == "\ufffd"
    )  # what stands for one that was lost


def _joins(before: str, after: str) -> bool:
    if not before or not after:
        return False
    if _is_joining(before) and _is_joining(after):
        return True
    is_picture = _is_picture(before) or before == "\ufe0f" or ord(before) in _EMOJI_MODIFIERS
    return is_picture and _is_picture(after)


def _is_joining(character: str) -> bool:
    return (
        _within(_JOINING, character)
        and unicodedata.category(character)[0] in "LM"
        and character not in _MONGOLIAN
    )


def _is_picture(character: str) -> bool:
    return unicodedata.category(character) == "So" or _within(_TO_COME[2:], character)


def _selector(character: str) -> int | None:
    """Return the number of the form that a variation selector asks for, from 1 on, or None."""
    if "\ufe00" <= character <= "\ufe0f":
        return ord(character) - 0xFE00 + 1
    if "\U000e0100" <= character <= "\U000e01ef":
        return ord(character) - 0xE0100 + 17
    return None


def _has_forms(character: str, form: int) -> bool:
    """Tell whether ``character`` has that form; signs may be text (15) or a picture (16)."""
    if form in (15, 16):
        return character == "\u2139" or unicodedata.category(character)[0] in "NPS"
    name = unicodedata.name(character, "")
    return name.startswith("CJK ") or _within(_TO_COME[:2], character)


def _within(ranges: tuple[tuple[int, int], ...], character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in ranges)


def _is_seen(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in _SPEAKING or (category == "Cn" and _within(_TO_COME, character))
