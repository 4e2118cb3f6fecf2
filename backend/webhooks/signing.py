"""Secrets and signatures. Source: the Standard Webhooks specification, symmetric ``v1``."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(
    *, message_id: str, sent_at: int, body: bytes, secrets_in_use: Sequence[str]
) -> dict[str, str]:
    """What goes with ``body``; ``sent_at`` in seconds since 1970.

    A signature for each secret: while one replaces another, a receiver may know either.
    """
    signed = f"{message_id}.{sent_at}.".encode() + body
    signatures = []
    for secret in secrets_in_use:
        key = base64.b64decode(secret.removeprefix(PREFIX))
        digest = hmac.new(key, signed, hashlib.sha256).digest()
        signatures.append("v1," + base64.b64encode(digest).decode())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(sent_at),
        "webhook-signature": " ".join(signatures),
    }
