"""微心愿: what a volunteer wishes for, and who makes it come true."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from merchants import triggers
from merchants.partners.models.partnerships import Partnership
from merchants.redemption.models import Redemption


class Wish(TenantModel):
    """Proposed → published | rejected; published ⇄ adopted → delivered; or withdrawn.

    A merchant that adopts it is redeemed a voucher for it (``redemption``), as for any offer; a
    neighbour is paid nothing: the points held (``hold``) go into the pool of wishes.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed"
        PUBLISHED = "published"
        REJECTED = "rejected"
        ADOPTED = "adopted"
        DELIVERED = "delivered"
        WITHDRAWN = "withdrawn"

    OPEN = (State.PROPOSED, State.PUBLISHED, State.ADOPTED)

    volunteer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    words = models.CharField(max_length=200, blank=True)  # empty: the person was erased
    state = models.CharField(max_length=9, choices=State, default=State.PROPOSED)
    price_points = models.PositiveIntegerField(null=True)  # staff say
    value_fen = models.PositiveIntegerField(null=True)  # likewise, where a contract asks for it
    proposed_at = models.DateTimeField(db_default=Now())
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )
    because = models.CharField(max_length=200, blank=True)
    partnership = models.ForeignKey(
        Partnership, models.PROTECT, related_name="wishes", db_index=False, null=True
    )
    donor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )
    redemption = models.ForeignKey(
        Redemption, models.PROTECT, related_name="wishes", db_index=False, null=True
    )
    hold = models.ForeignKey(
        "points.Hold", models.PROTECT, related_name="+", db_index=False, null=True
    )
    closed_at = models.DateTimeField(null=True)
    thanks = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="wish_one_at_a_time",
                fields=["community", "volunteer"],
                condition=Q(state__in=["proposed", "published", "adopted"]),
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
                    state__in=["adopted", "delivered"],
                    partnership__isnull=False,
                    redemption__isnull=False,
                    donor__isnull=True,
                    hold__isnull=True,
                )
                | Q(
                    state__in=["adopted", "delivered"],
                    partnership__isnull=True,
                    redemption__isnull=True,
                    donor__isnull=False,
                    hold__isnull=False,
                )
                | Q(
                    ~Q(state__in=["adopted", "delivered"]),
                    partnership__isnull=True,
                    redemption__isnull=True,
                    donor__isnull=True,
                    hold__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="wish_has_a_price_once_published",
                condition=Q(state__in=["proposed", "rejected", "withdrawn"])
                | Q(price_points__gt=0, price_points__isnull=False, decided_by__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="wish_in_community", fields=["community", "state", "-id"]),
            models.Index(name="wish_of_redemption", fields=["community", "redemption"]),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="wish_stays", operation=pgtrigger.Delete),
            pgtrigger.FSM(
                name="wish_goes_its_way",
                field="state",
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
            pgtrigger.Trigger(
                name="wish_not_their_own",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__partnership__df=pgtrigger.F("new__partnership")),
                func=triggers.not_their_own("NEW.decided_by_id"),
            ),
        ]

    def __str__(self) -> str:
        return self.words
