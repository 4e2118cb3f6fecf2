"""WeChat's message push 消息推送 in plain mode: what it tells our server, signed by a token.

The signature covers the token, the moment and a nonce, not the body, so what is told is believed
only where a forger gains nothing, as about what we asked ourselves by an id that nobody else knows.

WeChat tells an event up to three times, until it is answered with success. Whoever must hear of one
registers for it (``hear``), and has to know a repeat: an event has no id of its own, but comes from
one person at one moment.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings

OLD_AFTER_SECONDS = 300

Hearer = Callable[[Mapping[str, Any]], object]

hearers: dict[str, Hearer] = {}


def hear(event: str, hearer: Hearer) -> None:
    """Register who hears of ``event``. Raises ValueError if it has a hearer already."""
    if event in hearers:
        raise ValueError(f"This event of WeChat has a hearer already: {event}.")
    hearers[event] = hearer


def tell(told: object) -> None:
    """Tell an event to whoever hears of it. Anything else is nobody's."""
    event = told.get("Event") if isinstance(told, dict) else None
    if isinstance(told, dict) and isinstance(event, str) and event in hearers:
        hearers[event](told)


def signature_of(token: str, timestamp: str, nonce: str) -> str:
    """Return the signature that WeChat puts beside a moment and a nonce."""
    parts = "".join(sorted((token, timestamp, nonce)))
    return hashlib.sha1(parts.encode()).hexdigest()  # noqa: S324  # WeChat's choice


def is_from_wechat(query: Mapping[str, str]) -> bool:
    """Tell whether a call's query is signed by WeChat, and new."""
    timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
    if not settings.WECHAT_PUSH_TOKEN or not timestamp.isascii() or not timestamp.isdigit():
        return False
    if abs(time.time() - int(timestamp[:12])) > OLD_AFTER_SECONDS:
        return False
    expected = signature_of(settings.WECHAT_PUSH_TOKEN, timestamp, nonce)
    return hmac.compare_digest(expected.encode(), query.get("signature", "").encode())
