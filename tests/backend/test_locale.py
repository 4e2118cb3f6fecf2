"""People read Chinese first: every text has its translation, and each fits what is put into it."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir, extract_python
from babel.messages.pofile import read_po
from django.utils import translation
from django.utils.translation.template import templatize

from backend.api.documents import all_labels
from backend.errors import Refusal

ROOT = Path(__file__).parents[2]
KEYWORDS = {"_": None, "gettext": None, "gettext_lazy": None}


def in_template(file, keywords, comment_tags, options):
    """Return the texts babel finds in a template, by the Python that Django makes of it."""
    python = BytesIO(templatize(file.read().decode()).encode())
    return extract_python(python, keywords, comment_tags, options)


@pytest.fixture(scope="module")
def written() -> set[str]:
    """Every text in the code that people read."""
    labels = {label["en"] for enum in all_labels() for label in enum["labels"]}
    return labels | {
        message
        for app in ("backend", "points", "volunteers", "merchants")
        for _, _, message, _, _ in extract_from_dir(
            str(ROOT / app),
            method_map=[("**.py", "python"), ("**.html", in_template)],
            keywords=KEYWORDS,
        )
    }


@pytest.fixture(scope="module")
def chinese() -> dict[str, str]:
    path = ROOT / "backend/locale/zh_Hans/LC_MESSAGES/django.po"
    with path.open("rb") as file:
        return {one.id: one.string for one in read_po(file) if one.id and not one.context}


def test_what_an_enum_calls_otherwise_is_one_of_its_labels():
    path = ROOT / "backend/locale/zh_Hans/LC_MESSAGES/django.po"
    with path.open("rb") as file:
        special = {(one.context, one.id): one.string for one in read_po(file) if one.context}
    labels = {
        (enum["name"], label["en"]): label["zh"]
        for enum in all_labels()
        for label in enum["labels"]
    }

    assert special
    assert special.items() <= labels.items()


def test_every_text_is_in_the_catalogue_and_nothing_else(written, chinese):
    assert written == set(chinese)
    assert [text for text, translated in chinese.items() if not translated.strip()] == []


def test_a_translation_takes_the_same_values(chinese):
    for text, translated in chinese.items():
        values = [sorted(re.findall(r"%\(\w+\)[sd]", one)) for one in (text, translated)]
        assert values[0] == values[1], text


def refusals(kind: type[Refusal] = Refusal) -> set[type[Refusal]]:
    return {kind}.union(*map(refusals, kind.__subclasses__()))


def test_every_refusal_has_a_code_of_its_own_and_says_so_in_both_languages():
    ours = ("backend", "points", "volunteers", "merchants")
    named = [
        refusal
        for refusal in refusals()
        if "code" in vars(refusal) and refusal.__module__.startswith(ours)
    ]

    assert len({refusal.code for refusal in named}) == len(named) > 30
    for refusal in named:
        with translation.override("zh-hans"):
            assert re.search("[\u4e00-\u9fff]", str(refusal.title)), refusal
        with translation.override("en"):
            assert str(refusal.title).isascii(), refusal
