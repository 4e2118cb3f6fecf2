"""WeChat Pay's messages are believed only if signed by it, lately, and for us."""

import base64
import json
import time

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backend.wechat.pay import NotFromWeChatPay, Pay

OURS, THEIRS = (rsa.generate_private_key(65537, 2048) for _ in range(2))
KEY = b"k" * 32


def told(*, key=KEY, serial="PUB_KEY_ID_1", ago=0, signature=None, tamper=False):
    plain = json.dumps({"out_bill_no": "a1", "state": "SUCCESS"}).encode()
    sealed = AESGCM(key).encrypt(b"n" * 12, plain, b"mch_payment")
    resource = {"nonce": "n" * 12, "ciphertext": base64.b64encode(sealed).decode()}
    resource["associated_data"] = "mch_payment"
    raw = json.dumps({"id": "e1", "resource": resource}).encode()
    moment = str(int(time.time()) - ago)
    signed = THEIRS.sign(
        f"{moment}\nx\n".encode() + raw + b"\n", padding.PKCS1v15(), hashes.SHA256()
    )
    names = ("Timestamp", "Nonce", "Signature", "Serial")
    values = (moment, "x", signature or base64.b64encode(signed).decode(), serial)
    headers = httpx.Headers({f"Wechatpay-{n}": v for n, v in zip(names, values, strict=True)})
    return headers, raw + b" " if tamper else raw


@pytest.fixture
def pay():
    keys = {"PUB_KEY_ID_1": THEIRS.public_key()}
    return Pay("1900000001", "5157", OURS, keys, KEY, httpx.Client(base_url="http://127.0.0.1:1"))


def test_a_signed_callback_is_opened(pay):
    assert pay.callback(*told()) == ("e1", {"out_bill_no": "a1", "state": "SUCCESS"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": b"o" * 32},
        {"serial": "PUB_KEY_ID_2"},
        {"ago": 400},
        {"ago": -400},
        {"signature": "WECHATPAY/SIGNTEST/abc"},
        {"tamper": True},
    ],
)
def test_any_other_is_not(pay, wrong):
    with pytest.raises(NotFromWeChatPay):
        pay.callback(*told(**wrong))
