"""Printed text can be read by a PDF reader that has no fonts of its own."""

import io
import re
import sys
import unicodedata
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from pypdf import PdfReader

from backend.files import printing
from tests.long import IS_LONG

STATEMENT = Path("merchants/templates/merchants/statement.typ").resolve()
SPELLED_OUT = re.compile(r"\[U\+([0-9A-F]{4,6})\]")


@cache
def points():
    """All assigned code points, and one in a thousand of the private and unassigned ones."""
    return [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if (category := unicodedata.category(character)) != "Cs"
        and (category not in ("Cn", "Co") or ord(character) % 1_000 == 0)
    ]


def printed(*texts):
    """A statement's page with ``texts`` as the titles of its lines."""
    said = {
        "title": "结算单",
        "language": "zh",
        "facts": [],
        "header": ["时间", "事由", "编号", "商品", "件数", "积分", "金额"],
        "lines": [["", "", "", text, "", "", ""] for text in texts],
        "services_title": "",
        "services_header": [],
        "services": [],
        "digest_title": "",
        "digest": "",
    }
    made = printing.pdf(STATEMENT, said, at=datetime(2024, 3, 1, 8, 0, 0, 7, tzinfo=UTC))
    return PdfReader(io.BytesIO(made))


def words_of(reader):
    return "".join("".join(page.extract_text() for page in reader.pages).split())


def fonts_of(reader):
    return {
        name: font
        for page in reader.pages
        for name, font in page["/Resources"]["/Font"].get_object().items()
    }


NAMES = [
    "王𬭩",
    "𠮷田",
    "赵䶮",
    "㛃鿍𫖮𪨰",
    "𰻝𰻝面",
    "Ғабит Қожахмет",
    "Nguyễn Đức Łukasz",
    "한글かなカナ",
    "①㈱㎏℃½",
    "=1+1 #emph[a] *b* $x$ @c <d> \\",
    "A" * 60,
]


@cache
def words_of_all_names():
    return words_of(printed(*NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stands_on_the_page_as_it_was_entered(name):
    assert "".join(name.split()) in words_of_all_names()


@pytest.mark.parametrize("name", ["ئابلىز مۇھەممەت", "עברית", "हिन्दी", "ไทย", "👨‍👩‍👧♥️"])
def test_a_script_that_joins_its_letters_is_drawn_with_a_font_of_its_own(name):
    assert printing.readable(name) == name
    drawn = {str(font.get_object()["/BaseFont"])[8:] for font in fonts_of(printed(name)).values()}

    assert drawn - {"NotoSansCJKsc-Regular-Identity-H", "NotoSans-Regular"}


SPELLED_NAMES = {
    "王\U0002cf00": "王[U+2CF00]",
    "བོད": "[U+0F56][U+0F7C][U+0F51]",
    "ᠮᠣᠩ": "[U+182E][U+1823][U+1829]",
    "王\ue000": "王[U+E000]",
    "茶\u202egpj": "茶[U+202E]gpj",
    "茶\u200b馆": "茶[U+200B]馆",
    "王\u0f72": "王[U+0F72]",
    "王\u0f72\u0301": "王[U+0F72][U+0301]",
    "\u0f72": "[U+0F72]",
    "\U0010ffff": "[U+10FFFF]",
    "𝓦𝓪𝓷𝓰": "Wang",
    "𝟙𝟘": "10",
    "🅰\ufe0f𝔏𝔦": "🅰\ufe0fLi",
}


@cache
def words_of_all_spelled_names():
    """The words of one page, on which each name ends with a mark and its number."""
    return words_of(printed(*(f"{name}〉{n}号" for n, name in enumerate(SPELLED_NAMES))))


@pytest.mark.parametrize("name", SPELLED_NAMES)
def test_what_no_font_has_or_nobody_sees_is_spelled_out(name):
    shown = SPELLED_NAMES[name]
    assert printing.readable(name) == shown
    assert f"{shown}〉{list(SPELLED_NAMES).index(name)}号" in words_of_all_spelled_names()


@pytest.mark.slow
def test_every_character_there_is_has_a_glyph_or_is_spelled_out():
    fonts = [printing._drawn_by(family) for family in printing._files()]
    for character in points() if IS_LONG else points()[::7]:
        said = printing.readable(character)
        assert SPELLED_OUT.sub(lambda spelled: chr(int(spelled[1], 16)), said) in (
            unicodedata.normalize("NFC", character),
            unicodedata.normalize("NFKC", character),
        )
        left = SPELLED_OUT.sub("", said)
        assert any(set(map(ord, left)) <= font for font in fonts), said
        assert left in printing.JOINERS or unicodedata.category(left[0])[0] != "C"


@pytest.mark.slow
def test_every_character_that_has_a_glyph_is_drawn_with_a_font_that_is_embedded():
    drawn = [c for c in points() if printing.readable(c) == c]
    assert len(drawn) > 40_000
    some = drawn if IS_LONG else drawn[::24]  # of all scripts
    chunks = ["".join(some[i : i + 60]) for i in range(0, len(some), 60)]

    reader = printed(*chunks)  # one without a glyph would have been an error

    fonts = fonts_of(reader)
    assert len(fonts) > 10
    for font in fonts.values():
        (described,) = font.get_object()["/DescendantFonts"]
        descriptor = described.get_object()["/FontDescriptor"].get_object()
        assert {"/FontFile2", "/FontFile3"} & set(descriptor), font
        assert "/ToUnicode" in font.get_object()


@pytest.mark.slow
def test_ideographs_can_be_copied_from_the_page():
    named = [c for c in points() if unicodedata.name(c, "").startswith("CJK UNIFIED IDEOGRAPH")]
    drawn = [c for c in named if printing.readable(c) == c]
    assert {"龯", "䶮", "𠮷", "𬭩"} <= set(drawn)
    some = [*drawn[:: 9 if IS_LONG else 99], "龯", "䶮", "𠮷", "𬭩"]

    words = words_of(printed(*("".join(some[i : i + 60]) for i in range(0, len(some), 60))))

    assert set(some) <= set(words)


def test_what_does_not_change_is_the_same_file():
    texts = ["王𬭩", "ئابلىز"]

    assert printed(*texts).stream.getvalue() == printed(*texts).stream.getvalue()
