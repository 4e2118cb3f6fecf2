"""Tencent Cloud's SMS service as tests meet it: it knows templates, and who may send.

Signatures (TC3-HMAC-SHA256) are checked by our own reading of
https://cloud.tencent.com/document/api/382/52072, not by the library that makes them.
"""

import hashlib
import hmac
import json
import re
import time
from datetime import UTC, datetime
from uuid import uuid4

from backend.standins import serving

SECRET_ID, SECRET_KEY, APP_ID, SIGN = "AKIDexample", "secret-of-tests", "1400006666", "碧沙湖社区"
AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 Credential=(?P<id>\w+)/(?P<date>[\d-]+)/sms/tc3_request,"
    r" SignedHeaders=(?P<signed>[\w;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)
CLOCKS_APART = 300  # seconds
LONGEST_VALUE = 20


class Server(serving.Server):
    """``templates`` tells how many values each takes; ``journal`` has what was sent.

    ``answers`` are used once each, in their order: a code for a message that is not sent, "cut" to
    send it and hang up, an ``Exception`` with a code to refuse the whole request.
    """

    def __init__(self):
        self.templates, self.journal, self.answers = {"1110": 2}, [], []
        super().__init__(Handler)


class Handler(serving.Handler):
    def answer(self, body):
        code = self.wrong_with(body)
        answer = self.server.answers.pop(0) if self.server.answers and not code else "Ok"
        if isinstance(answer, Exception):
            code = str(answer)
        if code:
            self.tell({"Error": {"Code": code, "Message": "refused"}})
            return
        asked = json.loads(body)
        status = self.wrong_in(asked) or ("Ok" if answer == "cut" else answer)
        if status == "Ok":
            self.server.journal.append(asked)
        if answer == "cut":
            self.close_connection = True
            return
        (number,) = asked["PhoneNumberSet"]
        told = {"Code": status, "PhoneNumber": number, "SerialNo": uuid4().hex, "Fee": 1}
        self.tell({"SendStatusSet": [told | {"SessionContext": asked["SessionContext"]}]})

    def tell(self, response):
        body = json.dumps({"Response": response | {"RequestId": str(uuid4())}})
        self.write(body.encode(), **{"Content-Type": "application/json"})

    def wrong_with(self, body):
        """The code of what is wrong with who asks, if anything is."""
        said = AUTHORIZATION.fullmatch(self.headers.get("Authorization", ""))
        if said is None or not {"content-type", "host"} <= {*said["signed"].split(";")}:
            return "AuthFailure.SignatureFailure"
        if said["id"] != SECRET_ID:
            return "AuthFailure.SecretIdNotFound"
        moment = int(self.headers["X-TC-Timestamp"])
        if abs(time.time() - moment) > CLOCKS_APART:
            return "AuthFailure.SignatureExpire"
        if said["date"] != f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}":
            return "AuthFailure.SignatureFailure"
        if not hmac.compare_digest(self.signature(said, moment, body), said["signature"]):
            return "AuthFailure.SignatureFailure"
        if (self.headers["X-TC-Action"], self.headers["X-TC-Version"]) != ("SendSms", "2021-01-11"):
            return "InvalidAction"
        return "" if self.headers["X-TC-Region"] else "MissingParameter"

    def signature(self, said, moment, body):
        names = said["signed"].split(";")
        headers = "".join(f"{name}:{self.headers[name].strip().lower()}\n" for name in names)
        payload = hashlib.sha256(body).hexdigest()
        request = "\n".join([self.command, "/", "", headers, said["signed"], payload])
        scope = f"{said['date']}/sms/tc3_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        key = b"TC3" + SECRET_KEY.encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = "\n".join(["TC3-HMAC-SHA256", str(moment), scope, digest])
        return hmac.new(key, text.encode(), "sha256").hexdigest()

    def wrong_in(self, asked):
        """The code of what is wrong with the message, if anything is."""
        if (asked["SmsSdkAppId"], asked["SignName"]) != (APP_ID, SIGN):
            return "FailedOperation.SignatureIncorrectOrUnapproved"
        takes, values = self.server.templates.get(asked["TemplateId"]), asked["TemplateParamSet"]
        if takes is None:
            return "FailedOperation.TemplateUnapprovedOrNotExist"
        if len(values) != takes:
            return "FailedOperation.TemplateParamSetNotMatchApprovedTemplate"
        if any(len(value) > LONGEST_VALUE for value in values):
            return "InvalidParameterValue.TemplateParameterLengthLimit"
        if not re.fullmatch(r"\+861\d{10}", asked["PhoneNumberSet"][0]):
            return "InvalidParameterValue.IncorrectPhoneNumber"
        return ""
