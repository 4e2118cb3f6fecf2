"""Values cut to what a field of a WeChat template may hold. Source: shared/WECHAT.md, section 1.

A field's name begins with its kind: ``thing3`` is a thing.
"""

import re
from collections.abc import Callable

HAN = "[\u4e00-\u9fff]"
_FIELD = re.compile(r"([a-z_]+)\d+")
_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")


def _thing(text: str) -> str:
    return (text if len(text) <= 20 else f"{text[:19]}…") or "—"


def _moment(text: str) -> str:
    return _DAY.sub(lambda day: f"{day[1]}年{int(day[2])}月{int(day[3])}日", text)


def _name(text: str) -> str:
    return _only(HAN, 10)(text) or _only("[A-Za-z .·'-]", 20)(text)


def _only(allowed: str, at_most: int) -> Callable[[str], str]:
    return lambda text: "".join(re.findall(allowed, text))[:at_most]


def _first(pattern: str) -> Callable[[str], str]:
    return lambda text: (re.search(pattern, text) or [""])[0]


_KINDS: dict[str, Callable[[str], str]] = {
    "thing": _thing,
    "time": _moment,
    "date": _moment,
    "name": _name,
    "number": _first(r"[0-9]{1,32}"),
    "letter": _only("[A-Za-z]", 32),
    "symbol": _only(r"[^\w\s]", 5),
    "character_string": _only(r"[\x20-\x7e]", 32),
    "amount": _first(r"[¥￥$€£]?[0-9]{1,10}(\.[0-9]+)?元?"),
    "phone_number": _only(r"[0-9+ ()-]", 17),
    "car_number": _only(f"{HAN}|[0-9A-Z]", 8),
    "phrase": _only(HAN, 5),
}


def is_field(name: str) -> bool:
    """Tell whether ``name`` is a field of a kind that we know."""
    found = _FIELD.fullmatch(name)
    return found is not None and found[1] in _KINDS


def fitted(field: str, text: str) -> str:
    """Return ``text`` in one line, without what ``field`` may not hold, and cut to its length.

    What is left may be empty: WeChat refuses that, but for a thing.
    """
    found = _FIELD.fullmatch(field)
    assert found is not None
    return _KINDS[found[1]](" ".join(text.split()))
