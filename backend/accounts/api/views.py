"""What people do with their own record. Logging in is django-allauth's."""

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.serializers import (
    BindPhoneSerializer,
    BoundPhoneSerializer,
    ConsentSerializer,
    ConsentTextSerializer,
    GiveConsentSerializer,
)
from backend.accounts.models import Consent, User
from backend.accounts.purposes import GUARDIAN_TEXT, GUARDIANSHIP, TEXTS
from backend.accounts.services import consents, phone, sessions
from backend.api.idempotency import idempotent
from backend.api.views import myself, nothing, seen


class ConsentTextListView(APIView):
    """What we ask consent for, and in which words: ``GET /api/v1/consents``. Public.

    ``guardianship`` is agreed to by a guardian, for a child: ``POST /api/v1/me/children``.
    """

    permission_classes = (AllowAny,)

    @extend_schema(responses=ConsentTextSerializer(many=True))
    def get(self, request: Request) -> Response:
        texts = [
            {"purpose": purpose, "version": text.version, "text": text.words}
            for purpose, text in [*TEXTS.items(), (GUARDIANSHIP, GUARDIAN_TEXT)]
        ]
        return Response(ConsentTextSerializer(texts, many=True).data)


class MyConsentListView(APIView):
    """What I agreed to, and when, newest first: ``GET /api/v1/me/consents``."""

    @extend_schema(responses=ConsentSerializer(many=True))
    def get(self, request: Request) -> Response:
        mine = Consent.objects.filter(user=caller(request)).order_by("-id")
        return Response(ConsentSerializer(mine, many=True).data)


class MyConsentView(APIView):
    """What I agreed to or not, by its purpose: ``/api/v1/me/consents/{purpose}``."""

    @extend_schema(request=GiveConsentSerializer, responses=ConsentSerializer)
    @idempotent(
        seen(lambda user: Consent.objects.filter(user=user)), ConsentSerializer, is_required=False
    )
    def put(self, request: Request, purpose: str) -> Response:
        """I agree: ``PUT /api/v1/me/consents/{purpose}``.

        Refused with ``consent_version_unknown`` if those are not the words of today.
        """
        body = GiveConsentSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        consent = consents.give(
            user=caller(request), purpose=_purpose(purpose), **body.validated_data
        )
        return Response(ConsentSerializer(consent).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, purpose: str) -> Response:
        """I no longer agree: ``DELETE /api/v1/me/consents/{purpose}``."""
        consents.withdraw(user=caller(request), purpose=_purpose(purpose))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _purpose(name: str) -> Consent.Purpose:
    if name not in Consent.Purpose.values:
        raise Http404
    return Consent.Purpose(name)


class LogOutEverywhereView(APIView):
    """A phone is lost: ``POST /api/v1/me/log-out-everywhere`` ends every log-in, this one too."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(request=None, responses={204: None})
    @idempotent(myself, nothing, is_required=False)
    def post(self, request: Request) -> Response:
        sessions.end_all(user=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class MyPhoneView(APIView):
    """My phone number, as WeChat vouches for it: ``/api/v1/me/phone``."""

    @extend_schema(request=BindPhoneSerializer, responses=BoundPhoneSerializer)
    def put(self, request: Request) -> Response:
        """Tell my phone number, as WeChat vouches for it: ``PUT /api/v1/me/phone``.

        Wants the consent ``phone`` (else ``consent_required``). ``name`` is for whom the community
        enrolled before they logged in: told as it stands on the list, it makes the record on it
        theirs.
        """
        asking = caller(request)
        body = BindPhoneSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        owner = phone.bind(user=asking, **body.validated_data)
        answer = {"phone": owner.phone, "log_in_again": owner.pk != asking.pk}
        return Response(BoundPhoneSerializer(answer).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        """Take my phone number off my record: ``DELETE /api/v1/me/phone``."""
        phone.unbind(user=caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def caller(request: Request) -> User:
    # backend/api/callers.py says it for those who stand above it.
    assert isinstance(request.user, User)
    return request.user
