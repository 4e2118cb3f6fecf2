"""The caller's own e-mail address."""

from typing import Any

from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.api.fields import CodeField
from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.fields import EmailField
from backend.api.serializers import ReadSerializer
from backend.api.views import OpenView, myself, nothing, writes
from backend.notices import mailboxes, selectors
from backend.notices.models import Mailbox


class MailboxSerializer(ReadSerializer[Mailbox]):
    """An e-mail address. Notices go there once ``verified_at`` is set."""

    email = serializers.EmailField(source="address", read_only=True)

    class Meta:
        model = Mailbox
        fields = ("given_at", "code_expires_at", "verified_at")


class GiveEmailSerializer(serializers.Serializer[Any]):
    """An e-mail address of the caller's own, or of their office."""

    email = EmailField()


class VerifyEmailSerializer(serializers.Serializer[Any]):
    """The code that was sent to the address."""

    code = CodeField(length=mailboxes.CODE_LENGTH)


def my_mailbox(request: Request, **names: Any) -> Mailbox:
    """Find the caller's e-mail address. Raises EmailUnknown."""
    return selectors.mailbox_of(signed_in(request))


class MyEmailView(OpenView[Mailbox]):
    """Show my e-mail address: ``GET /api/v1/me/email``."""

    serializer_class = MailboxSerializer
    finds = my_mailbox

    # A refusal is told again to whoever it was told to, who may have no address yet.
    @writes(MailboxSerializer, myself, body=GiveEmailSerializer, shows=my_mailbox)
    def put(self, user: User, _: User, email: str) -> Mailbox:
        """Give my e-mail address: ``PUT /api/v1/me/email``. For staff, managers and auditors.

        A code is sent there, good for half an hour; another address given before is forgotten.
        Giving it again sends another code, at most five in an hour; a verified one stays as it is.
        """
        return mailboxes.give(user=user, address=email)

    @writes(nothing, while_suspended=True)
    def delete(self, user: User) -> None:
        """Remove my e-mail address: ``DELETE /api/v1/me/email``. Idempotent."""
        mailboxes.remove(user=user)


class VerifyEmailView(APIView):
    """Verify my e-mail address by the code sent to it: ``POST /api/v1/me/email/verify``.

    Idempotent. A wrong code, ``email_code_wrong``, spends a try.
    """

    @writes(MailboxSerializer, my_mailbox, body=VerifyEmailSerializer)
    def post(self, user: User, mailbox: Mailbox, code: str) -> Mailbox:
        return mailboxes.verify(user=user, code=code)


urlpatterns = [
    path("me/email", MyEmailView.as_view()),
    path("me/email/verify", VerifyEmailView.as_view()),
]
