"""Proposals about somebody's record, which one of the staff makes and another confirms; and links
to log in with."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.accounts import vault
from backend.communities.models import Community, TenantModel
from backend.invitations.models import Invitation, invitation_triggers
from backend.tables import PersonKey, never, stays

PROPOSALS_LAST = timedelta(days=7)
REASON_MAX = 200  # characters
# What erasing the person takes out of a proposal: people's words, and a number.
WORDS = "'{reason,phone_encrypted}'::text[]"


class Loss(models.TextChoices):
    """Why an authenticator is reset: a fact for the trail, which holds nobody's words."""

    LOST = "lost"
    REPLACED = "replaced"  # another phone
    STOLEN = "stolen"


class Proposal(TenantModel):
    """A proposal about a person: proposed → confirmed | rejected, within PROPOSALS_LAST.

    Two members of staff decide on it; whoever proposed it may take it back, a rejection.
    """

    class Status(models.TextChoices):
        PROPOSED = "proposed"
        CONFIRMED = "confirmed"
        REJECTED = "rejected"

    class SeenBy(models.TextChoices):
        """A way in which staff saw who the person is."""

        ID_CARD = "id_card"  # 身份证
        VISIT = "visit"  # at their home
        KNOWN = "known"  # whoever proposes it knows them in person
        GUARDIAN = "guardian"  # a parent or guardian vouches for them

    seen_by = models.CharField(max_length=8, choices=SeenBy)
    reason = models.CharField(max_length=REASON_MAX, blank=True)  # people's words
    status = models.CharField(max_length=9, choices=Status, default=Status.PROPOSED)
    proposed_by = PersonKey()
    proposed_at = models.DateTimeField(db_default=Now())
    decided_by = PersonKey(null=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    @property
    def expires_at(self) -> datetime:
        """The moment from which nobody can confirm it any more."""
        return self.proposed_at + PROPOSALS_LAST


def _by_two(name: str) -> list[models.BaseConstraint]:
    """Return the constraints that two people decide, and that a decision is complete."""
    return [
        models.CheckConstraint(
            name=f"{name}_confirmed_by_another",
            condition=~Q(status="confirmed", decided_by=F("proposed_by")),
        ),
        models.CheckConstraint(
            name=f"{name}_decision_is_complete",
            condition=Q(status="proposed", decided_by__isnull=True, decided_at__isnull=True)
            | Q(
                status__in=["confirmed", "rejected"],
                decided_by__isnull=False,
                decided_at__isnull=False,
            ),
        ),
    ]


def _final(name: str, decision: str) -> list[object]:
    """Return the triggers that keep a proposal's terms, and its decision once it is made."""
    terms = f"'{{status,decided_by_id,decided_at{decision}}}'::text[] - {WORDS}"
    return [
        *stays(name),
        never(
            f"{name}_is_only_decided",
            f"to_jsonb(OLD) - {terms} IS DISTINCT FROM to_jsonb(NEW) - {terms}"
            f" OR OLD.status <> 'proposed' AND to_jsonb(OLD) - {WORDS}"
            f" IS DISTINCT FROM to_jsonb(NEW) - {WORDS}"
            " OR NEW.reason NOT IN ('', OLD.reason)",
        ),
    ]


class LogInChange(Proposal):
    """A new phone number, or an end of the WeChat log-ins, of somebody who has lost theirs.

    ``phone_encrypted`` is the number that is to be theirs ("" for none, and once erased);
    ``ends_wechat`` forgets the WeChat accounts. They log in with another one, and are this person
    again once WeChat vouches for the number.
    """

    user = PersonKey()
    phone_encrypted = models.TextField(blank=True)  # see vault.py
    has_phone = models.BooleanField()
    ends_wechat = models.BooleanField()

    class Meta:
        constraints: ClassVar = [
            *_by_two("log_in_change"),
            models.CheckConstraint(
                name="log_in_change_of_somebody_else",
                condition=~Q(proposed_by=F("user")) & ~Q(decided_by=F("user")),
            ),
            models.CheckConstraint(
                name="log_in_change_changes_something",
                condition=Q(has_phone=True) | Q(ends_wechat=True),
            ),
        ]
        indexes: ClassVar = [models.Index(name="log_in_change_newest", fields=["community", "-id"])]
        triggers: ClassVar = _final("log_in_change", "")

    def __str__(self) -> str:
        return f"{self.user_id}: {self.status}"

    @property
    def phone(self) -> str:
        """The number that is to be theirs, decrypted; "" if it stays, or is erased."""
        return vault.decrypt(self.phone_encrypted) if self.phone_encrypted else ""


class Merge(Proposal):
    """Two records of one person, of which ``kept`` goes on and ``merged`` becomes history.

    It can not be undone: what was one person's twice can not be told apart afterwards.
    """

    class Conflict(models.TextChoices):
        """A conflict that stands against a merge; two people decide what those in TOLD mean."""

        MERGED_ALREADY = "merged_already"  # or erased
        HOLDS_A_ROLE = "holds_a_role"  # staff, manager, auditor or owner: hand over first
        SUSPENDED = "suspended"  # a merge lifts no suspension
        ERASURE_ASKED = "erasure_asked"
        BIRTHDAYS_DIFFER = "birthdays_differ"
        GUARDIAN_OF_EACH_OTHER = "guardian_of_each_other"
        AT_TWO_PLACES = "at_two_places"  # hours of both at one time
        DECIDED_EACH_OTHER = "decided_each_other"  # one verified, closed or approved the other's
        PAYOUT_PENDING = "payout_pending"
        COMMUNITY_MOVED = "community_moved"
        NAMES_DIFFER = "names_differ"
        WORKS_FOR_BOTH = "works_for_both"  # both work for one merchant
        UNDER_WAY = "under_way"  # vouchers, shifts, wishes: they end

    TOLD: ClassVar = (Conflict.NAMES_DIFFER, Conflict.WORKS_FOR_BOTH, Conflict.UNDER_WAY)

    merged = PersonKey()
    kept = PersonKey()
    figures = models.JSONField(default=dict)  # what each had where, when it was confirmed

    class Meta:
        constraints: ClassVar = [
            *_by_two("merge"),
            models.UniqueConstraint(
                name="merged_once", fields=["community", "merged"], condition=Q(status="confirmed")
            ),
            models.CheckConstraint(name="merge_of_two", condition=~Q(merged=F("kept"))),
            models.CheckConstraint(
                name="merge_of_somebody_else",
                condition=~Q(proposed_by=F("merged"))
                & ~Q(proposed_by=F("kept"))
                & ~Q(decided_by=F("merged"))
                & ~Q(decided_by=F("kept")),
            ),
        ]
        indexes: ClassVar = [models.Index(name="merge_newest", fields=["community", "-id"])]
        triggers: ClassVar = _final("merge", ",figures")

    def __str__(self) -> str:
        return f"{self.merged_id} into {self.kept_id}: {self.status}"


class LogInLink(Invitation):
    """A link by which ``user`` logs in, made by staff of a place; whoever has it is that person."""

    place = models.ForeignKey(Community, models.PROTECT, related_name="log_in_links")
    user = PersonKey(db_index=True)

    class Meta(Invitation.Meta):
        constraints: ClassVar = [
            *Invitation.Meta.constraints,
            models.CheckConstraint(
                name="log_in_link_of_somebody_else", condition=~Q(invited_by=F("user"))
            ),
            models.CheckConstraint(
                name="log_in_link_used_by_its_person",
                condition=Q(accepted_by__isnull=True) | Q(accepted_by=F("user")),
            ),
        ]
        triggers: ClassVar = invitation_triggers("place", "user")

    def __str__(self) -> str:
        return f"{self.user_id}: {self.status}"
