"""What people do with their own record. Logging in is django-allauth's."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.serializers import BindPhoneSerializer, BoundPhoneSerializer
from backend.accounts.models import User
from backend.accounts.services import phone


class MyPhoneView(APIView):
    """My phone number, as WeChat vouches for it: ``/api/v1/me/phone``.

    PUT wants the consent ``phone`` (else ``consent_required``). ``name`` is for whom the community
    enrolled before they logged in: told as it stands on the list, it makes the record on it theirs.
    """

    @extend_schema(request=BindPhoneSerializer, responses=BoundPhoneSerializer)
    def put(self, request: Request) -> Response:
        asking = _caller(request)
        body = BindPhoneSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        owner = phone.bind(user=asking, **body.validated_data)
        answer = {"phone": owner.phone, "log_in_again": owner.pk != asking.pk}
        return Response(BoundPhoneSerializer(answer).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        phone.unbind(user=_caller(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _caller(request: Request) -> User:
    # backend/api/callers.py says it for those who stand above it.
    assert isinstance(request.user, User)
    return request.user
