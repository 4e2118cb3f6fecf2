"""Contracts between communities and merchants."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.communities.models import CoordType, TenantModel
from backend.names import ComparedField
from backend.registries import sealed
from backend.tables import FSM, PersonKey, ReadOnly, TenantForeignKey, set_once, together, trigger
from merchants.partners.models.merchants import Merchant
from merchants.triggers import not_their_own


class Partnership(TenantModel):
    """A merchant as a partner of one community, and its shop there. ``Terms`` say what it is paid.

    A partner elsewhere is asked until its owner accepts: asked → candidate | declined.
    """

    class Status(models.TextChoices):
        ASKED = "asked"  # a partner elsewhere; its owner has not said yes
        DECLINED = "declined"  # and said no, or not yet
        CANDIDATE = "candidate"  # talked to
        CONTRACT = "contract"  # agreed with, nothing on offer yet
        ACTIVE = "active"
        SUSPENDED = "suspended"  # nothing new is taken; what is held can be scanned
        ENDED = "ended"  # the same, for good; what is owed is still settled

    merchant = models.ForeignKey(
        Merchant, models.PROTECT, related_name="partnerships", db_index=False
    )
    name = models.CharField(max_length=60)  # the merchant's, as this community lists it
    name_compared = ComparedField(of="name")
    status = models.CharField(max_length=9, choices=Status, default=Status.ACTIVE)
    settlement_day = models.PositiveSmallIntegerField(default=1)  # a period starts on it
    since_at = models.DateTimeField(db_default=Now())
    # NULL: the owner has not accepted, and the community learns nothing of the merchant.
    accepted_at = models.DateTimeField(null=True, db_default=Now())
    shop_code = models.CharField(max_length=12, null=True)  # hangs at the counter; no secret
    # Facts of the shop: none is personal.
    contact_phone = models.CharField(max_length=20, blank=True)
    address = models.CharField(max_length=120, blank=True)
    opening_hours = models.CharField(max_length=120, blank=True)  # in words: 周一至周五 9:00–21:00
    latitude = models.FloatField(
        null=True, validators=[MinValueValidator(-90), MaxValueValidator(90)]
    )
    longitude = models.FloatField(
        null=True, validators=[MinValueValidator(-180), MaxValueValidator(180)]
    )
    coord_type = models.CharField(max_length=5, choices=CoordType, default=CoordType.WGS84)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="partner_once", fields=["community", "merchant"]),
            models.UniqueConstraint(
                name="partner_name_once", fields=["community", "name_compared"]
            ),
            models.UniqueConstraint(name="shop_code_once", fields=["community", "shop_code"]),
            models.CheckConstraint(
                name="partner_settled_on_a_day_of_every_month",
                condition=Q(settlement_day__range=(1, 28)),
            ),
            models.CheckConstraint(
                name="partner_with_its_owners_yes",
                condition=Q(status__in=["asked", "declined"], accepted_at__isnull=True)
                | Q(~Q(status__in=["asked", "declined"]), accepted_at__isnull=False),
            ),
            models.CheckConstraint(
                name="partner_on_the_map_or_not",
                condition=together("latitude", "longitude"),
            ),
        ]
        triggers: ClassVar = [
            FSM(
                name="partnership_goes_its_way",
                field="status",
                transitions=[
                    ("asked", "candidate"),
                    ("asked", "declined"),
                    ("declined", "candidate"),
                    ("candidate", "contract"),
                    ("candidate", "ended"),
                    ("contract", "active"),
                    ("contract", "ended"),
                    ("active", "suspended"),
                    ("active", "ended"),
                    ("suspended", "active"),
                    ("suspended", "ended"),
                ],
            )
        ]

    def __str__(self) -> str:
        return self.name


_IS_WITHDRAWN = pgtrigger.Q(old__withdrawn_at__isnull=True, new__withdrawn_at__isnull=False)
_HAS_ENDED = "{row}.withdrawn_at IS NOT NULL"


class Terms(TenantModel):
    """One version of a contract: what the community pays for redemptions. It never changes.

    The highest version valid on the community's day counts, and is frozen into vouchers taken on
    that day. A version not in force yet can be withdrawn, and then never counts.
    """

    class Kind(models.TextChoices):
        PER_POINT = "per_point"  # fen_per_point for every point
        SHARE = "share"  # share_bp / 10,000 of what the piece costs in the shop
        PER_PIECE = "per_piece"  # what was agreed for that offer
        DONATED = "donated"  # 公益捐赠: nothing; fen_per_point, if told, says what was given

    partnership = TenantForeignKey(
        Partnership, models.PROTECT, related_name="terms", db_index=False
    )
    version = models.PositiveIntegerField()
    kind = models.CharField(max_length=9, choices=Kind)
    fen_per_point = models.PositiveIntegerField(null=True)
    share_bp = models.PositiveIntegerField(null=True)
    valid_from = models.DateField(null=True)  # the community's day; NULL: from the first one on
    agreed_at = models.DateTimeField(db_default=Now())
    agreed_by = models.ForeignKey(  # NULL: imported
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = PersonKey(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="terms_version_once", fields=["community", "partnership", "version"]
            ),
            models.CheckConstraint(
                name="terms_are_complete",
                condition=Q(kind="per_point", fen_per_point__isnull=False, share_bp__isnull=True)
                | Q(kind="share", fen_per_point__isnull=True, share_bp__range=(1, 10_000))
                | Q(kind="per_piece", fen_per_point__isnull=True, share_bp__isnull=True)
                | Q(kind="donated", share_bp__isnull=True),
            ),
            models.CheckConstraint(
                name="terms_begin_with_the_first",
                condition=Q(version=1) | Q(version__gt=1, valid_from__isnull=False),
            ),
            models.CheckConstraint(
                name="terms_withdrawn_by_somebody",
                condition=together("withdrawn_at", "withdrawn_by"),
            ),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="terms_stay", operation=pgtrigger.Delete),
            ReadOnly(name="terms_say_what_they_said", exclude=["withdrawn_at", "withdrawn_by"]),
            set_once("terms_withdrawn_once", "withdrawn_at"),
            trigger(
                "terms_withdrawn_in_time",
                pgtrigger.Update,
                when=pgtrigger.Before,
                condition=_IS_WITHDRAWN,
            ),
            trigger(
                "terms_withdrawn_in_time_still",
                pgtrigger.Update,
                body="terms_withdrawn_in_time",
                timing=pgtrigger.Deferred,
                condition=_IS_WITHDRAWN,
            ),
            not_their_own("terms_not_their_own", pgtrigger.Insert, "NEW.agreed_by_id"),
            not_their_own(
                "terms_not_withdrawn_for_their_own",
                pgtrigger.Update,
                "NEW.withdrawn_by_id",
                condition=_IS_WITHDRAWN,
            ),
            sealed.marked("terms"),
            sealed.marked("withdrawal", _HAS_ENDED),
        ]

    def __str__(self) -> str:
        return f"{self.partnership_id} {self.version}: {self.kind}"


sealed.register(
    sealed.Kind(
        name="terms",
        table="merchants_terms",
        facts=sealed.facts_of(
            Terms,
            "partnership version kind fen_per_point share_bp valid_from agreed_at agreed_by",
        ),
    ),
    sealed.Kind(
        name="withdrawal",
        table="merchants_terms",
        facts=sealed.facts_of(Terms, "partnership version withdrawn_at withdrawn_by"),
        due=_HAS_ENDED,
    ),
)
