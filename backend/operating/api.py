"""The state of the installation, for its operators. Nothing here is about a person."""

from typing import Any

from django.http import Http404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.callers import signed_in
from backend.operating import status
from backend.outbox.api import OwedSerializer


class PeriodicWorkSerializer(serializers.Serializer[status.Work]):
    """A work of the clock. ``is_late`` without ``late_since``: it has never run."""

    name = serializers.CharField(read_only=True)
    owner = serializers.CharField(read_only=True)
    schedule = serializers.CharField(read_only=True)
    next_at = serializers.DateTimeField(read_only=True)
    is_late = serializers.BooleanField(read_only=True)
    late_since = serializers.DateTimeField(read_only=True, allow_null=True)
    last_at = serializers.DateTimeField(read_only=True, allow_null=True)
    finished_at = serializers.DateTimeField(read_only=True, allow_null=True)
    reason = serializers.CharField(
        read_only=True, help_text="Why the last run failed or was skipped, or empty."
    )


class VersionsSerializer(serializers.Serializer[Any]):
    linli = serializers.CharField(read_only=True)
    python = serializers.CharField(read_only=True)
    django = serializers.CharField(read_only=True)
    postgresql = serializers.CharField(read_only=True)
    redis = serializers.CharField(
        read_only=True, allow_null=True, help_text="Null: it does not answer."
    )


class ReplicaSerializer(serializers.Serializer[Any]):
    state = serializers.CharField(
        read_only=True, help_text="`used`, `behind`, or what is wrong with it."
    )
    lag_seconds = serializers.FloatField(read_only=True, allow_null=True)


class DiskSerializer(serializers.Serializer[status.Disk]):
    total_bytes = serializers.IntegerField(read_only=True)
    free_bytes = serializers.IntegerField(read_only=True)


class StatusSerializer(serializers.Serializer[Any]):
    """Show the state of the installation.

    ``failed_check`` is that of ``/readyz``, empty if none fails. ``replica`` is null if there is
    none, ``disk`` if files are in a bucket. ``backed_up_at`` is when the file ``LINLI_BACKUP_MARK``
    was last touched, null if it never was.
    """

    failed_check = serializers.CharField(read_only=True)
    owed = OwedSerializer(many=True, read_only=True)
    works = PeriodicWorkSerializer(many=True, read_only=True)
    versions = VersionsSerializer(read_only=True)
    migrations_to_make = serializers.ListField(child=serializers.CharField(), read_only=True)
    replica = ReplicaSerializer(read_only=True, allow_null=True)
    backed_up_at = serializers.DateTimeField(read_only=True, allow_null=True)
    disk = DiskSerializer(read_only=True, allow_null=True)


class StatusView(APIView):
    """Show how the installation is: ``GET /api/v1/operator``.

    For operators. Tells what is owed in all communities, which works of the clock are late, which
    versions run, how far the replica is behind, how old the last backup is and how full the disk of
    the media; nothing about a person.
    """

    @extend_schema(responses=StatusSerializer)
    def get(self, request: Request) -> Response:
        if not signed_in(request).is_superuser:
            raise Http404
        facts = {
            "failed_check": status.failed_check(),
            "owed": status.owed(),
            "works": status.works(),
            "versions": status.versions(),
            "migrations_to_make": status.migrations_to_make(),
            "replica": status.replica_told(),
            "backed_up_at": status.backed_up_at(),
            "disk": status.disk_of_media(),
        }
        return Response(StatusSerializer(facts).data)


urlpatterns = [path("operator", StatusView.as_view())]
