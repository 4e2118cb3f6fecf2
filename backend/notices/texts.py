"""The words of each kind of notice, made when it is read, in the reader's language.

Each app registers its own in a ``texts.py``.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.functional import Promise

from backend.notices.models import Notice

_words: dict[str, tuple[Promise | str, Promise | str]] = {}


def register(**kinds: tuple[Promise | str, Promise | str]) -> None:
    """Give each kind its title and body; the facts of a notice fill in the body.

    Raises ValueError if a kind has words already.
    """
    if twice := _words.keys() & kinds.keys():
        raise ValueError(f"These kinds of notice have words already: {twice}.")
    _words.update(kinds)


def words(notice: Notice) -> tuple[str, str]:
    """Return ``(title, body)`` of ``notice`` in the active language."""
    if notice.kind not in _words:
        raise ValueError(f"No words for a notice of kind {notice.kind!r}.")
    title, body = _words[notice.kind]
    return str(title), str(body) % _told(notice.facts)


def _told(facts: dict[str, Any]) -> dict[str, Any]:
    if "starts_at" not in facts:
        return facts
    moment = datetime.fromisoformat(facts["starts_at"]).astimezone(ZoneInfo(facts["timezone"]))
    return facts | {"begins": f"{moment:%Y-%m-%d %H:%M}"}
