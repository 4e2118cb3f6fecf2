"""Leaving for good."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.callers import signed_in
from backend.api.idempotency import idempotent, myself, nothing
from backend.communities.api import views
from backend.privacy.services import erasure


class ErasureSerializer(serializers.Serializer[User]):
    """``erased_from``: until then it can be taken back."""

    erased_from = serializers.DateTimeField(source="erasure_due_at", read_only=True)


class MeView(views.MeView):
    """Who I am, and what I am where: ``/api/v1/me``.

    ``GET`` also for who owes a second factor: ``second_factor_required`` says so. ``PATCH`` tells
    my name and, once, my birthday: another one is refused with ``born_on_is_final``. ``DELETE``:
    I leave for good. At ``erased_from`` my name, phone, log-ins and confidential reports are
    erased; hours and points stay, with no name behind them. ``still_holds_a_role`` refuses it to
    staff, managers, auditors and owners, who hand over first.
    """

    @extend_schema(request=None, responses={202: ErasureSerializer})
    def delete(self, request: Request) -> Response:
        user = erasure.ask(user=signed_in(request))
        return Response(ErasureSerializer(user).data, status=status.HTTP_202_ACCEPTED)


class KeepView(APIView):
    """I stay after all: ``POST /api/v1/me/keep``; so does who never asked to be erased."""

    @extend_schema(request=None, responses={204: None})
    @idempotent(myself, nothing, is_required=False)
    def post(self, request: Request) -> Response:
        erasure.keep(user=signed_in(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
