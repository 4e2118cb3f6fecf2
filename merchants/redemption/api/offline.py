"""Scanning without signal: a voucher's signed code, the keys to check it with, telling it later."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend import codes
from backend.api.callers import signed_in
from backend.api.code_pictures import CodePictureView
from backend.api.fields import CharField, DateTimeField
from backend.api.idempotency import idempotent, repeatable
from backend.api.views import seen
from merchants.partners.api.members import at_workplace, worked_at
from merchants.partners.models.merchants import Device
from merchants.redemption import selectors
from merchants.redemption.models import ScanAttempt, VoucherKey
from merchants.redemption.services import offline, voucher_tokens

SCANS_AT_ONCE = 100
TOKEN_CHARACTERS = 1_000


class OfflineCodeSerializer(serializers.Serializer[Any]):
    """A JWT with Ed25519, which a counter without signal takes until ``expires_at``.

    Both are null in an answer that is told again of a voucher no longer held.
    """

    offline_code = serializers.CharField(read_only=True, allow_null=True)
    expires_at = serializers.DateTimeField(read_only=True, allow_null=True)


def _signed(code: str | None, until: datetime | None) -> Any:
    return OfflineCodeSerializer({"offline_code": code, "expires_at": until}).data


class VoucherKeySerializer(serializers.ModelSerializer[VoucherKey]):
    """An Ed25519 public key as a JWK has it (RFC 8037): ``x`` is its 32 bytes in base64url."""

    kty = serializers.CharField(default="OKP", read_only=True)
    crv = serializers.CharField(default="Ed25519", read_only=True)
    x = serializers.CharField(source="public_key", read_only=True)
    community = serializers.CharField(source="community.code", read_only=True)

    class Meta:
        model = VoucherKey
        fields = ("kid", "kty", "crv", "x", "community", "made_at")
        read_only_fields = fields


class VoucherKeysSerializer(serializers.Serializer[Any]):
    keys = VoucherKeySerializer(many=True, read_only=True)


class DeviceSerializer(serializers.ModelSerializer[Device]):
    class Meta:
        model = Device
        fields = ("id", "name", "registered_at", "retired_at")
        read_only_fields = fields


class RegisterDeviceSerializer(serializers.Serializer[Any]):
    name = CharField(max_length=40)


class ToldSerializer(serializers.Serializer[Any]):
    """A scan as its device tells it; told twice under one ``nonce``, it is one."""

    nonce = CharField(max_length=64)
    code = CharField(max_length=TOKEN_CHARACTERS)
    device_time = DateTimeField()

    def validate_code(self, code: str) -> str:
        return codes.trimmed(code)


class TellSerializer(serializers.Serializer[Any]):
    device_id = serializers.UUIDField()
    scans = serializers.ListField(child=ToldSerializer(), min_length=1, max_length=SCANS_AT_ONCE)


class OfflineScanSerializer(serializers.ModelSerializer[ScanAttempt]):
    """A scan without signal; ``outcome`` is "redeemed", or the code of what stood against it.

    It counts for ``counts_at``: the device's time, unless that could not have been, which
    ``clock_mark`` then says: ``too_early`` or ``too_late``. ``taken_before`` says by which device
    (null: with signal) and when a voucher was taken elsewhere before.
    """

    device = DeviceSerializer(read_only=True)
    told_at = serializers.DateTimeField(source="scanned_at", read_only=True)
    redemption_id = serializers.UUIDField(read_only=True, allow_null=True)
    taken_before = serializers.SerializerMethodField()

    class Meta:
        model = ScanAttempt
        fields = (
            "nonce",
            "outcome",
            "device",
            "device_time",
            "counts_at",
            "clock_mark",
            "told_at",
            "redemption_id",
            "taken_before",
        )
        read_only_fields = fields

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
    """Signs the code that my phone shows: ``POST /api/v1/me/vouchers/{voucher_id}/offline-code``.

    Good for a day at most; with signal the phone asks for the next. Refused with
    ``voucher_not_offline`` where the offer needs signal, ``voucher_status_wrong``.
    """

    @extend_schema(request=None, responses={201: OfflineCodeSerializer})
    @idempotent(
        seen(selectors.redemptions_of, "voucher_id"),
        lambda request, voucher: _signed(*voucher_tokens.signed_before(voucher)),
    )
    def post(self, request: Request, voucher_id: UUID) -> Response:
        mine = selectors.redemptions_of(signed_in(request))
        signed = voucher_tokens.sign(get_object_or_404(mine, pk=voucher_id))
        return Response(_signed(*signed), status=status.HTTP_201_CREATED)


class MyOfflineCodePictureView(CodePictureView):
    """The signed code of a voucher as a QR code, as long as it is good.

    ``GET /api/v1/me/vouchers/{voucher_id}/offline-code/code.{format}``, ``svg`` or ``png``.
    """

    def code(self, request: Request, **named: Any) -> str | None:
        mine = selectors.redemptions_of(signed_in(request))
        signed, _ = voucher_tokens.signed_before(get_object_or_404(mine, pk=named["voucher_id"]))
        return signed


# --- clerks and owners ------------------------------------------------------------------------
class VoucherKeyListView(APIView):
    """Lists the keys to check signed codes with, as a JWK set (RFC 7517).

    ``GET /api/v1/merchants/{merchant_id}/voucher-keys``, to be fetched anew whenever there is
    signal.
    """

    @extend_schema(responses=VoucherKeysSerializer)
    def get(self, request: Request, merchant_id: UUID) -> Response:
        keys = voucher_tokens.keys_of(worked_at(request, merchant_id))
        return Response(VoucherKeysSerializer({"keys": keys}).data)


class DeviceListView(ListAPIView[Device]):
    """Lists the counter's tills and phones: ``GET /api/v1/merchants/{merchant_id}/devices``."""

    serializer_class = DeviceSerializer
    queryset = Device.objects.none()

    def get_queryset(self) -> QuerySet[Device]:
        return selectors.devices_of(worked_at(self.request, self.kwargs["merchant_id"]))

    @extend_schema(request=RegisterDeviceSerializer, responses={201: DeviceSerializer})
    @idempotent(at_workplace(selectors.devices_of), DeviceSerializer)
    def post(self, request: Request, merchant_id: UUID) -> Response:
        """Registers a device: ``POST /api/v1/merchants/{merchant_id}/devices``.

        For whoever works there.
        """
        merchant = worked_at(request, merchant_id)
        body = RegisterDeviceSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        device = offline.register_device(
            merchant=merchant, by=signed_in(request), **body.validated_data
        )
        return Response(DeviceSerializer(device).data, status=status.HTTP_201_CREATED)


class RetireDeviceView(APIView):
    """Takes a lost or replaced device out of use: ``POST /api/v1/devices/{device_id}/retire``.

    For owners. What it scanned before is still taken. Idempotent: keeps the first moment.
    """

    @extend_schema(request=None, responses=DeviceSerializer)
    @idempotent(seen(selectors.devices_owned_by, "device_id"), DeviceSerializer)
    def post(self, request: Request, device_id: UUID) -> Response:
        user = signed_in(request)
        device = get_object_or_404(selectors.devices_owned_by(user), pk=device_id)
        return Response(DeviceSerializer(offline.retire_device(device=device, by=user)).data)


class OfflineScanListView(ListAPIView[ScanAttempt]):
    """Lists what was scanned without signal, newest first.

    ``GET /api/v1/merchants/{merchant_id}/offline-scans``
    """

    serializer_class = OfflineScanSerializer
    queryset = ScanAttempt.objects.none()

    def get_queryset(self) -> QuerySet[ScanAttempt]:
        return selectors.offline_scans_at(worked_at(self.request, self.kwargs["merchant_id"]))

    # Nothing is kept of a key: each scan has its nonce. And each is a transaction of its own, so
    # that two uploads never wait for each other's vouchers.
    @extend_schema(request=TellSerializer, responses={201: OfflineScansSerializer})
    @repeatable
    def post(self, request: Request, merchant_id: UUID) -> Response:
        """Tells what was scanned: ``POST /api/v1/merchants/{merchant_id}/offline-scans``.

        The answer says what came of each, in the order told. A scan that is refused has the
        refusal's code for its ``outcome`` and spoils no other.
        """
        devices = selectors.devices_of(worked_at(request, merchant_id))
        body = TellSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        device = get_object_or_404(devices, pk=body.validated_data["device_id"])
        scans = [offline.Told(**scan) for scan in body.validated_data["scans"]]
        told = offline.tell(device=device, clerk=signed_in(request), scans=scans)
        return Response(
            OfflineScansSerializer({"results": told}).data, status=status.HTTP_201_CREATED
        )
