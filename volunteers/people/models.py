"""Volunteers, and requests to be one."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import Community, TenantModel
from backend.tables import PersonKey, never, stays


class Volunteer(TenantModel):
    """A person who serves a community. The person is a User, their right a Membership."""

    class Kind(models.TextChoices):
        RESIDENT = "resident"  # 居民
        COURIER = "courier"  # 快递员
        RIDER = "rider"  # 外卖骑手
        DRIVER = "driver"  # 网约车司机

    user = PersonKey()
    kind = models.CharField(max_length=10, choices=Kind)
    estate = models.ForeignKey(
        Community, models.PROTECT, related_name="+", db_index=False, null=True
    )
    skills = ArrayField(models.CharField(max_length=20), default=list)  # what they can help with
    enrolled_at = models.DateTimeField(db_default=Now())
    left_at = models.DateTimeField(null=True)  # moved away; hours and points stay on record

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="volunteer_once", fields=["community", "user"])
        ]
        indexes: ClassVar = [models.Index(name="volunteer_newest", fields=["community", "-id"])]

    def __str__(self) -> str:
        return str(self.user)


class JoinRequest(TenantModel):
    """A person's request to be a volunteer: pending → approved | rejected | withdrawn.

    The community's code approves it at once; ``decided_by`` is then null.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"

    user = PersonKey()
    kind = models.CharField(max_length=10, choices=Volunteer.Kind)
    estate = models.ForeignKey(
        Community, models.PROTECT, related_name="+", db_index=False, null=True
    )
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    asked_at = models.DateTimeField(db_default=Now())
    decided_at = models.DateTimeField(null=True)
    decided_by = PersonKey(null=True)
    reason = models.CharField(max_length=200, blank=True)  # what the asker reads of a rejection

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="join_request_pending_once",
                fields=["community", "user"],
                condition=Q(status="pending"),
            ),
            models.CheckConstraint(
                name="join_request_decided_by_another", condition=~Q(decided_by=F("user"))
            ),
            models.CheckConstraint(
                name="join_request_decided_is_complete",
                condition=Q(status="pending", decided_at__isnull=True)
                | Q(status__in=["approved", "withdrawn"], decided_at__isnull=False)
                | Q(status="rejected", decided_at__isnull=False, decided_by__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="join_request_of_user", fields=["community", "user", "-id"]),
            models.Index(name="join_request_by_status", fields=["community", "status", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.community_id}: {self.status}"


class CellMember(TenantModel):
    """A volunteer's function in the grid of an estate: one leader, one worker and N volunteers.

    One that has ended stays on record.
    """

    class Function(models.TextChoices):
        LEADER = "leader"  # 网格长
        WORKER = "worker"  # 网格员
        VOLUNTEER = "volunteer"  # 网格志愿者

    HANDLES: ClassVar = (Function.LEADER, Function.WORKER)  # reports of the cell, one of each

    estate = models.ForeignKey(Community, models.PROTECT, related_name="+", db_index=False)
    user = PersonKey()
    function = models.CharField(max_length=9, choices=Function)
    since_at = models.DateTimeField(db_default=Now())
    named_by = PersonKey(null=True)  # NULL: a command
    ended_at = models.DateTimeField(null=True)
    ended_by = PersonKey(null=True)  # NULL: they left

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="cell_has_one_leader_and_worker",
                fields=["community", "estate", "function"],
                condition=Q(ended_at__isnull=True, function__in=["leader", "worker"]),
            ),
            models.UniqueConstraint(
                name="cell_member_once",
                fields=["community", "estate", "user"],
                condition=Q(ended_at__isnull=True),
            ),
            models.CheckConstraint(
                name="cell_member_end_is_complete",
                condition=Q(ended_by__isnull=True) | Q(ended_at__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="cell_member_of", fields=["community", "user", "-id"]),
            models.Index(name="cell_member_newest", fields=["community", "-id"]),
        ]
        triggers: ClassVar = [
            *stays("cell_member"),
            never(
                "cell_member_only_ends",
                "to_jsonb(OLD) - '{ended_at,ended_by_id}'::text[]"
                " IS DISTINCT FROM to_jsonb(NEW) - '{ended_at,ended_by_id}'::text[]"
                " OR OLD.ended_at IS NOT NULL AND (OLD.ended_at, OLD.ended_by_id)"
                " IS DISTINCT FROM (NEW.ended_at, NEW.ended_by_id)",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.function} in {self.estate_id}"
