"""WeChat's message push 消息推送 in plain mode: what it tells our server, signed by a token.

The signature covers the token, the moment and a nonce, not the body, so what is told is believed
only about what we asked ourselves, by an id that nobody else knows.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping

from django.conf import settings

OLD_AFTER_SECONDS = 300


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
