"""Pages to print, as PDF, in which every character is readable wherever they are opened.

Typst sets them in fonts that are embedded. If no font of ours has a character, its plain form
stands for it, W for 𝓦, or its code point, ``[U+2CF00]``. PDF/A-2u is asked for, so that a box
instead of a character is an error. Each document is made by a process of its own (``python
backend/files/printing.py``), which gives the memory back: some 70 kB for each line of a table.
"""

import json
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

# The first that has a character draws it. The packages bring the files, under OFL 1.1.
CHINESE = Path(str(files("noto_cjk_sans_otc"))) / "NotoSansCJK-Regular.ttc"
OTHERS = Path(str(files("manimgx_fonts")))
CHINESE_FAMILY = "Noto Sans CJK SC"
LAST_FAMILY = "Noto Emoji"  # of the others, all of which are tried
JOINERS = "\u200c\u200d"  # part of how some scripts, and emoji, are written
SECONDS = 300  # for one document; the longest that are asked for take ten


def pdf(template: Path, said: dict[str, Any], *, at: datetime) -> bytes:
    """Return ``template`` with ``said``, which it gets as JSON in ``sys.inputs.said``, as a PDF.

    ``at`` is when the document says it was made: unchanged contents are the same file each time.
    """
    order = {"template": str(template), "said": said, "at": int(at.timestamp())}
    made = subprocess.run(
        [sys.executable, "-P", __file__],
        input=json.dumps(order).encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=SECONDS,
    )
    return made.stdout


def readable(text: str) -> str:
    """Return ``text`` with code points for characters that no font has, or that are invisible."""
    composed = unicodedata.normalize("NFC", text)
    if _usual() >= set(composed):
        return composed
    return "".join(map(_readable, _clusters(composed)))


def _clusters(text: str) -> Iterator[str]:
    """Yield ``text`` in pieces that one font has to draw: a character with its marks."""
    piece = ""
    for character in text:
        is_carried = unicodedata.category(character)[0] == "M" or character in JOINERS
        if piece and not is_carried and piece[-1] != JOINERS[1]:
            yield piece
            piece = ""
        piece += character
    if piece:
        yield piece


def _readable(cluster: str) -> str:
    seen = [character for character in cluster if not _chooses_a_shape(character)]
    if seen and _is_drawn(seen) and not any(map(_is_unseen, seen)):
        return cluster
    first, carried = cluster[0], cluster[1:]
    return _alone(first) + "".join(map(_code_point, carried))


def _alone(character: str) -> str:
    """Return the character, else its plain form (𝓦 as W), else its code point."""
    for form in (character, unicodedata.normalize("NFKC", character)):
        if _is_drawn(list(form)) and not any(map(_is_unseen, form)):
            return form
    return _code_point(character)


def _is_drawn(characters: list[str]) -> bool:
    """Tell whether one of the fonts has all of ``characters``."""
    points = set(map(ord, characters))
    return any(points <= _drawn_by(family) for family in _files())


def _is_unseen(character: str) -> bool:
    """Tell whether a character is a control or invisible; joiners shape their neighbours."""
    if character in JOINERS:
        return False
    return unicodedata.category(character)[0] == "C" or character in "\u2028\u2029\u115f\u3164"


def _chooses_a_shape(character: str) -> bool:
    """Tell whether it is a variation selector; fonts that lack it draw the usual shape."""
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _code_point(character: str) -> str:
    return f"[U+{ord(character):04X}]"


@cache
def _usual() -> frozenset[str]:
    """Return the characters that the first font draws by themselves: all of most texts."""
    return frozenset(
        character
        for character in map(chr, _drawn_by(CHINESE_FAMILY))
        if unicodedata.category(character)[0] not in "CM"
        and not (_is_unseen(character) or _chooses_a_shape(character))
    )


@cache
def _files() -> dict[str, Path]:
    """Return the file of each font, by family, in the order in which fonts are tried."""
    from fontTools.ttLib import TTFont

    others = {}
    for path in OTHERS.glob("*.ttf"):
        with TTFont(path, lazy=True) as font:
            others[font["name"].getBestFamilyName()] = path
    families = sorted(others, key=lambda family: (family == LAST_FAMILY, family))
    return {CHINESE_FAMILY: CHINESE} | {family: others[family] for family in families}


@cache
def _drawn_by(family: str) -> frozenset[int]:
    """Return the characters of a font, each of which is read when a text first wants it."""
    from fontTools.ttLib import TTCollection, TTFont

    if family != CHINESE_FAMILY:
        with TTFont(_files()[family], lazy=True) as font:
            return frozenset(font.getBestCmap())
    with TTCollection(CHINESE, lazy=True) as fonts:
        named = (font for font in fonts if font["name"].getBestFamilyName() == CHINESE_FAMILY)
        return frozenset(next(named).getBestCmap())


def _all_readable(said: Any) -> Any:
    if isinstance(said, str):
        return readable(said)
    if isinstance(said, list):
        return [_all_readable(one) for one in said]
    if isinstance(said, dict):
        return {name: _all_readable(one) for name, one in said.items()}
    return said


def _set(order: dict[str, Any]) -> bytes:
    import typst

    fonts = typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[CHINESE.parent, OTHERS],
    )
    said = _all_readable(order["said"])
    said["fonts"] = list(_files())
    template = Path(order["template"])
    made = typst.Compiler(
        template, root=template.parent, font_paths=fonts, sys_inputs={"said": json.dumps(said)}
    ).compile(
        format="pdf",
        pdf_standards=["a-2u"],
        pdf_tags=False,  # they would be nine tenths of a long table
        timestamp=order["at"],
    )
    assert isinstance(made, bytes)
    return made


if __name__ == "__main__":
    sys.stdout.buffer.write(_set(json.load(sys.stdin)))
