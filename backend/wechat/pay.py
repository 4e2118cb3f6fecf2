"""WeChat Pay's merchant transfers 商家转账: signed calls, checked answers, opened callbacks.

What passes through here (openids, keys, who is paid what) is never logged. Source:
shared/WECHAT.md, section 2.
"""

import base64
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpx
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from backend.wechat.errors import WeChatPayNotConfigured

BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
SCHEME = "WECHATPAY2-SHA256-RSA2048"
OLD_AFTER_SECONDS = 300


class OutcomeUnknown(Exception):
    """The error of no trustworthy answer: query, or repeat with the same number and parameters.

    ``code`` is WeChat Pay's, if any; ``is_refusal`` means that it says it did not act this time.
    """

    def __init__(self, code: str = "", *, is_refusal: bool = False) -> None:
        super().__init__(code)
        self.code, self.is_refusal = code, is_refusal


class NotFromWeChatPay(Exception):
    """The error of a signature that is missing, wrong, too old, or by an unknown key."""


@dataclass(frozen=True)
class Pay:
    """Our merchant account. ``serial`` is our certificate's.

    ``platform_keys`` are WeChat Pay's, by serial: any of them may sign, and we name the first.
    """

    mch_id: str
    serial: str
    private_key: rsa.RSAPrivateKey
    platform_keys: dict[str, rsa.RSAPublicKey]
    api_v3_key: bytes
    http: httpx.Client  # kept, for the handshake is the dearest part of a call

    def create(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Make the bill, or get the one made before under its number. Raises OutcomeUnknown."""
        return self._call("POST", BILLS, json.dumps(parameters, ensure_ascii=False).encode())

    def query(self, out_bill_no: str) -> dict[str, Any]:
        """Return the bill as it is now. Raises OutcomeUnknown."""
        return self._call("GET", f"{BILLS}/out-bill-no/{out_bill_no}", b"")

    def cancel(self, out_bill_no: str) -> dict[str, Any]:
        """Ask to cancel the bill, which is done later: query it. Raises OutcomeUnknown."""
        return self._call("POST", f"{BILLS}/out-bill-no/{out_bill_no}/cancel", b"")

    def callback(self, headers: Mapping[str, str], raw: bytes) -> tuple[str, dict[str, Any]]:
        """Return a callback's id and contents. Raises NotFromWeChatPay."""
        self._verify(headers, raw)
        try:
            told = json.loads(raw)
            resource = told["resource"]
            plain = AESGCM(self.api_v3_key).decrypt(
                resource["nonce"].encode(),
                base64.b64decode(resource["ciphertext"]),
                (resource.get("associated_data") or "").encode(),
            )
            return str(told["id"]), dict(json.loads(plain))
        except (ValueError, KeyError, TypeError, AttributeError, InvalidTag) as error:
            raise NotFromWeChatPay from error

    def _call(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        try:
            answer = self.http.request(
                method, path, content=body, headers=self._headers(method, path, body)
            )
            if answer.status_code != 200:
                raise OutcomeUnknown(_code(answer), is_refusal=answer.is_client_error)
            self._verify(answer.headers, answer.content)
            return dict(answer.json())
        except (httpx.HTTPError, NotFromWeChatPay, ValueError, TypeError) as error:
            raise OutcomeUnknown from error

    def _headers(self, method: str, path: str, body: bytes) -> dict[str, str]:
        now, nonce = str(int(time.time())), secrets.token_hex(16)
        text = f"{method}\n{path}\n{now}\n{nonce}\n".encode() + body + b"\n"
        signed = self.private_key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        parts = {
            "mchid": self.mch_id,
            "nonce_str": nonce,
            "signature": base64.b64encode(signed).decode(),
            "timestamp": now,
            "serial_no": self.serial,
        }
        told = ",".join(f'{name}="{value}"' for name, value in parts.items())
        return {
            "Authorization": f"{SCHEME} {told}",
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Wechatpay-Serial": next(iter(self.platform_keys)),
        }

    def _verify(self, headers: Mapping[str, str], raw: bytes) -> None:
        try:
            key = self.platform_keys[headers["Wechatpay-Serial"]]
            moment, nonce = headers["Wechatpay-Timestamp"], headers["Wechatpay-Nonce"]
            if abs(time.time() - int(moment)) > OLD_AFTER_SECONDS:
                raise NotFromWeChatPay
            # A probe's "WECHATPAY/SIGNTEST/…" is no signature, and fails here like any other.
            signature = base64.b64decode(headers["Wechatpay-Signature"])
            text = f"{moment}\n{nonce}\n".encode() + raw + b"\n"
            key.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        except (KeyError, ValueError, InvalidSignature) as error:
            raise NotFromWeChatPay from error


def is_configured() -> bool:
    """Tell whether all settings that a transfer needs are there."""
    return bool(settings.WECHAT_APP_ID and settings.WECHATPAY_NOTIFY_URL) and all(_words().values())


def configured() -> Pay:
    """Return our merchant account from the environment. Raises WeChatPayNotConfigured."""
    if not is_configured():
        raise WeChatPayNotConfigured
    http = settings.WECHATPAY_API_BASE, settings.WECHATPAY_TIMEOUT_SECONDS
    return _account(*http, **_words())


def _words() -> dict[str, str]:
    """Return the account's settings by their names after WECHATPAY_."""
    names = ("MCH_ID", "SERIAL", "PRIVATE_KEY", "PUBLIC_KEYS", "API_V3_KEY")
    return {name: getattr(settings, f"WECHATPAY_{name}") for name in names}


@lru_cache(maxsize=1)  # reading a private key checks it, which takes longer than a call
def _account(base_url: str, timeout_seconds: float, **words: str) -> Pay:
    private = serialization.load_pem_private_key(words["PRIVATE_KEY"].encode(), password=None)
    assert isinstance(private, rsa.RSAPrivateKey)
    return Pay(
        mch_id=words["MCH_ID"],
        serial=words["SERIAL"],
        private_key=private,
        platform_keys=_public_keys(words["PUBLIC_KEYS"]),
        api_v3_key=words["API_V3_KEY"].encode(),
        http=httpx.Client(base_url=base_url, timeout=timeout_seconds),
    )


def _public_keys(words: str) -> dict[str, rsa.RSAPublicKey]:
    """Return the keys by their ids, of ``id:PEM`` with commas between."""
    keys = {}
    for one in words.split(","):
        key_id, _, pem = one.strip().partition(":")
        try:
            key = serialization.load_pem_public_key(pem.encode())
        except ValueError:
            raise ImproperlyConfigured("LINLI_WECHATPAY_PUBLIC_KEYS is not id:PEM,id:PEM") from None
        assert isinstance(key, rsa.RSAPublicKey)
        keys[key_id] = key
    return keys


def _code(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["code"])
    except (ValueError, KeyError, TypeError):
        return ""
