"""Children and their guardians."""

from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts import selectors
from backend.accounts.api.serializers import (
    AgreeAsGuardianSerializer,
    GuardianCodeSerializer,
    GuardianshipSerializer,
)
from backend.accounts.api.views import caller
from backend.accounts.services import guardians
from backend.api.idempotency import idempotent
from backend.api.views import seen


class MyGuardianCodeView(APIView):
    """A code that I, under 14, show my guardian: ``POST /api/v1/me/guardian-code``.

    It is good once, for 24 hours; an earlier one no longer is.
    """

    @extend_schema(request=None, responses={201: GuardianCodeSerializer})
    @idempotent(seen(selectors.guardian_codes_of), GuardianCodeSerializer)
    def post(self, request: Request) -> Response:
        _, made = guardians.ask(child=caller(request))
        return Response(GuardianCodeSerializer(made).data, status=status.HTTP_201_CREATED)


class MyGuardianListView(APIView):
    """List who agreed that I take part, newest first: ``GET /api/v1/me/guardians``."""

    @extend_schema(responses=GuardianshipSerializer(many=True))
    def get(self, request: Request) -> Response:
        mine = selectors.guardians_of(caller(request))
        return Response(GuardianshipSerializer(mine, many=True).data)


class MyChildListView(APIView):
    """For whom I agreed, newest first: ``GET /api/v1/me/children``."""

    @extend_schema(responses=GuardianshipSerializer(many=True))
    def get(self, request: Request) -> Response:
        mine = selectors.children_of(caller(request))
        return Response(GuardianshipSerializer(mine, many=True).data)

    @extend_schema(request=AgreeAsGuardianSerializer, responses={201: GuardianshipSerializer})
    @idempotent(seen(selectors.children_of), GuardianshipSerializer, is_required=False)
    def post(self, request: Request) -> Response:
        """I agree for the child that showed me ``code``: ``POST /api/v1/me/children``.

        As its parent or guardian, who has read the words (``GET /api/v1/consents``,
        ``guardianship``). Refused with ``guardian_must_be_adult`` to whoever has not told a
        birthday of 18 years or more.
        """
        body = AgreeAsGuardianSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = guardians.agree(guardian=caller(request), **body.validated_data)
        return Response(GuardianshipSerializer(given).data, status=status.HTTP_201_CREATED)


class MyChildView(APIView):
    """I no longer agree: ``DELETE /api/v1/me/children/{guardianship_id}``; it stays on record."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, guardianship_id: UUID) -> Response:
        user = caller(request)
        guardianship = get_object_or_404(selectors.children_of(user), pk=guardianship_id)
        guardians.withdraw(guardianship=guardianship, by=user)
        return Response(status=status.HTTP_204_NO_CONTENT)
