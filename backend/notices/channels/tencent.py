"""Tencent Cloud's short messages 短信, by its own library (the extra ``sms``).

What passes through here, numbers above all, is never logged. Aliyun's library is as well kept; this
one has no more than ``requests`` below it, and signs what it sends in the open (TC3-HMAC-SHA256).
"""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

SENT = "Ok"
# What no second try mends: the number, or the words.
FOR_GOOD = {
    "FailedOperation.ContainSensitiveWord",
    "FailedOperation.PhoneNumberInBlacklist",
    "FailedOperation.PhoneNumberParseFail",
    "InvalidParameter.DirtyWordFound",
    "InvalidParameterValue.ContentLengthLimit",
    "InvalidParameterValue.IncorrectPhoneNumber",
    "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter",
    "InvalidParameterValue.TemplateParameterFormatError",
    "InvalidParameterValue.TemplateParameterLengthLimit",
}


class Refused(Exception):
    """The answer that a message was not sent; ``code`` is Tencent's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Unreachable(Exception):
    """The error of a service that could not be asked: nothing was sent."""


class Unanswered(Exception):
    """The error of an answer that did not arrive: the message may have been sent, or not."""


def is_set_up() -> bool:
    """Tell whether the operator has an account there."""
    return bool(settings.SMS_SECRET_ID)


def send(*, number: str, template: str, values: list[str], reference: str) -> None:
    """Send the message ``template`` with its ``values`` to a mobile number of mainland China.

    ``reference`` stands in Tencent's records. Sent again, it is another message. Raises Refused,
    Unreachable, Unanswered.
    """
    # The library is there with its extra alone.
    from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
    from tencentcloud.sms.v20210111.models import SendSmsRequest

    asked = SendSmsRequest()
    asked.PhoneNumberSet = [f"+86{number}"]
    asked.SmsSdkAppId, asked.SignName = settings.SMS_APP_ID, settings.SMS_SIGN
    asked.TemplateId, asked.TemplateParamSet = template, values
    asked.SessionContext = reference
    try:
        (status,) = _client().SendSms(asked).SendStatusSet
    except TencentCloudSDKException as error:
        if error.get_request_id():  # an answer has one
            raise Refused(str(error.get_code())) from None
        raise (Unanswered if _was_asked(error) else Unreachable) from None
    if status.Code != SENT:
        raise Refused(str(status.Code))


def _client() -> Any:
    from tencentcloud.common.credential import Credential
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile
    from tencentcloud.sms.v20210111.sms_client import SmsClient

    where = urlsplit(settings.SMS_API_BASE)
    http = HttpProfile(
        protocol=where.scheme, endpoint=where.netloc, reqTimeout=settings.SMS_TIMEOUT_SECONDS
    )
    profile = ClientProfile(signMethod="TC3-HMAC-SHA256", httpProfile=http)
    secret = Credential(settings.SMS_SECRET_ID, settings.SMS_SECRET_KEY)
    return SmsClient(secret, settings.SMS_REGION, profile)


def _was_asked(error: Exception) -> bool:
    """Tell whether a connection was made before ``error``, which hides the one below it."""
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    hidden = error.__context__
    below = hidden.args[0] if hidden is not None and hidden.args else None
    return not isinstance(getattr(below, "reason", None), NewConnectionError | ConnectTimeoutError)
