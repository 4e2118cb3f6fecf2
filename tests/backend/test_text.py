"""Invisible characters in text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.text import CharacterRefused, tidy

REMOVED = [
    *"\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2063",
    *"\u3164\ufe00\ufe0f\ufeff\uffa0\U000e0100\U000e01ef",
]
REFUSED = [
    *"\x00\x07\x0b\x1b\x7f\x80\x9f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u206a\u206f",
    *"\ue000\ue863\uf8ff\U000f0000\U0010fffd\ud800\udfff\ufdd0\ufffe\uffff\ufff9\ufffb\ufffd\u0378",
    *"\U000e0001\U000e0041\U000e007f\U0001d173\U0001bca0",
]
KEPT = {
    "王小明": "Chinese",
    "䶮𬭩𠮷": "Chinese, rare and beyond the basic plane",
    "\U00031350\U0002ebf0": "Chinese, newer than Python's tables",
    "葛\U000e0100": "an ideograph's drawn form",
    "阿依古丽·买买提": "a Uyghur name in Chinese",
    "ئايگۈل مۇھەممەت": "a Uyghur name",
    "بىر\u200cنىڭ": "letters that are kept from joining",
    "བཀྲ་ཤིས་": "Tibetan",
    "ᠮᠣᠩᠭᠣᠯ\u180eᠠ ᠪ\u180bᠠ": "Mongolian with its vowel separator and a selector",
    "क्\u200dष": "a conjunct of Devanagari",
    "Zoë Ñandú": "accents",
    "👨\u200d👩\u200d👧\u200d👦": "a family",
    "👩🏽\u200d⚕\ufe0f": "a doctor",
    "🏳\ufe0f\u200d🌈 ❤\ufe0f 1\ufe0f\u20e3 ㊙\ufe0f": "pictures of other signs",
    "🇨🇳 🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f": "flags",
    "\U0001fae9": "an emoji newer than Python's tables",
    "“…” ①②③ ￥１２ ℃ ㎡": "signs",
}


@pytest.mark.parametrize("character", REMOVED, ids=ascii)
def test_a_harmless_one_is_removed_wherever_it_stands(character):
    assert tidy(f"{character}a{character * 2}b {character}") == "ab"


@pytest.mark.parametrize("character", REMOVED, ids=ascii)
def test_a_text_of_nothing_else_is_empty(character):
    assert tidy(f" {character}\u3000{character * 3}") == ""


@pytest.mark.parametrize("character", REFUSED, ids=ascii)
@pytest.mark.parametrize("lines", [False, True])
def test_one_that_deceives_or_is_broken_is_refused_by_name(character, lines):
    with pytest.raises(CharacterRefused, match=rf"U\+{ord(character):04X}"):
        tidy(f"王{character}小明", lines=lines)


def test_the_name_is_told_where_there_is_one():
    with pytest.raises(CharacterRefused) as refused:
        tidy("a\u202eb")

    assert str(refused.value) == "U+202E (RIGHT-TO-LEFT OVERRIDE)"


@pytest.mark.parametrize("text", KEPT, ids=KEPT.values())
def test_what_a_script_or_a_picture_needs_is_kept(text):
    assert tidy(text) == text


@pytest.mark.parametrize(
    "blank", ["", " ", "\u3000", "\u00a0\t\n", "\u2800", "\u0301", "\u2028\u200b"]
)
def test_blanks_and_accents_of_nothing_are_nothing(blank):
    assert tidy(blank) == tidy(blank, lines=True) == ""


def test_several_lines_end_alike():
    pasted = "\ufeff\n一\r\n二\r三\u2028四\u2029五\x85六\t七\n\u200b"

    assert tidy(pasted, lines=True) == "一\n二\n三\n四\n五\n六\t七"


@pytest.mark.parametrize("end", ["\n", "\r", "\t", "\x85", "\u2028", "\u2029"])
def test_one_line_ends_where_the_text_does(end):
    assert tidy(f"{end}王小明\ufeff{end}") == "王小明"
    with pytest.raises(CharacterRefused, match=rf"U\+{ord(end):04X}"):
        tidy(f"王{end}小明")


def test_a_selector_is_taken_once():
    assert tidy("❤\ufe0f\ufe0f\ufe01葛\U000e0100\U000e0101") == "❤\ufe0f葛\U000e0100"


@given(st.text(st.sampled_from([*REMOVED, *"".join(KEPT), *" \t\n\u2028\u2800"])), st.booleans())
def test_what_was_tidied_stays_as_it_is(text, lines):
    try:
        tidied = tidy(text, lines=lines)
    except CharacterRefused:
        return
    assert tidy(tidied, lines=lines) == tidied
