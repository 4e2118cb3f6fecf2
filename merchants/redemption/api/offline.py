"""Scans without signal: signed codes of vouchers, keys to verify them, and late uploads."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend import codes
from backend.accounts.models import User
from backend.api.code_pictures import CodePictureView
from backend.api.fields import CharField, DateTimeField
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, seen, writes
from merchants.partners.api.members import at_workplace, worked_at
from merchants.partners.models.merchants import Device, Merchant
from merchants.partners.selectors import merchants_of
from merchants.redemption import selectors
from merchants.redemption.api.vouchers import MINE
from merchants.redemption.models import Redemption, ScanAttempt, VoucherKey
from merchants.redemption.services import offline, voucher_tokens

SCANS_AT_ONCE = 100
TOKEN_CHARACTERS = 1_000


class OfflineCodeSerializer(serializers.Serializer[Any]):
    """A JWT with Ed25519, which a counter without signal accepts until ``expires_at``.

    Both are null in a repeated answer about a voucher that is no longer held.
    """

    offline_code = serializers.CharField(read_only=True, allow_null=True)
    expires_at = serializers.DateTimeField(read_only=True, allow_null=True)


def _signed(code: str | None, until: datetime | None) -> Any:
    return OfflineCodeSerializer({"offline_code": code, "expires_at": until}).data


class VoucherKeySerializer(ReadSerializer[VoucherKey]):
    """An Ed25519 public key as a JWK (RFC 8037): ``x`` is its 32 bytes in base64url."""

    kty = serializers.CharField(default="OKP", read_only=True)
    crv = serializers.CharField(default="Ed25519", read_only=True)
    x = serializers.CharField(source="public_key", read_only=True)
    community = serializers.CharField(source="community.code", read_only=True)

    class Meta:
        model = VoucherKey
        fields = ("kid", "made_at")


class VoucherKeysSerializer(serializers.Serializer[Any]):
    keys = VoucherKeySerializer(many=True, read_only=True)


class DeviceSerializer(ReadSerializer[Device]):
    class Meta:
        model = Device
        fields = ("id", "name", "registered_at", "retired_at")


class RegisterDeviceSerializer(serializers.Serializer[Any]):
    name = CharField(max_length=40)


class ToldSerializer(serializers.Serializer[Any]):
    """A scan as its device uploads it; a second upload under one ``nonce`` changes nothing."""

    nonce = CharField(max_length=64)
    code = CharField(max_length=TOKEN_CHARACTERS)
    device_time = DateTimeField()

    def validate_code(self, code: str) -> str:
        return codes.trimmed(code)


class TellSerializer(serializers.Serializer[Any]):
    device_id = serializers.UUIDField()
    scans = serializers.ListField(child=ToldSerializer(), min_length=1, max_length=SCANS_AT_ONCE)


class OfflineScanSerializer(ReadSerializer[ScanAttempt]):
    """A scan without signal; ``outcome`` is "redeemed" or a refusal's code.

    ``id`` is null for a scan not recorded because its nonce belongs to another scan. A scan counts
    for ``counts_at``, the device's time unless that is impossible: then ``clock_mark`` is
    ``too_early`` or ``too_late``. ``taken_before`` tells when, and by which device (null: with
    signal), the voucher was redeemed before.
    """

    id = serializers.UUIDField(read_only=True, allow_null=True)
    device = DeviceSerializer(read_only=True)
    told_at = serializers.DateTimeField(source="scanned_at", read_only=True)
    redemption_id = serializers.UUIDField(read_only=True, allow_null=True)
    taken_before = serializers.SerializerMethodField()

    class Meta:
        model = ScanAttempt
        fields = (
            "nonce",
            "outcome",
            "device_time",
            "counts_at",
            "clock_mark",
        )

    class TakenBeforeSerializer(serializers.Serializer[Any]):
        device = serializers.CharField(allow_null=True, read_only=True)
        at = serializers.DateTimeField(read_only=True)

    @extend_schema_field(TakenBeforeSerializer(allow_null=True))
    def get_taken_before(self, attempt: ScanAttempt) -> object:
        if attempt.outcome != "code_used":
            return None
        if (first := selectors.taken_by_another(attempt)) is None:
            return None
        at = first.counts_at or first.scanned_at
        device = first.device and first.device.name
        return self.TakenBeforeSerializer({"device": device, "at": at}).data


class OfflineScansSerializer(serializers.Serializer[Any]):
    results = OfflineScanSerializer(many=True, read_only=True)


# --- volunteers -------------------------------------------------------------------------------
class MyOfflineCodeView(APIView):
    """Sign my voucher's code: ``POST /api/v1/me/vouchers/{voucher_id}/offline-code``.

    The code is good for a day at most; with signal the phone fetches the next.
    """

    @writes(
        lambda request, voucher: _signed(*voucher_tokens.signed_before(voucher)),
        MINE,
        shape=OfflineCodeSerializer,
        needs_key=True,
        status=201,
    )
    def post(self, user: User, voucher: Redemption) -> Response:
        return Response(_signed(*voucher_tokens.sign(voucher)), 201)


class MyOfflineCodePictureView(CodePictureView):
    """Show the signed code of a voucher as a QR code, while it is good.

    ``GET /api/v1/me/vouchers/{voucher_id}/offline-code/code.{format}``, ``svg`` or ``png``.
    """

    def code(self, request: Request, **named: Any) -> str | None:
        return voucher_tokens.signed_before(MINE(request, **named))[0]


# --- clerks and owners ------------------------------------------------------------------------
_WORKPLACE = seen(merchants_of, "merchant_id")


class VoucherKeyListView(APIView):
    """List the keys that verify signed codes, as a JWK set (RFC 7517).

    ``GET /api/v1/merchants/{merchant_id}/voucher-keys``. Fetch them whenever there is signal.
    """

    @extend_schema(responses=VoucherKeysSerializer)
    def get(self, request: Request, merchant_id: UUID) -> Response:
        keys = voucher_tokens.keys_of(worked_at(request, merchant_id))
        return Response(VoucherKeysSerializer({"keys": keys}).data)


class DeviceListView(ListView[Device]):
    """List my shop's tills and phones: ``GET /api/v1/merchants/{merchant_id}/devices``."""

    serializer_class = DeviceSerializer
    finds = at_workplace(selectors.devices_of)

    @writes(
        DeviceSerializer,
        _WORKPLACE,
        body=RegisterDeviceSerializer,
        creates=selectors.devices_of,
    )
    def post(self, user: User, merchant: Merchant, name: str) -> Device:
        """Register a device: ``POST /api/v1/merchants/{merchant_id}/devices``.

        For people who work there.
        """
        return offline.register_device(merchant=merchant, by=user, name=name)


class DeviceView(OpenView[Device]):
    """Open a till or phone of my shop: ``GET /api/v1/devices/{device_id}``."""

    serializer_class = DeviceSerializer
    finds = seen(selectors.devices_seen_by, "device_id")


class RetireDeviceView(APIView):
    """Retire a lost or replaced device: ``POST /api/v1/devices/{device_id}/retire``.

    For owners. Its earlier scans are still accepted. Idempotent: keeps the first ``retired_at``.
    """

    @writes(DeviceSerializer, seen(selectors.devices_owned_by, "device_id"), needs_key=True)
    def post(self, user: User, device: Device) -> Device:
        return offline.retire_device(device=device, by=user)


class OfflineScanListView(ListView[ScanAttempt]):
    """List scans without signal, newest first.

    ``GET /api/v1/merchants/{merchant_id}/offline-scans``
    """

    serializer_class = OfflineScanSerializer
    finds = at_workplace(selectors.offline_scans_at)

    # No key is kept, because each scan has its nonce. Each is a transaction of its own, so
    # that two uploads never wait for each other's vouchers.
    @writes(OfflineScansSerializer, _WORKPLACE, body=TellSerializer, keeps=False, status=201)
    def post(self, user: User, merchant: Merchant, device_id: UUID, scans: list[Any]) -> Any:
        """Upload scans without signal: ``POST /api/v1/merchants/{merchant_id}/offline-scans``.

        The answer has the result of each scan, in the order given. A refused scan has the refusal's
        code as its ``outcome`` and does not affect the others.
        """
        device = get_object_or_404(selectors.devices_of(merchant), pk=device_id)
        told = [offline.Told(**scan) for scan in scans]
        return {"results": offline.tell(device=device, clerk=user, scans=told)}


class OfflineScanView(OpenView[ScanAttempt]):
    """Open a scan without signal.

    ``GET /api/v1/merchants/{merchant_id}/offline-scans/{scan_id}``
    """

    serializer_class = OfflineScanSerializer
    finds = at_workplace(selectors.offline_scans_at, "scan_id")
