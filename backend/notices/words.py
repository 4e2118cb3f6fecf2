"""The words of a notice, made when it is read or sent, in the active language.

A text is the catalogue's, or the one that the community has put in its place (wording.py). Both
name facts as ``{activity}``. Nothing else in a text is looked up, so whoever words one reads no
more than the facts of the notice.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import get_language

from backend.notices import kinds
from backend.notices.models import Message, Notice, NoticeText

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


class Text(NamedTuple):
    """The title and the body of a kind of notice in one language, with placeholders."""

    title: str
    body: str

    def filled(self, facts: Mapping[str, Any]) -> "Text":
        """Return the words for these facts. Raises KeyError if one is missing."""
        return Text(*(filled(part, facts) for part in self))


def filled(text: str, facts: Mapping[str, Any]) -> str:
    """Return ``text`` with the facts that it names. Raises KeyError if one is missing."""
    return PLACEHOLDER.sub(lambda name: str(facts[name[1]]), text)


OwnTexts = Mapping[tuple[UUID, str], Text]  # by community and kind


def words(notice: Notice, own: OwnTexts | None = None) -> Text:
    """Return title and body of ``notice`` in the active language.

    ``own`` are the texts of its community, which are read here if they are left out: whoever words
    many notices reads them once, by ``own_texts``.
    """
    if own is None:
        own = own_texts([notice.community_id])
    text = own.get((notice.community_id, notice.kind)) or default_text(notice.kind)
    return text.filled(told(notice.facts))


def in_brief(notice: Notice) -> str:
    """Return what staff read of a notice that could not be told: its kind, and for whom, masked."""
    return f"{default_text(notice.kind).title} · {notice.recipient.masked_name}"


def message_in_brief(message: Message) -> str:
    """Return what staff read of a message that could not be sent: its notice, and by what way."""
    return f"{in_brief(message.notice)} · {message.get_channel_display()}"


def own_texts(communities: Iterable[UUID]) -> OwnTexts:
    """Return the texts in the active language that these communities have put in place."""
    texts = NoticeText.objects.filter(community__in=set(communities), language=get_language())
    return {
        (text.community_id, text.kind): Text(text.title, text.body)
        for text in texts.exclude(title="")
    }


def default_text(kind: str) -> Text:
    """Return the catalogue's text of a kind in the active language."""
    registered, names = kinds.registered[kind], _Braces()
    return Text(str(registered.title) % names, str(registered.body) % names)


def placeholders(kind: str) -> list[str]:
    """Return the names of the facts that the catalogue's text of a kind tells."""
    return sorted(set(PLACEHOLDER.findall(" ".join(default_text(kind)))))


def told(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts as words name them; a moment is told in the community's time zone."""
    if "starts_at" not in facts:
        return dict(facts)
    moment = datetime.fromisoformat(facts["starts_at"]).astimezone(ZoneInfo(facts["timezone"]))
    return {**facts, "begins": f"{moment:%Y-%m-%d %H:%M}"}


class _Braces(dict[str, str]):
    """Facts that write ``%(activity)s``, as gettext's catalogue has it, as ``{activity}``."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"
