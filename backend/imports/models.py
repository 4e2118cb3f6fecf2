"""Imports: a file that somebody uploaded, what its rows came to, and what they wrote."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from backend.communities.models import TenantModel
from backend.outbox.models import Owed, owed_indexes, owed_or_given_up
from backend.tables import PersonKey, TenantForeignKey, together


class Import(TenantModel, Owed):
    """One file of a ``kind``: uploaded → checking → checked → running → done.

    A check that can not read the file and a run that finds errors, or one that broke off, ends as
    failed; it may be checked anew, and a failed run has written nothing. What is done can be taken
    back: taking back → taken back, or done again if something was built on it meanwhile. What is
    owed is the check, the run or the taking back, each one transaction with its record.
    """

    class Status(models.TextChoices):
        UPLOADED = "uploaded", _("Uploaded")
        CHECKING = "checking", _("Being checked")
        CHECKED = "checked", _("Checked")
        RUNNING = "running", _("Running")
        DONE = "done", _("Finished")
        FAILED = "failed", _("Failed")
        TAKING_BACK = "taking_back", _("Being taken back")
        TAKEN_BACK = "taken_back", _("Taken back")

    UNDER_WAY: ClassVar = (Status.CHECKING, Status.RUNNING, Status.TAKING_BACK)

    kind = models.SlugField(max_length=20, db_index=False)  # kinds.py
    status = models.CharField(max_length=11, choices=Status, default=Status.UPLOADED)
    file_name = models.CharField(max_length=255)  # as it was called by who uploaded it
    size_bytes = models.PositiveIntegerField()
    stored_as = models.CharField(max_length=60, blank=True)  # "" once the file was removed
    headings = models.JSONField()  # of the file, in their order
    mapping = models.JSONField(default=dict)  # column of the kind → heading
    skips_bad = models.BooleanField(default=False)  # the run leaves out rows with errors
    language = models.CharField(max_length=10)  # of the errors that are kept
    # Of the last check or run; ``progress`` is how much of the file the one under way has read.
    progress = models.PositiveSmallIntegerField(default=0)  # percent
    rows_count = models.PositiveIntegerField(default=0)
    created_count = models.PositiveIntegerField(default=0)
    unchanged_count = models.PositiveIntegerField(default=0)
    skipped_count = models.PositiveIntegerField(default=0)
    errors_count = models.PositiveIntegerField(default=0)
    has_errors = models.BooleanField(default=False)  # others than rows that are left alone
    fault = models.JSONField(default=dict)  # of the file as a whole: {"code", "title", "line"}
    uploaded_at = models.DateTimeField(db_default=Now())
    uploaded_by = PersonKey()
    asked_at = models.DateTimeField(db_default=Now())  # for what is under way, or was last
    run_at = models.DateTimeField(null=True)
    run_by = PersonKey(null=True)
    finished_at = models.DateTimeField(null=True)
    taken_back_at = models.DateTimeField(null=True)
    taken_back_by = PersonKey(null=True)  # who asked for it

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="import_run_by_somebody", condition=together("run_at", "run_by")
            ),
            models.CheckConstraint(
                name="import_taken_back_is_complete",
                condition=Q(
                    status="taken_back",
                    taken_back_at__isnull=False,
                    taken_back_by__isnull=False,
                )
                | ~Q(status="taken_back") & Q(taken_back_at__isnull=True),
            ),
            owed_or_given_up("import"),
        ]
        indexes: ClassVar = [
            models.Index(name="import_newest", fields=["community", "-id"]),
            models.Index(
                name="import_with_file",
                fields=["community", "uploaded_at"],
                condition=~Q(stored_as=""),
            ),
            *owed_indexes("import", "community"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.status}"


class ImportFault(TenantModel):
    """An error of a row, kept as long as the file; ``value`` is short and masked."""

    of = TenantForeignKey(Import, models.CASCADE, related_name="faults", db_index=False)
    number = models.PositiveIntegerField()  # in the order of the file
    line = models.PositiveIntegerField()
    column = models.CharField(max_length=100, blank=True)  # as the file calls it; "": the row
    code = models.SlugField(db_index=False)
    reason = models.TextField()
    value = models.CharField(max_length=100, blank=True)
    is_left = models.BooleanField(default=False)  # the row is right, and left alone

    class Meta:
        indexes: ClassVar = [
            models.Index(name="import_fault_of", fields=["community", "of", "number"])
        ]

    def __str__(self) -> str:
        return f"{self.line}, {self.column}: {self.code}"


class ImportedRow(TenantModel):
    """A row that an import wrote, of the kind ``thing``, and a word for what was there ``before``.

    It has its id alone, for it may be of any table, and may be deleted when it is taken back.
    """

    of: "TenantForeignKey[Any, Any]" = TenantForeignKey(
        Import, models.PROTECT, related_name="imported_rows", db_index=False
    )
    line = models.PositiveIntegerField()
    thing = models.SlugField(max_length=20, db_index=False)
    row_id = models.UUIDField()
    before = models.CharField(max_length=20, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(name="imported_row_of", fields=["community", "of", "thing", "id"])
        ]

    def __str__(self) -> str:
        return f"{self.line}: {self.thing} {self.row_id}"


class ImportMapping(TenantModel):
    """The headings of a community's files of a kind, as its last import had them."""

    kind = models.SlugField(max_length=20, db_index=False)
    mapping = models.JSONField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="import_mapping_once", fields=["community", "kind"])
        ]

    def __str__(self) -> str:
        return self.kind
