"""What raises what a community owes: asked for by one of its staff, confirmed by another."""

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from merchants import triggers
from merchants.catalogue.models import Offer
from merchants.giving.models.wishes import Wish
from merchants.partners.models.partnerships import Partnership


class Increase(TenantModel):
    """Somebody of the staff wants what may cost more: pending → confirmed | rejected | dropped.

    Below the community's limit it is done at once: ``alone``, until another confirms it too.
    ``facts`` are what is to be done, as the service of its kind takes them. ``amount_fen`` is
    what it may cost more, NULL where that has no bound. Source: docs/settlement.md.
    """

    class Kind(models.TextChoices):
        TERMS = "terms"  # of ``partnership``
        PRICE = "price"  # and conditions of ``offer``
        LISTING = "listing"  # of ``offer``, as it is now
        WISH = "wish"  # is published
        LIMIT = "limit"  # of the community: what one person raises alone

    class State(models.TextChoices):
        PENDING = "pending"
        ALONE = "alone"
        CONFIRMED = "confirmed"
        REJECTED = "rejected"
        DROPPED = "dropped"  # what it is about was changed meanwhile

    kind = models.CharField(max_length=7, choices=Kind)
    partnership = models.ForeignKey(
        Partnership, models.PROTECT, related_name="increases", db_index=False, null=True
    )
    offer = models.ForeignKey(
        Offer, models.PROTECT, related_name="increases", db_index=False, null=True
    )
    wish = models.ForeignKey(
        Wish, models.PROTECT, related_name="increases", db_index=False, null=True
    )
    facts = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    amount_fen = models.PositiveBigIntegerField(null=True)
    state = models.CharField(max_length=9, choices=State, default=State.PENDING)
    asked_at = models.DateTimeField(db_default=Now())
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )

    class Meta:
        constraints: ClassVar = [
            # Who asked may take it back, and that is a rejection.
            models.CheckConstraint(
                name="increase_confirmed_by_another",
                condition=~Q(state="confirmed", decided_by=F("asked_by")),
            ),
            models.CheckConstraint(
                name="increase_decision_is_complete",
                condition=Q(
                    state__in=["confirmed", "rejected"],
                    decided_at__isnull=False,
                    decided_by__isnull=False,
                )
                | Q(
                    state__in=["pending", "alone", "dropped"],
                    decided_at__isnull=True,
                    decided_by__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="increase_alone_has_a_bound",
                condition=~Q(state="alone", amount_fen__isnull=True),
            ),
            models.CheckConstraint(
                name="increase_is_about_something",
                condition=Q(
                    kind="terms", partnership__isnull=False, offer__isnull=True, wish__isnull=True
                )
                | Q(
                    kind__in=["price", "listing"],
                    partnership__isnull=False,
                    offer__isnull=False,
                    wish__isnull=True,
                )
                | Q(kind="wish", partnership__isnull=True, offer__isnull=True, wish__isnull=False)
                | Q(kind="limit", partnership__isnull=True, offer__isnull=True, wish__isnull=True),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="increase_newest", fields=["community", "-id"]),
            models.Index(
                name="increase_alone",
                fields=["community", "asked_by", "asked_at"],
                condition=Q(state="alone"),
            ),
            models.Index(
                name="increase_of_offer",
                fields=["community", "offer"],
                condition=Q(state__in=["pending", "alone"]),
            ),
            models.Index(name="increase_of_wish", fields=["community", "wish"]),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="increase_stays", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="increase_as_it_was_asked", exclude=["state", "decided_at", "decided_by"]
            ),
            pgtrigger.FSM(
                name="increase_is_decided_once",
                field="state",
                transitions=[
                    ("pending", "confirmed"),
                    ("pending", "rejected"),
                    ("pending", "dropped"),
                    ("alone", "confirmed"),
                ],
            ),
            pgtrigger.Protect(
                name="increase_decision_is_final",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__state__in=["confirmed", "rejected", "dropped"]),
            ),
            pgtrigger.Trigger(
                name="increase_not_their_own",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__partnership__isnull=False),
                func=triggers.not_their_own("NEW.asked_by_id"),
            ),
            pgtrigger.Trigger(
                name="increase_not_decided_by_their_own",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(
                    new__partnership__isnull=False,
                    old__decided_by__df=pgtrigger.F("new__decided_by"),
                ),
                func=triggers.not_their_own("NEW.decided_by_id"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}, {self.amount_fen} fen: {self.state}"
