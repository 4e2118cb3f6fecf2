"""Offers, and the fairs 积分兑换集市 at which several merchants redeem points."""

from pathlib import PurePath
from typing import ClassVar
from uuid import UUID

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.events.models import Scheduled, Series, Venue
from backend.tables import FSM, PersonKey, ReadOnly, TenantForeignKey, never, set_once
from merchants.partners.models.partnerships import Partnership
from merchants.triggers import not_their_own

PIECES_AT_MOST = 1_000_000  # that somebody puts in stock; what is given back comes on top


class Offer(TenantModel):
    """Something to be had for points: proposed → listed ⇄ withdrawn | rejected.

    An offer that its owner changes is proposed again. ``stock`` counts the pieces left to take now.
    Held vouchers keep their price.
    """

    class Status(models.TextChoices):
        PROPOSED = "proposed"
        LISTED = "listed"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"

    class Kind(models.TextChoices):
        GOODS = "goods"
        DISCOUNT = "discount"
        SERVICE = "service"
        SEAT = "seat"  # in a course that begins at ``starts_at``
        POINTS = "points"  # plain ones, by pay code: one for each partner, never listed
        WISH = "wish"  # somebody's, adopted: one piece, never listed

    MADE_BY_US = (Kind.POINTS, Kind.WISH)

    class Period(models.TextChoices):
        """The period of a limit, by the community's calendar; a week begins on Monday."""

        DAY = "day"
        WEEK = "week"
        MONTH = "month"
        YEAR = "year"
        EVER = "ever"

    partnership = TenantForeignKey(
        Partnership, models.PROTECT, related_name="offers", db_index=False
    )
    code = models.CharField(max_length=30)
    title = models.CharField(max_length=60)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.GOODS)
    description = models.CharField(max_length=500, blank=True)
    picture = models.FileField(upload_to="offers", blank=True)  # re-encoded; by a random name
    starts_at = models.DateTimeField(null=True)
    price_points = models.PositiveIntegerField()
    value_fen = models.PositiveIntegerField(null=True)  # what a piece costs in the shop
    settled_fen = models.PositiveIntegerField(null=True)  # agreed for a piece; by ``Terms``
    # Wider than the limit for restocking: a refund, which adds to it, must never fail.
    stock = models.PositiveBigIntegerField()
    status = models.CharField(max_length=9, choices=Status, default=Status.LISTED)
    staff_withdrew = models.BooleanField(default=False)  # then owners do not put it back
    # Conditions of taking it. Days are the community's, both included; NULL is no bound.
    valid_from = models.DateField(null=True)
    valid_until = models.DateField(null=True)
    limit_quantity = models.PositiveIntegerField(null=True)  # pieces of one person per period
    limit_period = models.CharField(max_length=5, choices=Period, null=True)
    min_hours = models.PositiveIntegerField(default=0)  # verified there
    min_stars = models.PositiveSmallIntegerField(default=0)
    groups = ArrayField(models.CharField(max_length=10), default=list)  # empty: everybody
    min_age = models.PositiveSmallIntegerField(null=True)
    max_age = models.PositiveSmallIntegerField(null=True)
    scans_offline = models.BooleanField(default=False)  # a counter without signal may take it
    offline_hours = models.PositiveSmallIntegerField(default=24)  # which it may be told late
    proposed_by = models.ForeignKey(  # NULL: imported
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )
    decided_by = PersonKey(null=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="offer_code_once", fields=["community", "code"]),
            models.CheckConstraint(name="offer_costs_points", condition=Q(price_points__gt=0)),
            models.CheckConstraint(
                name="offer_decided_by_another", condition=~Q(decided_by=F("proposed_by"))
            ),
            models.CheckConstraint(
                name="offer_seat_has_a_date",
                condition=Q(kind="seat", starts_at__isnull=False)
                | Q(~Q(kind="seat"), starts_at__isnull=True),
            ),
            models.CheckConstraint(
                name="offer_days_in_order", condition=Q(valid_until__gte=F("valid_from"))
            ),
            models.CheckConstraint(
                name="offer_limit_is_complete",
                condition=Q(limit_quantity__isnull=True, limit_period__isnull=True)
                | Q(limit_period__isnull=False, limit_quantity__gt=0, limit_quantity__isnull=False),
            ),
            models.CheckConstraint(
                name="offer_told_within_a_week", condition=Q(offline_hours__range=(1, 168))
            ),
            models.CheckConstraint(
                name="offer_stars_and_ages",
                condition=Q(min_stars__lte=5)
                & (Q(max_age__gte=F("min_age")) | Q(max_age=None) | Q(min_age=None)),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="offer_of_partner", fields=["community", "partnership"])
        ]
        triggers: ClassVar = [
            FSM(
                name="offer_is_decided_once",
                field="status",
                transitions=[
                    ("proposed", "listed"),
                    ("proposed", "rejected"),
                    ("listed", "withdrawn"),
                    ("withdrawn", "listed"),
                    ("listed", "proposed"),  # its owner changed it
                    ("withdrawn", "proposed"),
                ],
            ),
            not_their_own(
                "offer_not_their_own",
                pgtrigger.Update,
                "NEW.decided_by_id",
                condition=pgtrigger.Q(old__decided_by__df=pgtrigger.F("new__decided_by")),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def picture_url(self) -> str | None:
        """Address of the picture; each picture has its own."""
        return picture_url(self.pk, self.picture.name or "")


def picture_url(offer_id: UUID, name: str) -> str | None:
    """Return the address of an offer's picture by its file's name; ``None`` without a file."""
    return f"/api/v1/offers/{offer_id}/pictures/{PurePath(name).stem}" if name else None


class OfferPrice(TenantModel):
    """The price of an offer from ``since_at`` on: the history of its prices.

    A price that ``is_proposed`` does not count; listing the offer records it as one that does.
    """

    offer = TenantForeignKey(Offer, models.PROTECT, related_name="prices", db_index=False)
    price_points = models.PositiveIntegerField()
    value_fen = models.PositiveIntegerField(null=True)
    settled_fen = models.PositiveIntegerField(null=True)
    is_proposed = models.BooleanField(default=False)
    since_at = models.DateTimeField(db_default=Now())
    set_by = models.ForeignKey(  # NULL: imported
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(name="price_of_offer", fields=["community", "offer", "-id"])
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="price_stays", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.offer_id}: {self.price_points}"


class StockMove(TenantModel):
    """Pieces added or removed by hand; redemptions are not recorded here."""

    offer = TenantForeignKey(Offer, models.PROTECT, related_name="stock_moves", db_index=False)
    change = models.IntegerField()  # pieces
    stock = models.PositiveBigIntegerField()  # afterwards
    reason = models.CharField(max_length=200, blank=True)
    moved_at = models.DateTimeField(db_default=Now())
    moved_by = PersonKey()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="stock_move_moves", condition=~Q(change=0))
        ]
        indexes: ClassVar = [
            models.Index(name="stock_move_of_offer", fields=["community", "offer", "-id"])
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="stock_move_stays", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.offer_id}: {self.change:+}"


class SeriesStall(TenantModel):
    """A merchant that is to have a stall at the fair of each occurrence of a series."""

    series = TenantForeignKey(Series, models.PROTECT, related_name="stalls", db_index=False)
    partnership = TenantForeignKey(
        Partnership, models.PROTECT, related_name="series_stalls", db_index=False
    )
    placed_by = PersonKey()  # whose fairs they are

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="series_stall_once", fields=["community", "series", "partnership"]
            )
        ]
        triggers: ClassVar = [
            not_their_own("series_stall_not_their_own", pgtrigger.Insert, "NEW.placed_by_id")
        ]

    def __str__(self) -> str:
        return f"{self.partnership_id} at {self.series_id}"


class Fair(Scheduled):
    """A redemption fair. Redemptions of its merchants while it lasts count as the fair's.

    It may be moved until it begins.
    """

    title = models.CharField(max_length=60)
    venue = TenantForeignKey(Venue, models.PROTECT, related_name="+", db_index=False, null=True)
    place = models.CharField(max_length=120, blank=True)
    partners = models.ManyToManyField(Partnership, through="FairStall", related_name="+")
    announced_at = models.DateTimeField(db_default=Now())
    announced_by = PersonKey()
    cancelled_by = PersonKey(null=True)

    class Meta(Scheduled.Meta):
        constraints: ClassVar = [
            *Scheduled.Meta.constraints,
            models.UniqueConstraint(
                name="fair_once_an_occurrence", fields=["community", "occurrence"]
            ),
        ]
        indexes: ClassVar = [models.Index(name="fair_by_end", fields=["community", "ends_at"])]
        triggers: ClassVar = [
            pgtrigger.Protect(name="fair_stays", operation=pgtrigger.Delete),
            ReadOnly(
                name="fair_is_final",
                exclude=[
                    *("starts_at", "ends_at", "venue", "place"),
                    *("status", "reason", "cancelled_at", "cancelled_by"),
                ],
            ),
            never(
                "fair_begun_is_not_moved",
                "OLD.starts_at <= now() AND (OLD.starts_at, OLD.ends_at, OLD.venue_id, OLD.place)"
                " IS DISTINCT FROM (NEW.starts_at, NEW.ends_at, NEW.venue_id, NEW.place)",
            ),
            set_once("fair_cancelled_stays_so", "cancelled_at"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def where(self) -> str:
        """The venue and the place there, in words; empty if nothing is said of it."""
        return " ".join(filter(None, [self.venue.name if self.venue else "", self.place]))


class FairStall(TenantModel):
    """A merchant that is at a fair."""

    fair = TenantForeignKey(Fair, models.PROTECT, related_name="stalls", db_index=False)
    partnership = TenantForeignKey(
        Partnership, models.PROTECT, related_name="stalls", db_index=False
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="stall_once", fields=["community", "fair", "partnership"])
        ]
        indexes: ClassVar = [
            models.Index(name="stall_of_partner", fields=["community", "partnership"])
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="stall_stays", operation=pgtrigger.Update | pgtrigger.Delete),
            not_their_own(
                "stall_not_their_own",
                pgtrigger.Insert,
                "(SELECT f.announced_by_id FROM merchants_fair f"
                " WHERE f.community_id = NEW.community_id AND f.id = NEW.fair_id)",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partnership_id} at {self.fair_id}"
