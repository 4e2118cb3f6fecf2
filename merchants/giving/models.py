"""Donated points 公益反哺, what they were spent on, what merchants gave, and wishes 微心愿."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.tables import FSM, PersonKey, TenantForeignKey, trigger
from merchants.partners.models.partnerships import Partnership
from merchants.redemption.models import Redemption
from merchants.triggers import not_their_own


class Campaign(TenantModel):
    """A good cause for which points are collected. Its pool is what was donated and not spent."""

    title = models.CharField(max_length=60)
    description = models.CharField(max_length=500, blank=True)
    opened_at = models.DateTimeField(db_default=Now())
    opened_by = PersonKey()
    closed_at = models.DateTimeField(null=True)  # takes no more; what is there is still spent

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="campaign_title_once", fields=["community", "title"])
        ]
        triggers: ClassVar = [pgtrigger.Protect(name="campaign_stays", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.title


class Donation(TenantModel):
    """Points that a volunteer gave back, for good."""

    campaign = TenantForeignKey(Campaign, models.PROTECT, related_name="donations", db_index=False)
    volunteer = PersonKey()
    points = models.PositiveIntegerField()
    donated_at = models.DateTimeField(db_default=Now())
    transfer = TenantForeignKey("points.Transfer", models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="donation_of_something", condition=Q(points__gt=0))
        ]
        indexes: ClassVar = [
            models.Index(name="donation_to_campaign", fields=["community", "campaign"]),
            models.Index(name="donation_of_volunteer", fields=["community", "volunteer", "-id"]),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="donation_stays", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.points} for {self.campaign_id}"


class Disbursement(TenantModel):
    """A use of a campaign's points by staff, which is public."""

    campaign = TenantForeignKey(
        Campaign, models.PROTECT, related_name="disbursements", db_index=False
    )
    points = models.PositiveIntegerField()
    reason = models.CharField(max_length=200)  # what for; names nobody
    disbursed_at = models.DateTimeField(db_default=Now())
    disbursed_by = PersonKey()
    transfer = TenantForeignKey("points.Transfer", models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="disbursement_of_something", condition=Q(points__gt=0)),
            models.CheckConstraint(name="disbursement_says_what_for", condition=~Q(reason="")),
        ]
        indexes: ClassVar = [
            models.Index(name="disbursement_of_campaign", fields=["community", "campaign"])
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="disbursement_stays", operation=pgtrigger.Update | pgtrigger.Delete
            ),
            # The service holds the campaign's lock; concurrent donations only add to the pool.
            trigger("disbursement_within_donations", pgtrigger.Insert),
        ]

    def __str__(self) -> str:
        return f"{self.points} of {self.campaign_id}"


class Sponsorship(TenantModel):
    """What a merchant gave to the community without being paid: goods, a room, a prize."""

    partnership = TenantForeignKey(
        Partnership, models.PROTECT, related_name="sponsorships", db_index=False
    )
    text = models.CharField(max_length=200)
    value_fen = models.PositiveBigIntegerField(null=True)  # about what it would have cost
    given_on = models.DateField()  # the community's day
    recorded_by = PersonKey()
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(name="sponsorship_in_community", fields=["community", "-id"])
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="sponsorship_stays", operation=pgtrigger.Update | pgtrigger.Delete
            ),
            not_their_own("sponsorship_not_their_own", pgtrigger.Insert, "NEW.recorded_by_id"),
        ]

    def __str__(self) -> str:
        return self.text


class Wish(TenantModel):
    """A wish: proposed → published | rejected; published ⇄ adopted → delivered; or withdrawn.

    A merchant that adopts it redeems a voucher (``redemption``), as for any offer. A neighbour is
    paid nothing: the held points (``hold``) go into the pool of wishes.
    """

    class Status(models.TextChoices):
        PROPOSED = "proposed"
        PUBLISHED = "published"
        REJECTED = "rejected"
        ADOPTED = "adopted"
        DELIVERED = "delivered"
        WITHDRAWN = "withdrawn"

    OPEN = (Status.PROPOSED, Status.PUBLISHED, Status.ADOPTED)

    volunteer = PersonKey()
    text = models.CharField(max_length=200, blank=True)  # empty: the person was erased
    status = models.CharField(max_length=9, choices=Status, default=Status.PROPOSED)
    price_points = models.PositiveIntegerField(null=True)  # staff say
    value_fen = models.PositiveIntegerField(null=True)  # likewise, where a contract asks for it
    proposed_at = models.DateTimeField(db_default=Now())
    decided_by = PersonKey(null=True)
    reason = models.CharField(max_length=200, blank=True)
    partnership = TenantForeignKey(
        Partnership, models.PROTECT, related_name="wishes", db_index=False, null=True
    )
    donor = PersonKey(null=True)
    redemption = TenantForeignKey(
        Redemption, models.PROTECT, related_name="wishes", db_index=False, null=True
    )
    hold = TenantForeignKey(
        "points.Hold", models.PROTECT, related_name="+", db_index=False, null=True
    )
    closed_at = models.DateTimeField(null=True)
    thanks = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="wish_one_at_a_time",
                fields=["community", "volunteer"],
                condition=Q(status__in=["proposed", "published", "adopted"]),
            ),
            models.CheckConstraint(
                name="wish_decided_by_another", condition=~Q(decided_by=F("volunteer"))
            ),
            models.CheckConstraint(
                name="wish_granted_by_another", condition=~Q(donor=F("volunteer"))
            ),
            models.CheckConstraint(
                name="wish_adopted_by_one",
                condition=Q(
                    status__in=["adopted", "delivered"],
                    partnership__isnull=False,
                    redemption__isnull=False,
                    donor__isnull=True,
                    hold__isnull=True,
                )
                | Q(
                    status__in=["adopted", "delivered"],
                    partnership__isnull=True,
                    redemption__isnull=True,
                    donor__isnull=False,
                    hold__isnull=False,
                )
                | Q(
                    ~Q(status__in=["adopted", "delivered"]),
                    partnership__isnull=True,
                    redemption__isnull=True,
                    donor__isnull=True,
                    hold__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="wish_has_a_price_once_published",
                condition=Q(status__in=["proposed", "rejected", "withdrawn"])
                | Q(price_points__gt=0, price_points__isnull=False, decided_by__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="wish_in_community", fields=["community", "status", "-id"]),
            models.Index(name="wish_of_redemption", fields=["community", "redemption"]),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="wish_stays", operation=pgtrigger.Delete),
            FSM(
                name="wish_goes_its_way",
                field="status",
                transitions=[
                    ("proposed", "published"),
                    ("proposed", "rejected"),
                    ("proposed", "withdrawn"),
                    ("published", "adopted"),
                    ("published", "withdrawn"),
                    ("adopted", "published"),
                    ("adopted", "delivered"),
                    ("adopted", "withdrawn"),
                ],
            ),
            not_their_own(
                "wish_not_their_own",
                pgtrigger.Update,
                "NEW.decided_by_id",
                condition=pgtrigger.Q(old__partnership__df=pgtrigger.F("new__partnership")),
            ),
        ]

    def __str__(self) -> str:
        return self.text
