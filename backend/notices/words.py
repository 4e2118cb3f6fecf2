"""The words of a notice, made when it is read or sent, in the active language."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from backend.notices import kinds
from backend.notices.models import Notice


def words(notice: Notice) -> tuple[str, str]:
    """Return ``(title, body)`` of ``notice`` in the active language."""
    kind = kinds.registered[notice.kind]
    return str(kind.title), str(kind.body) % told(notice.facts)


def told(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts as words name them; a moment is told in the community's time zone."""
    if "starts_at" not in facts:
        return dict(facts)
    moment = datetime.fromisoformat(facts["starts_at"]).astimezone(ZoneInfo(facts["timezone"]))
    return {**facts, "begins": f"{moment:%Y-%m-%d %H:%M}"}
