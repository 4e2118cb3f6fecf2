"""Vouchers and redemptions, refunds, scans at counters, pay codes, and printed cards."""

from datetime import timedelta
from hashlib import sha256
from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from backend import clocks
from backend.accounts import vault
from backend.communities.models import TenantModel
from backend.tables import (
    FSM,
    UPDATE_OF,
    PersonKey,
    ReadOnly,
    TenantForeignKey,
    never,
    refuses,
    set_once,
    stays,
    trigger,
)
from merchants.catalogue.models import Offer
from merchants.partners.models.merchants import Device, Merchant
from merchants.partners.models.partnerships import Partnership


class Card(TenantModel):
    """A printed card of a volunteer without a phone, which pays at a counter with its PIN.

    The code on it names nobody and opens nothing alone. Wrong PINs are counted in a row; the fifth
    blocks the card. A card that is blocked stays so: staff issue another one.
    """

    MOST_WRONG_PINS = 5
    PIN_TOLD = timedelta(hours=1)  # to whoever issued it, so that a lost answer can be asked again

    class Reason(models.TextChoices):
        """Why a card is blocked."""

        LOST = "lost", "Reported lost"
        REPLACED = "replaced", "Replaced by a new card"
        WRONG_PINS = "wrong_pins", "Five wrong PINs"
        LEFT = "left", "The volunteer left"  # or was suspended

    volunteer = PersonKey()
    code = models.CharField(max_length=12)  # random
    pin_hash_encrypted = models.TextField()  # a slow hash of the six digits, see backend/accounts
    pin_encrypted = models.TextField(blank=True)  # until the card is first used, an hour at most
    wrong_pins = models.PositiveSmallIntegerField(default=0)  # since the last right one
    issued_at = models.DateTimeField(db_default=Now())
    issued_by = PersonKey()
    blocked_at = models.DateTimeField(null=True)
    blocked_by = PersonKey(null=True)  # NULL: nobody did, see the reason
    reason = models.CharField(max_length=10, choices=Reason, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="card_once", fields=["community", "code"]),
            models.UniqueConstraint(
                name="card_that_works",
                fields=["community", "volunteer"],
                condition=Q(blocked_at__isnull=True),
            ),
            models.CheckConstraint(
                name="card_issued_by_another", condition=~Q(issued_by=F("volunteer"))
            ),
            models.CheckConstraint(
                name="card_blocked_for_a_reason",
                condition=Q(blocked_at__isnull=True, blocked_by__isnull=True, reason="")
                | Q(Q(blocked_at__isnull=False), ~Q(reason="")),
            ),
            models.CheckConstraint(
                name="card_blocked_by_wrong_pins",
                condition=Q(wrong_pins__lt=5) | Q(wrong_pins=5, blocked_at__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="card_of_volunteer", fields=["community", "volunteer", "-id"]),
            models.Index(name="card_newest", fields=["community", "-id"]),
            models.Index(
                name="card_with_a_pin_to_forget",
                fields=["community", "issued_at"],
                condition=~Q(pin_encrypted=""),
            ),
        ]
        triggers: ClassVar = [
            *stays("card"),
            ReadOnly(
                name="card_is_final",
                fields=["community", "volunteer", "code", "issued_at", "issued_by"],
            ),
            never(
                "card_stays_blocked",
                "OLD.blocked_at IS NOT NULL"
                " AND (OLD.blocked_at, OLD.blocked_by_id, OLD.reason, OLD.wrong_pins)"
                " IS DISTINCT FROM"
                " (NEW.blocked_at, NEW.blocked_by_id, NEW.reason, NEW.wrong_pins)",
            ),
        ]

    def __str__(self) -> str:
        return f"of {self.volunteer_id}"

    @property
    def is_blocked(self) -> bool:
        return self.blocked_at is not None

    @property
    def pin(self) -> str | None:
        """The PIN in the clear, for an hour and until the card is first used; else None."""
        is_told = self.pin_encrypted and timezone.now() < self.issued_at + self.PIN_TOLD
        return vault.decrypt(self.pin_encrypted) if is_told else None

    @property
    def code_to_print(self) -> str | None:
        """The code, for as long as the PIN is told."""
        return self.code if self.pin else None


class Redemption(TenantModel):
    """An offer taken for points: one row from the taking to the end.

    While it is ``held`` it is a voucher: the points are set aside (``hold``), price and rate are
    frozen. Handed out at a counter it is a redemption; otherwise it is cancelled or expires.
    """

    class Status(models.TextChoices):
        HELD = "held"
        REDEEMED = "redeemed"
        CANCELLED = "cancelled"
        EXPIRED = "expired"

    offer = TenantForeignKey(Offer, models.PROTECT, related_name="redemptions", db_index=False)
    partnership = TenantForeignKey(
        Partnership, models.PROTECT, related_name="redemptions", db_index=False
    )
    volunteer = PersonKey()
    code = models.CharField(max_length=12)  # random; names nobody and opens nothing else
    quantity = models.PositiveIntegerField()
    price_points = models.PositiveBigIntegerField()  # for the whole quantity
    terms_version = models.PositiveIntegerField(db_default=1)  # of the contract
    fen_per_point = models.PositiveIntegerField(null=True)  # NULL: the contract is not by points
    refunded_quantity = models.PositiveIntegerField(default=0)  # a refund's trigger counts it
    amount_fen = models.PositiveBigIntegerField()  # what the community owes for all of it
    status = models.CharField(max_length=9, choices=Status, default=Status.HELD)
    hold = TenantForeignKey("points.Hold", models.PROTECT, related_name="+", db_index=False)
    transfer = TenantForeignKey(
        "points.Transfer", models.PROTECT, related_name="+", db_index=False, null=True
    )
    taken_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    # Until when a counter without signal may report a scan from before ``expires_at``. NULL:
    # scanning needs signal. Points and stock stay set aside until then.
    offline_until = models.DateTimeField(null=True)
    cancel_asked_at = models.DateTimeField(null=True)  # given back at ``offline_until``
    signed_until = models.DateTimeField(null=True)  # until when a signed code of it is good
    signed_at = models.DateTimeField(null=True)  # since when there is that code
    closed_at = models.DateTimeField(null=True)  # redeemed, cancelled or expired
    redeemed_by = PersonKey(null=True)  # NULL: the volunteer, with the shop's code
    # What paid for it; NULL: the volunteer's phone.
    card = TenantForeignKey(Card, models.PROTECT, related_name="+", db_index=False, null=True)
    statement = TenantForeignKey(
        "merchants.Statement", models.PROTECT, related_name="redemptions", db_index=False, null=True
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="voucher_code_once", fields=["community", "code"]),
            models.CheckConstraint(name="redemption_of_something", condition=Q(quantity__gt=0)),
            models.CheckConstraint(
                name="refunded_at_most_what_was_redeemed",
                condition=Q(refunded_quantity=0)
                | Q(status="redeemed", refunded_quantity__lte=F("quantity")),
            ),
            models.CheckConstraint(
                name="redeemed_moved_points",
                condition=Q(status="redeemed", transfer__isnull=False, closed_at__isnull=False)
                | Q(~Q(status="redeemed"), transfer__isnull=True, statement__isnull=True),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="redemption_of_volunteer", fields=["community", "volunteer", "-id"]),
            models.Index(name="redemption_at_partner", fields=["community", "partnership", "-id"]),
            models.Index(
                name="voucher_that_may_lapse",
                fields=["community", "expires_at"],
                condition=Q(status="held"),
            ),
            models.Index(
                name="redemption_unsettled",
                fields=["community", "partnership", "closed_at"],
                condition=Q(status="redeemed", statement__isnull=True),
            ),
            models.Index(
                name="redemption_in_statement",
                fields=["community", "statement"],
                condition=Q(statement__isnull=False),
            ),
            models.Index(
                name="redemption_by_card",
                fields=["community", "volunteer", "taken_at"],
                condition=Q(card__isnull=False),
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="redemption_stays", operation=pgtrigger.Delete),
            trigger(
                "redemption_is_told",
                UPDATE_OF("status"),
                condition=pgtrigger.Q(old__status="held", new__status="redeemed"),
            ),
            ReadOnly(
                name="redemption_terms_are_final",
                fields=[
                    "community",
                    "offer",
                    "partnership",
                    "volunteer",
                    "code",
                    "quantity",
                    "price_points",
                    "terms_version",
                    "fen_per_point",
                    "amount_fen",
                    "hold",
                    "card",
                ],
            ),
            FSM(
                name="redemption_closes_once",
                field="status",
                transitions=[("held", "redeemed"), ("held", "cancelled"), ("held", "expired")],
            ),
            # Most of all closed_at, which decides the period of the statement.
            never(
                "redemption_outcome_is_final",
                "OLD.status <> 'held' AND (OLD.transfer_id, OLD.taken_at, OLD.expires_at,"
                " OLD.closed_at, OLD.redeemed_by_id) IS DISTINCT FROM (NEW.transfer_id,"
                " NEW.taken_at, NEW.expires_at, NEW.closed_at, NEW.redeemed_by_id)",
            ),
            refuses(
                "redemption_counts_its_refunds",
                "what came back is counted by refunds alone",
                UPDATE_OF("refunded_quantity"),
                condition=pgtrigger.Condition(
                    "OLD.refunded_quantity IS DISTINCT FROM NEW.refunded_quantity"
                    " AND pg_trigger_depth() = 0"
                ),
            ),
            refuses(
                "redemption_settled_once",
                "a redemption is settled by one statement",
                UPDATE_OF("statement_id"),
                condition=pgtrigger.Q(
                    old__statement__isnull=False, new__statement__df=pgtrigger.F("old__statement")
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.offer_id}: {self.status}"

    @property
    def refunded_points(self) -> int:
        """Points that were refunded; all pieces cost the same."""
        return self.price_points * self.refunded_quantity // self.quantity


class Refund(TenantModel):
    """Pieces of a redemption given back: points to the wallet, pieces to the stock.

    ``amount_fen`` is what the community no longer owes for them.
    """

    redemption = TenantForeignKey(
        Redemption, models.PROTECT, related_name="refunds", db_index=False
    )
    partnership = TenantForeignKey(
        Partnership, models.PROTECT, related_name="refunds", db_index=False
    )
    quantity = models.PositiveIntegerField()
    points = models.PositiveBigIntegerField()
    amount_fen = models.PositiveBigIntegerField()
    reason = models.CharField(max_length=200)
    refunded_at = models.DateTimeField()
    refunded_by = PersonKey()
    reversal = TenantForeignKey("points.Reversal", models.PROTECT, related_name="+", db_index=False)
    statement = TenantForeignKey(
        "merchants.Statement", models.PROTECT, related_name="refunds", db_index=False, null=True
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="refund_of_something", condition=Q(quantity__gt=0)),
            models.CheckConstraint(name="refund_has_a_reason", condition=~Q(reason="")),
        ]
        indexes: ClassVar = [
            models.Index(name="refund_of_redemption", fields=["community", "redemption"]),
            models.Index(
                name="refund_unsettled",
                fields=["community", "partnership", "refunded_at"],
                condition=Q(statement__isnull=True),
            ),
            models.Index(name="refund_in_statement", fields=["community", "statement"]),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="refund_stays", operation=pgtrigger.Delete),
            trigger("refund_is_told", pgtrigger.Insert),
            ReadOnly(name="refund_is_final", exclude=["statement"]),
            set_once("refund_settled_once", "statement"),
            trigger("refund_is_counted", pgtrigger.Insert),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.redemption_id}"


class ScanAttempt(TenantModel):
    """A code brought to a counter, with its outcome: refused attempts are kept too.

    ``clerk`` is the volunteer if they confirm with the shop's code.
    """

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", db_index=False)
    clerk = PersonKey()
    code = models.CharField(max_length=64)
    outcome = models.CharField(max_length=30)  # "redeemed", or the refusal's code
    redemption = TenantForeignKey(
        Redemption, models.PROTECT, related_name="+", db_index=False, null=True
    )
    scanned_at = models.DateTimeField(db_default=Now())
    # For a scan without signal, uploaded later: the device, its nonce, and the time by the
    # device's clock.
    device = models.ForeignKey(Device, models.PROTECT, related_name="+", db_index=False, null=True)
    nonce = models.CharField(max_length=64, blank=True, db_default="")
    device_time = models.DateTimeField(null=True)
    # The moment the scan counts for, and a mark if the device's clock is not believed (clocks.py).
    counts_at = models.DateTimeField(null=True)
    clock_mark = models.CharField(max_length=clocks.LONGEST_MARK, blank=True, db_default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="scan_told_once",
                fields=["community", "merchant", "device", "nonce"],
                condition=Q(device__isnull=False),
            ),
            models.CheckConstraint(
                name="scan_of_a_device_is_complete",
                condition=Q(
                    device__isnull=True,
                    nonce="",
                    device_time__isnull=True,
                    counts_at__isnull=True,
                    clock_mark="",
                )
                | Q(
                    Q(device__isnull=False, device_time__isnull=False, counts_at__isnull=False),
                    ~Q(nonce=""),
                ),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="scan_of_voucher", fields=["community", "redemption"]),
            models.Index(
                name="scan_that_was_refused",
                fields=["community", "-id"],
                condition=~Q(outcome="redeemed"),
            ),
            models.Index(name="scan_at_merchant", fields=["community", "merchant", "-id"]),
            models.Index(
                name="scan_that_may_be_a_guess",
                fields=["community", "merchant", "clerk", "scanned_at"],
                condition=Q(outcome="code_unknown"),
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="scan_stays", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.outcome}"


class PayCode(TenantModel):
    """A code that a volunteer's phone shows for a minute, and that pays at a counter once.

    The row is found by the code's digest; the code itself is kept, encrypted, until it is used. The
    row stays for an hour, so that an old or used code is refused as such.
    """

    volunteer = PersonKey()
    code_digest = models.CharField(max_length=64)
    code_encrypted = models.TextField(blank=True)  # see backend/accounts/vault.py
    made_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="pay_code_once", fields=["community", "code_digest"])
        ]
        indexes: ClassVar = [
            models.Index(name="pay_code_of_volunteer", fields=["community", "volunteer"])
        ]

    def __str__(self) -> str:
        return f"until {self.expires_at}"

    @property
    def code(self) -> str | None:
        """The code in the clear; None once it was used."""
        return vault.decrypt(self.code_encrypted) if self.code_encrypted else None

    @staticmethod
    def digest_of(code: str) -> str:
        """Return the digest by which a code, as it was made, is found."""
        return sha256(code.encode()).hexdigest()


class VoucherKey(TenantModel):
    """An Ed25519 key of one community; the newest one signs.

    Keys that are not withdrawn are published to the community's merchants.
    """

    kid = models.CharField(max_length=8)  # of the public key's SHA-256, in hexadecimal
    public_key = models.CharField(max_length=43)  # its 32 bytes in base64url, as in a JWK
    private_key_encrypted = models.TextField()  # a Fernet token of its 32 bytes in hexadecimal
    made_at = models.DateTimeField(db_default=Now())
    withdrawn_at = models.DateTimeField(null=True)  # it got out: nothing it signed is taken

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="voucher_key_once", fields=["community", "kid"])
        ]
        triggers: ClassVar = [
            ReadOnly(name="voucher_key_is_final", exclude=["private_key_encrypted", "withdrawn_at"])
        ]

    def __str__(self) -> str:
        return self.kid

    @property
    def private_key(self) -> bytes:
        """The private key's 32 bytes, in the clear."""
        return bytes.fromhex(vault.decrypt(self.private_key_encrypted))

    @private_key.setter
    def private_key(self, raw: bytes) -> None:
        self.private_key_encrypted = vault.encrypt(raw.hex())
