"""WeChat Pay's messages are believed only if signed by it, lately, and for us."""

import base64
import json
import time

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.exceptions import ImproperlyConfigured

from backend.standins import wechatpay
from backend.standins.wechatpay import pem
from backend.wechat.errors import WeChatPayNotConfigured
from backend.wechat.pay import NotFromWeChatPay, OutcomeUnknown, Pay, configured

OURS, THEIRS, NEXT = (rsa.generate_private_key(65537, 2048) for _ in range(3))
KEY = b"k" * 32


def told(*, key=KEY, serial="PUB_KEY_ID_1", ago=0, signature=None, tamper=False, by=THEIRS):
    plain = json.dumps({"out_bill_no": "a1", "state": "SUCCESS"}).encode()
    sealed = AESGCM(key).encrypt(b"n" * 12, plain, b"mch_payment")
    resource = {"nonce": "n" * 12, "ciphertext": base64.b64encode(sealed).decode()}
    resource["associated_data"] = "mch_payment"
    raw = json.dumps({"id": "e1", "resource": resource}).encode()
    moment = str(int(time.time()) - ago)
    signed = by.sign(f"{moment}\nx\n".encode() + raw + b"\n", padding.PKCS1v15(), hashes.SHA256())
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


# --- while WeChat Pay's key changes ---------------------------------------------------------------
OLD, NEW = (
    f"{key_id}:{pem(key.public_key())}"
    for key_id, key in (("PUB_KEY_ID_1", THEIRS), ("PUB_KEY_ID_2", NEXT))
)


@pytest.fixture
def set_up(wechat_pay, settings):
    """Says which keys we know: ``set_up(NEW, OLD)``."""
    settings.WECHATPAY_API_V3_KEY = KEY.decode()

    def know(*keys):
        settings.WECHATPAY_PUBLIC_KEYS = ",".join(keys)
        return configured()

    return know


def is_believed(pay, **how):
    try:
        pay.callback(*told(**how))
    except NotFromWeChatPay:
        return False
    return True


BY_OLD, BY_NEW = {"serial": "PUB_KEY_ID_1"}, {"serial": "PUB_KEY_ID_2", "by": NEXT}


@pytest.mark.parametrize(
    ("known", "believed"),
    [
        ([OLD], [True, False]),  # the new one is not known yet
        ([NEW, OLD], [True, True]),
        ([OLD, f" {NEW}"], [True, True]),
        ([NEW], [False, True]),  # the old one was withdrawn
    ],
)
def test_the_serial_chooses_among_the_keys_that_we_know(set_up, known, believed):
    pay = set_up(*known)

    assert [is_believed(pay, **how) for how in (BY_OLD, BY_NEW)] == believed
    assert not is_believed(pay, serial="PUB_KEY_ID_3")


def test_a_key_signs_under_its_own_serial_alone(set_up):
    pay = set_up(NEW, OLD)

    assert not is_believed(pay, serial="PUB_KEY_ID_1", by=NEXT)
    assert not is_believed(pay, serial="PUB_KEY_ID_2", by=THEIRS)


def test_answers_may_be_signed_by_any_known_key_and_we_name_the_first(
    set_up, wechat_pay, monkeypatch
):
    monkeypatch.setattr(wechatpay, "PUBLIC_KEY_ID", "PUB_KEY_ID_2")
    monkeypatch.setattr(wechatpay, "THEIRS", NEXT)
    wechat_pay.bills["a1"] = {"out_bill_no": "a1", "state": "SUCCESS", "then": []}
    named = []

    def state_by(*keys):
        pay = set_up(*keys)
        pay.http.event_hooks["request"] = [
            lambda request: named.append(request.headers["Wechatpay-Serial"])
        ]
        try:
            return pay.query("a1")["state"]
        except OutcomeUnknown:
            return None

    told = [state_by(*keys) for keys in ([OLD], [OLD, NEW], [NEW, OLD], [NEW])]
    assert told == [None, "SUCCESS", "SUCCESS", "SUCCESS"]
    assert named == ["PUB_KEY_ID_1", "PUB_KEY_ID_1", "PUB_KEY_ID_2", "PUB_KEY_ID_2"]


@pytest.mark.parametrize("wrong", ["PUB_KEY_ID_1", pem(THEIRS.public_key()), f"{OLD},"])
def test_a_key_that_can_not_be_read_is_refused(set_up, wrong):
    with pytest.raises(ImproperlyConfigured, match="PUBLIC_KEYS"):
        set_up(wrong)


def test_without_any_key_it_is_not_set_up(set_up):
    with pytest.raises(WeChatPayNotConfigured):
        set_up()
