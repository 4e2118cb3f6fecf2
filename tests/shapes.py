"""What decides whether a page keeps somebody out, for those who look at one page of each kind.

axe-core finds on a page what it would find on another whose elements have the same shapes: their
tags, classes and attributes, what they stand in, and whether words name them.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

WITHOUT_END = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr")
)
CONTROLS = frozenset(("input", "select", "textarea"))
UNSEEN = frozenset(("script", "style", "template"))
NAMING = ("alt", "aria-label", "title")
SAID = (
    "role",
    "type",
    "autocomplete",
    "scope",
    "tabindex",
)  # attributes whose value counts as well
ACTING = re.compile(r"<script[^>]*>| (?:data-|x-|@|:)[\w.:-]+")
TOLD_OF = ("aria-labelledby", "aria-describedby", "aria-controls", "for", "headers")


@dataclass
class Element:
    tag: str
    told: dict[str, str | None]
    above: "Element | None"
    after: str  # the heading before it
    is_named: bool = False

    @property
    def kind(self) -> tuple[str, ...]:
        return (self.tag, *sorted((self.told.get("class") or "").split()))


class Elements(HTMLParser):
    """The elements of a page, in their order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.all: list[Element] = []
        self._open: list[Element] = []
        self._heading = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs), self._open[-1] if self._open else None, "")
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            element.after, self._heading = self._heading, tag
        self.all.append(element)
        if tag not in WITHOUT_END:
            self._open.append(element)
        if any(element.told.get(name) for name in NAMING):
            element.is_named = True
            self._name()

    def handle_endtag(self, tag: str) -> None:
        for number in range(len(self._open) - 1, -1, -1):
            if self._open[number].tag == tag:
                del self._open[number:]
                return

    def handle_data(self, data: str) -> None:
        if data.strip():
            self._name()

    def _name(self) -> None:
        for element in self._open:
            element.is_named = True


def shapes(html: str) -> frozenset[Any]:
    """Return the shapes of a page's elements."""
    elements = [one for one in Elements(html).all if one.tag not in UNSEEN]
    ids = Counter(one.told["id"] for one in elements if "id" in one.told)
    labelled = {one.told.get("for") for one in elements if one.tag == "label"}
    return frozenset(
        (
            one.kind,
            one.above and one.above.kind,
            one.after,
            frozenset(one.told),
            tuple(one.told.get(name) for name in SAID),
            tuple(
                name
                for name in TOLD_OF
                if not set((one.told.get(name) or "").split()) <= ids.keys()
            ),
            one.is_named or (one.tag in CONTROLS and one.told.get("id") in labelled),
            ids[one.told.get("id")] > 1,
        )
        for one in elements
    )


def colour_of(shape: Any) -> tuple[Any, ...]:
    """Return the parts of a shape by which a style sheet knows it."""
    kind, above, _, told, said, *_ = shape
    return kind, above, told, said


def acting(html: str) -> frozenset[str]:
    """Return the scripts of a page, and the attributes by which they know what to do there."""
    return frozenset(ACTING.findall(html))


def one_of_each(pages: dict[Any, frozenset[Any]]) -> Iterator[Any]:
    """Yield pages until every shape was on one: always that which has the most new ones."""
    left: set[Any] = set().union(*pages.values())
    while left:
        richest = max(pages, key=lambda one: len(pages[one] & left))
        left -= pages[richest]
        yield richest
