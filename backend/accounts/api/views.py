"""Who is logged in. Logging in is django-allauth's: ``POST /_allauth/app/v1/auth/login``."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.serializers import MeSerializer
from backend.api.callers import signed_in


class MeView(APIView):
    """Who I am, and what I am where: ``GET /api/v1/me``."""

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        return Response(MeSerializer(signed_in(request)).data)
