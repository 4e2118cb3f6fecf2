"""People's own record. Logging in is django-allauth's."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts import selectors
from backend.accounts.addresses import counted_as
from backend.accounts.api.serializers import (
    BindPhoneSerializer,
    BoundPhoneSerializer,
    ConsentSerializer,
    ConsentTextSerializer,
    GiveConsentSerializer,
    LogInSerializer,
    SetUpSerializer,
)
from backend.accounts.models import Consent, User
from backend.accounts.purposes import GUARDIAN_TEXT, GUARDIANSHIP, TEXTS
from backend.accounts.services import consents, operators, phone, sessions
from backend.api.views import ListView, myself, nothing, seen, writes


class ConsentTextListView(APIView):
    """List the purposes we ask consent for, with the texts: ``GET /api/v1/consents``. Public.

    A guardian agrees to ``guardianship``, for a child: ``POST /api/v1/me/children``.
    """

    permission_classes = (AllowAny,)

    @extend_schema(responses=ConsentTextSerializer(many=True))
    def get(self, request: Request) -> Response:
        texts = [
            {"purpose": purpose, "version": text.version, "text": text.words}
            for purpose, text in [*TEXTS.items(), (GUARDIANSHIP, GUARDIAN_TEXT)]
        ]
        return Response(ConsentTextSerializer(texts, many=True).data)


class MyConsentListView(ListView[Consent]):
    """List what I agreed to, and when, newest first: ``GET /api/v1/me/consents``."""

    serializer_class = ConsentSerializer
    pagination_class = None
    finds = seen(selectors.consents_of)


def purpose(request: Request, **names: Any) -> Any:
    """Return the purpose that the address names. Raises Http404."""
    if names["purpose"] not in Consent.Purpose.values:
        raise Http404
    return Consent.Purpose(names["purpose"])


class MyConsentView(APIView):
    """The caller's consent to one purpose: ``/api/v1/me/consents/{purpose}``."""

    @writes(
        ConsentSerializer,
        purpose,
        body=GiveConsentSerializer,
        shows=seen(selectors.consents_of),
        while_suspended=True,
    )
    def put(self, user: User, purpose: Consent.Purpose, **facts: Any) -> Consent:
        """Agree to a purpose: ``PUT /api/v1/me/consents/{purpose}``.

        ``consent_version_unknown`` if ``version`` is not that of today's text.
        """
        return consents.give(user=user, purpose=purpose, **facts)

    @writes(nothing, purpose, while_suspended=True)
    def delete(self, user: User, purpose: Consent.Purpose) -> None:
        """Withdraw my consent to a purpose: ``DELETE /api/v1/me/consents/{purpose}``."""
        consents.withdraw(user=user, purpose=purpose)


class LogOutEverywhereView(APIView):
    """End all my log-ins, including this one: ``POST /api/v1/me/log-out-everywhere``."""

    permission_classes = (IsAuthenticated,)

    @writes(nothing, while_suspended=True)
    def post(self, user: User) -> None:
        sessions.end_all(user=user)


class MyPhoneView(APIView):
    """The caller's phone number, as WeChat vouches for it: ``/api/v1/me/phone``."""

    @extend_schema(request=BindPhoneSerializer, responses=BoundPhoneSerializer)
    def put(self, request: Request) -> Response:
        """Bind my phone number, as WeChat vouches for it: ``PUT /api/v1/me/phone``.

        Requires the consent ``phone`` (else ``consent_required``). ``name`` is for people whom the
        community enrolled before they logged in: if it is the name on the list, the record there
        becomes theirs.
        """
        asking = myself(request)
        body = BindPhoneSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        owner = phone.bind(user=asking, **body.validated_data)
        answer = {"phone": owner.phone, "log_in_again": owner.pk != asking.pk}
        return Response(BoundPhoneSerializer(answer).data)

    @writes(nothing, while_suspended=True)
    def delete(self, user: User) -> None:
        """Take my phone number off my record: ``DELETE /api/v1/me/phone``."""
        phone.unbind(user=user)


class SetUpView(APIView):
    """Become an operator of the installation: ``POST /api/v1/setup``.

    For whoever has the link that the installation showed when it started, or that
    ``manage.py setup_link`` made. The link is good once; wrong codes count as guesses of the
    address they come from. The operator logs in and sets up a second factor then.
    """

    permission_classes = (AllowAny,)

    @extend_schema(request=SetUpSerializer, responses={201: LogInSerializer})
    def post(self, request: Request) -> Response:
        body = SetUpSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        operator = operators.set_up(address=counted_as(request), **body.validated_data)
        return Response(LogInSerializer(operator).data, status=201)
