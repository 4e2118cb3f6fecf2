"""Points given back 公益反哺, what staff spent them on, and what merchants gave."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.sql import sql
from merchants import triggers
from merchants.partners.models.partnerships import Partnership


class Cause(TenantModel):
    """Something good that points are collected for: its pool is what was given and not spent."""

    title = models.CharField(max_length=60)
    description = models.CharField(max_length=500, blank=True)
    opened_at = models.DateTimeField(db_default=Now())
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    closed_at = models.DateTimeField(null=True)  # takes no more; what is there is still spent

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="cause_title_once", fields=["community", "title"])
        ]
        triggers: ClassVar = [pgtrigger.Protect(name="cause_stays", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.title


class Gift(TenantModel):
    """A volunteer gave points back, for good."""

    cause = models.ForeignKey(Cause, models.PROTECT, related_name="gifts", db_index=False)
    volunteer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    points = models.PositiveIntegerField()
    given_at = models.DateTimeField(db_default=Now())
    transfer = models.ForeignKey(
        "points.Transfer", models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="gift_of_something", condition=Q(points__gt=0))
        ]
        indexes: ClassVar = [
            models.Index(name="gift_to_cause", fields=["community", "cause"]),
            models.Index(name="gift_of_volunteer", fields=["community", "volunteer", "-id"]),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="gift_stays", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.points} for {self.cause_id}"


class Spending(TenantModel):
    """What staff used a cause's points for. Everybody reads it."""

    cause = models.ForeignKey(Cause, models.PROTECT, related_name="spendings", db_index=False)
    points = models.PositiveIntegerField()
    words = models.CharField(max_length=200)  # what for; names nobody
    spent_at = models.DateTimeField(db_default=Now())
    spent_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    transfer = models.ForeignKey(
        "points.Transfer", models.PROTECT, related_name="+", db_index=False
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="spending_of_something", condition=Q(points__gt=0)),
            models.CheckConstraint(name="spending_says_what_for", condition=~Q(words="")),
        ]
        indexes: ClassVar = [models.Index(name="spending_of_cause", fields=["community", "cause"])]
        triggers: ClassVar = [
            pgtrigger.Protect(name="spending_stays", operation=pgtrigger.Update | pgtrigger.Delete),
            # Under the cause's lock, which the service takes: gifts only ever add.
            pgtrigger.Trigger(
                name="spending_within_gifts",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=sql("spending_within_gifts"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.points} of {self.cause_id}"


class Sponsorship(TenantModel):
    """What a merchant gave to the community without being paid: goods, a room, a prize."""

    partnership = models.ForeignKey(
        Partnership, models.PROTECT, related_name="sponsorships", db_index=False
    )
    words = models.CharField(max_length=200)
    value_fen = models.PositiveBigIntegerField(null=True)  # about what it would have cost
    given_on = models.DateField()  # the community's day
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(name="sponsorship_in_community", fields=["community", "-id"])
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(
                name="sponsorship_stays", operation=pgtrigger.Update | pgtrigger.Delete
            ),
            pgtrigger.Trigger(
                name="sponsorship_not_their_own",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func=triggers.not_their_own("NEW.recorded_by_id"),
            ),
        ]

    def __str__(self) -> str:
        return self.words
