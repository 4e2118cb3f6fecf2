"""Every field that the console shows or asks for has a label, in both languages."""

import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from django.urls import resolve
from django.utils.translation import override
from rest_framework import serializers

from backend.api.known import declared_by
from backend.top.calls import API
from backend.top.console import words
from backend.top.console.filters import NOT_OFFERED
from backend.top.console.pages import Page, all_pages
from backend.top.console.values import MARKS, field_at

SOMETHING = {"uuid": str(UUID(int=0)), "int": "1", "str": "lake", "slug": "lake"}
NAME = re.compile(r"<(\w+):\w+>|\{[^}]+\}")
METHODS = ("post", "put", "patch", "delete")


def view_at(address: str):
    """The view at a page's route or an action's address, whatever stands in it."""
    for kind in ("uuid", "str", "int"):
        filled = NAME.sub(lambda match, kind=kind: SOMETHING[match[1] or kind], address)
        try:
            return resolve(f"{API}{filled.partition('?')[0]}").func
        except Exception:  # noqa: S112  # another kind of name
            continue
    raise AssertionError(f"The API has no {address}.")


def inside(field) -> Iterator[str]:
    """The names that are drawn where a whole thing, or a list of things, is."""
    many = isinstance(field, serializers.ListSerializer)
    child = getattr(field, "child", None) or field
    fields = getattr(child, "fields", {})
    if fields and (many or not any(name in MARKS for name in fields)):
        for name, inner in fields.items():
            if name != "id":
                yield name
                yield from inside(inner)


def shown_by(page: Page) -> Iterator[str]:
    declared = declared_by(view_at(page.route), "GET")
    shape = page.shape() if page.shape else declared.answer if declared else None
    paths = [*page.columns, *(path for section in page.sections for path in section.fields)]
    if not paths and not page.template:  # a template of its own says which
        while isinstance(shape, serializers.ListSerializer):
            shape = shape.child
        paths = list(getattr(shape, "fields", ()))
    for path in paths:
        yield path.rpartition(".")[2]
        yield from inside(field_at(shape, path))
    known = declared.parameters - NOT_OFFERED if declared else ()
    yield from (known if page.filters is None else page.filters)


def asked_by(page: Page) -> Iterator[str]:
    for action in page.actions:
        declared = declared_by(view_at(action.address), action.method.upper())
        for reader in declared.bodies.values() if declared else ():
            child = getattr(reader, "child", reader)
            for name, field in getattr(child, "fields", {}).items():
                left_out = action.fields is not None and name not in action.fields
                if not (field.read_only or left_out or name in action.fixed or name == action.many):
                    yield name
                    yield from inside(field)


@pytest.mark.parametrize("what", [shown_by, asked_by])
def test_every_field_of_a_page_has_a_label(what):
    missing = {
        (name, page.route)
        for page in all_pages().values()
        for name in what(page)
        if name not in words.WORDS
    }

    assert not missing


def test_every_label_is_translated():
    with override("zh-hans"):
        named = {**words.WORDS, **words.WRITTEN, **words.PATHS}
        bare = {name for name, label in named.items() if str(label).isascii()}

    assert bare <= words.SAME_IN_BOTH
