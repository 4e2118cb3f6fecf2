"""WeChat Pay's stand-in as tests meet it: it fails, and signs wrongly, when told to."""

import base64

from backend.standins import wechatpay
from backend.standins.wechatpay import Problem, shown, sign


class WeChatPay(wechatpay.WeChatPay):
    """``fail_next`` holds what is to go wrong with the next calls: ``("before", 500)`` …"""

    def __init__(self):
        super().__init__()
        self.fail_next = []
        self.spoil = {}  # how answers are signed: "signature", "serial", "timestamp", "missing"
        self.journal = []

    def transfer(self, number):
        """The receiver confirmed, and the money is on its way: what is read first."""
        self.bills[number] |= {"state": "TRANSFERING", "then": ["SUCCESS"]}

    def paid_fen(self):
        """Return the fen that reached receivers."""
        return sum(b["transfer_amount"] for b in self.bills.values() if b["state"] == "SUCCESS")

    def call_back(self, send, number, *, event_id=None, **wrong):
        """Tell our server through ``send(body, headers)`` how a bill ended."""
        bill = shown(self.bills[number]) | wrong.pop("told", {})
        return send(*signed_event(bill, event_id=event_id, **wrong))


def signed_event(bill, *, tamper=False, signature=None, **told):
    """A callback's body and headers; the arguments but ``event_id`` spoil it."""
    body, headers = wechatpay.signed_event(bill, **told)
    if signature is not None:
        headers["Wechatpay-Signature"] = signature
    return (body + b" " if tamper else body), headers


class Handler(wechatpay.Handler):
    is_slow = False

    def do(self, pay, body):
        how, status = pay.fail_next.pop(0) if pay.fail_next else ("", 0)
        pay.journal.append((self.command, self.path, how))
        self.is_slow = how == "slow"
        failure = Problem(status, "SYSTEM_ERROR") if status else ConnectionError()
        if how == "before":
            raise failure
        told = super().do(pay, body)
        if how == "after":
            raise failure
        return told

    def say(self, status, told):
        if self.is_slow:
            self.server.hurry.wait(30)
        super().say(status, told)

    def signed(self, body):
        spoil = self.server.pay.spoil
        headers = sign(body, ago=400 if "timestamp" in spoil else 0)
        if "signature" in spoil:
            headers["Wechatpay-Signature"] = base64.b64encode(b"no" * 128).decode()
        if "missing" in spoil:
            del headers["Wechatpay-Signature"]
        if "serial" in spoil:
            headers["Wechatpay-Serial"] = "PUB_KEY_ID_9999"
        return headers


class Server(wechatpay.Server):
    def __init__(self):
        super().__init__(Handler)
        self.pay = WeChatPay()


if __name__ == "__main__":
    Server().serve()
