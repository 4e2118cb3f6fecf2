"""Samples and their items. A sample that was signed off never changes."""

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.tables import PersonKey, ReadOnly, TenantForeignKey, set_once, stays, together, trigger

SIZE_MAX = 1_000  # items: more than anybody looks into one by one
SEED_MAX = 64  # characters
NOTE_MAX = 500
CONCLUSION_MAX = 1_000


class Sample(TenantModel):
    """Rows of one kind and period, drawn by chance: drawn → marked → signed off.

    Anybody who knows ``seed`` and the ids of the period's rows draws the same: in the order of
    SHA-256 of ``<seed>:<id>`` (UTF-8, the id in lower case with dashes) the first ``size_asked``.
    ``population`` is how many rows the period had then, all of them past. ``head`` is that of the
    ledger's last seal at the drawing.
    """

    subject = models.SlugField(max_length=20, db_index=False)  # subjects.py: "award"
    since = models.DateField()  # the first day of the period, by the community's clock
    until = models.DateField()  # and the last
    size_asked = models.PositiveIntegerField()
    population = models.PositiveBigIntegerField()
    seed = models.CharField(max_length=SEED_MAX)
    is_seed_given = models.BooleanField()  # by whoever drew it; else it is random
    head_number = models.PositiveBigIntegerField(null=True)  # NULL: nothing was sealed yet
    head = models.CharField(max_length=64, blank=True)  # in hexadecimal
    drawn_by = PersonKey()
    drawn_at = models.DateTimeField(db_default=Now())
    signed_off_by = PersonKey(null=True)
    signed_off_at = models.DateTimeField(null=True)
    conclusion = models.CharField(max_length=CONCLUSION_MAX, blank=True)
    digest = models.CharField(max_length=64, blank=True)  # of all it says; a trigger makes it

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="sample_of_something",
                condition=Q(size_asked__gt=0, size_asked__lte=SIZE_MAX, population__gt=0),
            ),
            models.CheckConstraint(
                name="sample_days_in_order", condition=Q(until__gte=F("since")) & ~Q(seed="")
            ),
            models.CheckConstraint(
                name="sample_sign_off_is_complete",
                condition=together("signed_off_by", "signed_off_at")
                & (
                    Q(signed_off_at__isnull=True, conclusion="", digest="")
                    | Q(~Q(conclusion=""), ~Q(digest=""), signed_off_at__isnull=False)
                ),
            ),
        ]
        indexes: ClassVar = [models.Index(name="sample_newest", fields=["community", "-id"])]
        triggers: ClassVar = [
            *stays("sample"),
            ReadOnly(
                name="sample_draw_is_final",
                exclude=["signed_off_by", "signed_off_at", "conclusion", "digest"],
            ),
            set_once("sample_sign_off_is_final", "signed_off_at"),
            trigger(
                "sample_is_whole",
                pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(new__signed_off_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} {self.since} – {self.until}"


class SampleItem(TenantModel):
    """One row of a sample: ``subject_id`` is its id, ``position`` its place in the draw, from 1.

    ``evidence_digest`` is that of its evidence at the drawing, empty if it has none, so that a
    later change shows. A note names nobody: it outlives whom it is about.
    """

    class Mark(models.TextChoices):
        UNMARKED = "unmarked"
        RIGHT = "right"
        DOUBTFUL = "doubtful"
        WRONG = "wrong"

    sample = TenantForeignKey(Sample, models.PROTECT, related_name="items", db_index=False)
    position = models.PositiveIntegerField()
    subject_id = models.UUIDField()
    evidence_digest = models.CharField(max_length=64)
    mark = models.CharField(max_length=8, choices=Mark, default=Mark.UNMARKED)
    note = models.CharField(max_length=NOTE_MAX, blank=True)
    marked_by = PersonKey(null=True)
    marked_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="sample_item_in_its_place", fields=["community", "sample", "position"]
            ),
            models.UniqueConstraint(
                name="sample_item_once", fields=["community", "sample", "subject_id"]
            ),
            models.CheckConstraint(name="sample_item_counts_from_1", condition=Q(position__gt=0)),
            models.CheckConstraint(
                name="sample_mark_is_complete",
                condition=Q(mark="unmarked", note="", marked_by__isnull=True)
                & Q(marked_at__isnull=True)
                | ~Q(mark="unmarked") & Q(marked_by__isnull=False, marked_at__isnull=False),
            ),
            models.CheckConstraint(
                name="sample_doubt_has_a_note",
                condition=Q(mark__in=["unmarked", "right"]) | ~Q(note=""),
            ),
        ]
        triggers: ClassVar = [
            *stays("sample_item"),
            ReadOnly(
                name="sample_item_is_as_drawn",
                exclude=["mark", "note", "marked_by", "marked_at"],
            ),
            trigger(
                "sample_item_is_open",
                pgtrigger.Insert | pgtrigger.Update,
                when=pgtrigger.Before,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.mark}"
