"""Increases of what a community owes: asked for by one member of staff, confirmed by another."""

from typing import ClassVar

import pgtrigger
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.tables import FSM, PersonKey, ReadOnly, TenantForeignKey
from merchants.partners.models.partnerships import Partnership
from merchants.triggers import not_their_own


class Increase(TenantModel):
    """An act of staff that may raise what is owed: pending → confirmed | rejected | dropped.

    Within the community's limit it is done at once and stays ``alone`` until another confirms it.
    ``subject_id`` names its partnership, offer or wish, depending on its kind. ``facts`` are the
    arguments for the service of its kind; slices declare their kinds, registered in apps.py.
    ``amount_fen`` is how much more it may cost, NULL if there is no bound. Source:
    docs/settlement.md.
    """

    class Kind(models.TextChoices):
        TERMS = "terms"  # of the partnership
        PRICE = "price"  # and conditions of an offer
        LISTING = "listing"  # of an offer, as it is now
        WISH = "wish"  # is published
        LIMIT = "limit"  # of the community: what one person raises alone

    class Status(models.TextChoices):
        PENDING = "pending"
        ALONE = "alone"
        CONFIRMED = "confirmed"
        REJECTED = "rejected"
        DROPPED = "dropped"  # what it is about was changed meanwhile

    kind = models.CharField(max_length=7, choices=Kind)
    partnership = TenantForeignKey(
        Partnership, models.PROTECT, related_name="increases", db_index=False, null=True
    )
    subject_id = models.UUIDField(null=True)
    facts = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    amount_fen = models.PositiveBigIntegerField(null=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    asked_at = models.DateTimeField(db_default=Now())
    asked_by = PersonKey()
    decided_at = models.DateTimeField(null=True)
    decided_by = PersonKey(null=True)

    class Meta:
        constraints: ClassVar = [
            # The person who asked may take it back, which is a rejection.
            models.CheckConstraint(
                name="increase_confirmed_by_another",
                condition=~Q(status="confirmed", decided_by=F("asked_by")),
            ),
            models.CheckConstraint(
                name="increase_decision_is_complete",
                condition=Q(
                    status__in=["confirmed", "rejected"],
                    decided_at__isnull=False,
                    decided_by__isnull=False,
                )
                | Q(
                    status__in=["pending", "alone", "dropped"],
                    decided_at__isnull=True,
                    decided_by__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="increase_alone_has_a_bound",
                condition=~Q(status="alone", amount_fen__isnull=True),
            ),
            models.CheckConstraint(
                name="increase_is_about_something",
                condition=Q(
                    kind__in=["terms", "price", "listing"],
                    partnership__isnull=False,
                    subject_id__isnull=False,
                )
                | Q(kind="wish", partnership__isnull=True, subject_id__isnull=False)
                | Q(kind="limit", partnership__isnull=True, subject_id__isnull=True),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="increase_newest", fields=["community", "-id"]),
            models.Index(
                name="increase_alone",
                fields=["community", "asked_by", "asked_at"],
                condition=Q(status="alone"),
            ),
            models.Index(name="increase_of_subject", fields=["community", "subject_id"]),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="increase_stays", operation=pgtrigger.Delete),
            ReadOnly(
                name="increase_as_it_was_asked", exclude=["status", "decided_at", "decided_by"]
            ),
            FSM(
                name="increase_is_decided_once",
                field="status",
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
                condition=pgtrigger.Q(old__status__in=["confirmed", "rejected", "dropped"]),
            ),
            not_their_own(
                "increase_not_their_own",
                pgtrigger.Insert,
                "NEW.asked_by_id",
                condition=pgtrigger.Q(new__partnership__isnull=False),
            ),
            not_their_own(
                "increase_not_decided_by_their_own",
                pgtrigger.Update,
                "NEW.decided_by_id",
                condition=pgtrigger.Q(
                    new__partnership__isnull=False,
                    old__decided_by__df=pgtrigger.F("new__decided_by"),
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}, {self.amount_fen} fen: {self.status}"

    @property
    def waits_for_terms(self) -> bool:
        """Tell whether it asks for a version of the contract and is not decided."""
        return (self.kind, self.status) == (self.Kind.TERMS, self.Status.PENDING)
