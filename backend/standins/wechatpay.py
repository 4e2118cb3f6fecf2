"""A stand-in for WeChat Pay's merchant transfers. Source: shared/WECHAT.md, 2 and 3.

It checks our signature, signs every answer and keeps bills by number. ``finish`` plays the
receiver's phone; in the running program ``POST /_standin/confirm`` with ``package_info`` does, and
our server is called back. Tests make it fail (tests/standins/wechatpay.py).
"""

import base64
import json
import re
import secrets
import threading
import time
import urllib.request
import uuid
from contextlib import suppress
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backend.standins import serving

BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
SCHEME = "WECHATPAY2-SHA256-RSA2048"
ENDS = ("SUCCESS", "FAIL", "CANCELLED")
UNCONFIRMED = ("ACCEPTED", "PROCESSING", "WAIT_USER_CONFIRM")
OURS_ALONE = ("made", "then")  # what a bill has that is not told
MADE = ("out_bill_no", "transfer_bill_no", "create_time", "state")  # what its maker is told
OVERDUE_SECONDS, LAG_SECONDS = 86_400, 60
LEAST_FEN, NAME_FORBIDDEN_UNDER_FEN, NAME_REQUIRED_FROM_FEN = 10, 30, 200_000
API_V3_KEY = "0123456789abcdef0123456789abcdef"
PUBLIC_KEY_ID, SERIAL, MCH_ID = "PUB_KEY_ID_0001", "5157F09EFDC096DE15EBE81A47057A72", "1900000001"
OURS, THEIRS = (rsa.generate_private_key(65537, 2048) for _ in range(2))


def pem(key):
    """Return a key in the form the environment holds."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


PUBLIC_KEYS = f"{PUBLIC_KEY_ID}:{pem(THEIRS.public_key())}"


class Problem(Exception):
    def __init__(self, status, code="PARAM_ERROR", message=""):
        self.status, self.told = status, {"code": code, "message": message}


class WeChatPay:
    """The bills. Each goes through its states, read once each or as often as configured."""

    def __init__(self):
        self.lock = threading.Lock()
        self.bills, self.parameters = {}, {}
        self.ahead = 0  # seconds by which our clock is ahead of the machine's
        self.money_fen = 10**9
        self.most_fen = 20_000  # the account's limit for one transfer
        self.first = ()  # the states before WAIT_USER_CONFIRM: ("ACCEPTED", "PROCESSING")
        self.cancelling_reads = 1  # how often CANCELING is read before it is cancelled

    def now(self):
        return time.time() + self.ahead

    def stamp(self):
        return datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="seconds")

    def check(self, told, text):
        """Check our Authorization, in parts as ``told``, against the signed ``text``."""
        if (told.get("mchid"), told.get("serial_no")) != (MCH_ID, SERIAL):
            raise Problem(401, "SIGN_ERROR")
        signature = base64.b64decode(told.get("signature", ""))
        try:
            OURS.public_key().verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise Problem(401, "SIGN_ERROR") from None

    def create(self, parameters):
        number, amount = parameters["out_bill_no"], parameters["transfer_amount"]
        infos = [info["info_type"] for info in parameters["transfer_scene_report_infos"]]
        if parameters["transfer_scene_id"] == "1000" and infos != ["活动名称", "奖励说明"]:
            raise Problem(400, message="未传入完整且对应的转账场景报备信息")
        least, most = (
            (NAME_FORBIDDEN_UNDER_FEN, amount)
            if "user_name" in parameters
            else (LEAST_FEN, NAME_REQUIRED_FROM_FEN - 1)
        )
        if (
            not re.fullmatch("[0-9A-Za-z]{1,32}", number)
            or len(parameters["transfer_remark"]) > 32
            or not least <= amount <= most
        ):
            raise Problem(400)
        if amount > self.most_fen:
            raise Problem(400, "INVALID_REQUEST", "转账金额超过单笔限额")
        if number in self.bills:
            if self.parameters[number] != parameters:
                raise Problem(400, "INVALID_REQUEST")
            return self.made(number)
        if amount > self.money_fen:
            raise Problem(403, "NOT_ENOUGH", "可以原单号发起重试,请勿更换商户单号")
        self.money_fen -= amount
        state, *then = (*self.first, "WAIT_USER_CONFIRM")
        self.parameters[number] = parameters
        self.bills[number] = {
            "mch_id": MCH_ID,
            "appid": parameters["appid"],
            "out_bill_no": number,
            "transfer_bill_no": f"1330000{len(self.bills):012}",
            "transfer_amount": amount,
            "transfer_remark": parameters["transfer_remark"],
            "openid": parameters["openid"],
            "state": state,
            "create_time": self.stamp(),
            "update_time": self.stamp(),
            "made": self.now(),
            "then": then,
        }
        return self.made(number)

    def made(self, number):
        """Return the answer to the bill's maker: with ``package_info``, and without the amount."""
        told = self.told(number)
        told = {name: told[name] for name in MADE}
        if told["state"] == "WAIT_USER_CONFIRM":
            told["package_info"] = f"package-{number}"
        return told

    def told(self, number):
        bill = self.bills.get(number)
        if bill is None:
            raise Problem(404, "NOT_FOUND")
        if bill["state"] in UNCONFIRMED and (
            self.now() - bill["made"] > OVERDUE_SECONDS + LAG_SECONDS
        ):
            self.finish(number, "FAIL", "OVERDUE_CLOSE")
        told = shown(bill)
        if bill["then"]:
            self.finish(number, bill["then"].pop(0))  # which is read the next time
        return told

    def cancel(self, number):
        bill = self.bills.get(number)
        if bill is None:
            raise Problem(404, "NOT_FOUND")
        if bill["state"] != "WAIT_USER_CONFIRM":
            raise Problem(400, "INVALID_REQUEST")
        held = ["CANCELING"] * (self.cancelling_reads - 1)
        bill |= {"state": "CANCELING", "update_time": self.stamp(), "then": [*held, "CANCELLED"]}
        return {name: bill[name] for name in ("out_bill_no", "transfer_bill_no", "state")}

    def finish(self, number, state="SUCCESS", fail_reason=""):
        """Let the receiver confirm, or end the bill otherwise; unpaid money comes back."""
        bill = self.bills[number]
        if bill["state"] in ENDS:
            return
        bill |= {"state": state, "update_time": self.stamp()}
        if state in ENDS:
            bill["then"] = []
        if state in ("FAIL", "CANCELLED"):
            self.money_fen += bill["transfer_amount"]
            bill["fail_reason"] = fail_reason


def shown(bill):
    """Return the fields of a bill that WeChat Pay tells."""
    return {name: value for name, value in bill.items() if name not in OURS_ALONE}


def signed_event(bill, *, event_id=None, key=API_V3_KEY, ago=0):
    nonce = secrets.token_hex(6)
    sealed = AESGCM(key.encode()).encrypt(nonce.encode(), json.dumps(bill).encode(), b"mch_payment")
    body = json.dumps(
        {
            "id": event_id or str(uuid.uuid4()),
            "create_time": datetime.now(UTC).isoformat(timespec="seconds"),
            "resource_type": "encrypt-resource",
            "event_type": "MCHTRANSFER.BILL.FINISHED",
            "summary": "商家转账单据终态通知",
            "resource": {
                "original_type": "mch_payment",
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": base64.b64encode(sealed).decode(),
                "associated_data": "mch_payment",
                "nonce": nonce,
            },
        }
    ).encode()
    return body, sign(body, ago=ago)


def sign(body, ago=0):
    moment, nonce = str(int(time.time()) - ago), secrets.token_hex(16)
    text = f"{moment}\n{nonce}\n".encode() + body + b"\n"
    signature = THEIRS.sign(text, padding.PKCS1v15(), hashes.SHA256())
    return {
        "Wechatpay-Timestamp": moment,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Signature": base64.b64encode(signature).decode(),
        "Wechatpay-Serial": PUBLIC_KEY_ID,
        "Wechatpay-Signature-Type": SCHEME,
    }


class Handler(serving.Handler):
    def confirm(self, package_info):
        """Confirm as the receiver on their phone, and call our server back."""
        pay, number = self.server.pay, package_info.removeprefix("package-")
        with pay.lock:
            if number not in pay.bills:
                raise Problem(404, "NOT_FOUND")
            pay.finish(number)
            address = pay.parameters[number]["notify_url"]

        def send(body, headers):
            headers |= {"Content-Type": "application/json"}
            request = urllib.request.Request(address, body, headers)
            with suppress(OSError):  # then it is asked for
                urllib.request.urlopen(request, timeout=10).close()

        send(*signed_event(shown(pay.bills[number])))
        return pay.told(number)

    def answer(self, body):
        pay = self.server.pay
        try:
            if self.path == "/_standin/confirm":
                told = self.confirm(json.loads(body)["package_info"])
            else:
                with pay.lock:
                    told = self.do(pay, body)
            self.say(200, told)
        except Problem as problem:
            self.say(problem.status, problem.told)

    def do(self, pay, body):
        told = dict(re.findall(r'(\w+)="([^"]*)"', self.headers.get("Authorization", "")))
        moment, nonce = told.get("timestamp", ""), told.get("nonce_str", "")
        text = f"{self.command}\n{self.path}\n{moment}\n{nonce}\n".encode() + body + b"\n"
        pay.check(told, text)
        if (self.command, self.path) == ("POST", BILLS):
            return pay.create(json.loads(body))
        number = self.path.removeprefix(f"{BILLS}/out-bill-no/").removesuffix("/cancel")
        if self.command == "POST":
            return pay.cancel(number)
        return pay.told(number)

    def say(self, status, told):
        body = json.dumps(told, ensure_ascii=False).encode()
        self.write(body, status, **self.signed(body), **{"Content-Type": "application/json"})

    def signed(self, body):
        return sign(body)


class Server(serving.Server):
    def __init__(self, handler=Handler):
        self.pay = WeChatPay()
        super().__init__(handler)

    def told(self):
        """Our settings, for whoever is to ask this server."""
        return {
            "LINLI_WECHATPAY_API_BASE": self.url,
            "LINLI_WECHATPAY_MCH_ID": MCH_ID,
            "LINLI_WECHATPAY_SERIAL": SERIAL,
            "LINLI_WECHATPAY_PRIVATE_KEY": pem(OURS).replace("\n", "\\n"),
            "LINLI_WECHATPAY_PUBLIC_KEYS": PUBLIC_KEYS.replace("\n", "\\n"),
            "LINLI_WECHATPAY_API_V3_KEY": API_V3_KEY,
        }


if __name__ == "__main__":
    Server().serve()
