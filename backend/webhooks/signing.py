"""Secrets and signatures. Source: the Standard Webhooks specification, symmetric ``v1``."""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook

SECRET_BYTES = 32


def new_secret() -> str:
    """Return a fresh secret as the specification writes them; the package can not make one."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(
    message_id: str, sent_at: datetime, body: str, secrets_in_use: Sequence[str]
) -> dict[str, str]:
    """Return the headers that go with ``body``; ``sent_at`` is in UTC.

    Each secret signs: while one replaces another, a receiver may know either.
    """
    signatures = (Webhook(secret).sign(message_id, sent_at, body) for secret in secrets_in_use)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
