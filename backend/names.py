"""Names, shown as given and compared as people mean them."""

import unicodedata
from typing import Any

from django.db import models

from backend.text import bare, is_dash

COMPARED_LENGTH = 200  # NFKC makes up to 18 characters of one

# What keyboards and fonts have for the dot between the parts of 阿依古丽·买买提: · · • ‧ ∙ ⋅ ・ and
# some that only look like it. NFKC makes ･ and · of their like.
_DOTS = frozenset(
    "\u00b7\u0387\u119e\u2022\u2027\u2219\u22c5\u30fb\u25aa\u25cf\u25e6\u26ab\u2e31\ua78f\u16eb\u2981"
)
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»〝〞〟", '"') | dict.fromkeys("‘’‚‛‹›ʻʼʹ`", "'"))


def of_person(name: str) -> str:
    """Return a person's name for comparison: NFKC, in one case, without blanks and dots.

    王 明 is 王明, and 阿依古丽•买买提 is 阿依古丽·买买提 or 阿依古丽.买买提.
    """
    letters = (letter for letter in _folded(name) if letter not in "·.。")
    return "".join(letters)


def of_thing(name: str) -> str:
    """Return the name of a shop, activity, category or estate for comparison.

    Width, blanks and the kind of bracket, quote, dash or dot make no difference. A full stop does:
    1.5 小时 is not 15 小时. The result is cut, for no index takes a name without an end.
    """
    return "".join(map(_bracket, _folded(name)))[:COMPARED_LENGTH]


def is_one_person(name: str, other: str) -> bool:
    """Tell whether two names are one person's. An empty name is nobody's."""
    return of_person(name) == of_person(other) != ""


class ComparedField(models.CharField):  # type: ignore[type-arg]  # generic to mypy alone
    """The comparable form of the field ``of``, a thing's name; written whenever the row is.

    For unique constraints, and for looking up with ``of_thing``.
    """

    def __init__(self, *, of: str, **kwargs: Any) -> None:
        self.of = of
        super().__init__(**{"max_length": COMPARED_LENGTH, "editable": False} | kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs | {"of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        compared = of_thing(getattr(model_instance, self.of))
        setattr(model_instance, self.attname, compared)
        return compared


def _folded(name: str) -> str:
    """Return the name without blanks, in one case, with one kind of dash, dot and each quote."""
    return "".join(
        "·" if letter in _DOTS else "-" if is_dash(letter) else letter
        for letter in bare(name).casefold().translate(_QUOTES)
    )


def _bracket(letter: str) -> str:
    if letter == "<" or unicodedata.category(letter) == "Ps":
        return "("
    return ")" if letter == ">" or unicodedata.category(letter) == "Pe" else letter
