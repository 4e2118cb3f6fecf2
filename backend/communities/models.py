"""The tree of places, and who holds which role in which of them."""

from datetime import date
from typing import ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, F, IntegerField, Q, Value, When
from django.db.models.functions import Now
from django.utils import timezone
from tree_queries.models import TreeNode

from backend.ids import new_id
from backend.invitations.models import Invitation, invitation_triggers
from backend.tables import PersonKey, never, stays, together
from backend.tenants import TenantModel as TenantModel  # told beside its community


class CoordType(models.TextChoices):
    """The datum of a latitude and longitude: GPS's, or that of Chinese maps."""

    WGS84 = "wgs84"
    GCJ02 = "gcj02"


class Community(TreeNode):  # type: ignore[misc]  # django-tree-queries is untyped
    """A place: street 街道 → community 社区 → estate or grid 小区/网格.

    A row of kind ``community`` is the tenant: it issues its own points and keeps its own rules,
    merchants and ledger. Streets above it lend rules; people, activities and reports of a tenant
    may belong to one of the estates below it.
    """

    class Kind(models.TextChoices):
        STREET = "street"
        COMMUNITY = "community"
        ESTATE = "estate"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=60)
    timezone = models.CharField(max_length=40, default="Asia/Shanghai")  # IANA name
    # Where people reach it: the office's, not anybody's own.
    contact_phone = models.CharField(max_length=20, blank=True)
    address = models.CharField(max_length=120, blank=True)
    latitude = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(-90), MaxValueValidator(90)]
    )
    longitude = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(-180), MaxValueValidator(180)]
    )
    coord_type = models.CharField(max_length=5, choices=CoordType, default=CoordType.WGS84)
    # What one of the staff may raise alone in 30 days of what the community owes; else two do.
    alone_limit_fen = models.PositiveBigIntegerField(default=0)
    card_limit_points = models.PositiveIntegerField(default=30)  # what a printed card pays a day
    # Hangs on posters; NULL: people ask to join.
    join_code = models.CharField(max_length=12, null=True, blank=True, unique=True)
    # It goes on in another installation since then, at the address given; the rows here are a copy
    # that nobody changes any more (fence.py).
    moved_at = models.DateTimeField(null=True, blank=True)
    moved_to = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="community_name_among_siblings", fields=["parent", "name"]
            ),
            models.CheckConstraint(
                name="community_on_the_map_or_not",
                condition=together("latitude", "longitude"),
            ),
            models.CheckConstraint(
                name="community_moved_somewhere",
                condition=Q(moved_at__isnull=True, moved_to="")
                | Q(moved_at__isnull=False) & ~Q(moved_to=""),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def whose(self) -> dict[str, UUID | None]:
        """The columns of a row that belongs to this community or estate."""
        if self.kind == self.Kind.ESTATE:
            return {"community_id": self.parent_id, "estate_id": self.pk}
        return {"community_id": self.pk}

    @property
    def clock(self) -> ZoneInfo:
        """The zone in which this community's days begin and rush hours fall."""
        return ZoneInfo(self.timezone)

    @property
    def today(self) -> date:
        """The local day of this community now."""
        return timezone.now().astimezone(self.clock).date()


class Role(models.TextChoices):
    """The roles of people in places. Clerks and owners belong to a merchant instead."""

    VOLUNTEER = "volunteer"
    STAFF = "staff"
    MANAGER = "manager"
    AUDITOR = "auditor"


class Membership(TenantModel):
    """One role of one person in one place; it reaches down the tree, never sideways.

    A role that was withdrawn stays on record with its end and the ``reason`` for it.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="memberships", db_index=False
    )
    role = models.CharField(max_length=12, choices=Role)
    since_at = models.DateTimeField(auto_now_add=True)
    granted_by = models.ForeignKey(  # NULL: a command, or the community's own code
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, null=True
    )
    ended_at = models.DateTimeField(null=True)
    ended_by = PersonKey(null=True)
    reason = models.CharField(max_length=200, blank=True)
    is_suspended: bool  # of a role that backend/communities/services/roles.py locked

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="membership_once",
                fields=["community", "user", "role"],
                condition=Q(ended_at__isnull=True),
            ),
            models.CheckConstraint(
                name="membership_granted_by_another", condition=~Q(granted_by=F("user"))
            ),
            # An auditor of a place neither works nor decides there.
            ExclusionConstraint(
                name="auditor_changes_nothing",
                expressions=[
                    ("community", RangeOperators.EQUAL),
                    ("user", RangeOperators.EQUAL),
                    (
                        Case(
                            When(role="auditor", then=Value(1)),
                            default=Value(0),
                            output_field=IntegerField(),
                        ),
                        RangeOperators.NOT_EQUAL,
                    ),
                ],
                condition=Q(ended_at__isnull=True, role__in=["staff", "manager", "auditor"]),
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                name="membership_by_role",
                fields=["community", "role", "-id"],
                condition=Q(ended_at__isnull=True),
            ),
            models.Index(name="membership_newest", fields=["community", "-id"]),
            # Nearly every request asks where somebody belongs, before any community is known.
            models.Index(name="membership_of_person", fields=["user", "role"]),
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="membership_stays", operation=pgtrigger.Delete),
            # The reason is somebody's words about a person: erasing the person empties it.
            pgtrigger.Protect(
                name="membership_only_ends",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "((OLD.community_id, OLD.user_id, OLD.role, OLD.since_at, OLD.granted_by_id)"
                    " IS DISTINCT FROM"
                    " (NEW.community_id, NEW.user_id, NEW.role, NEW.since_at, NEW.granted_by_id)"
                    " OR OLD.ended_at IS NOT NULL AND"
                    " ((OLD.ended_at, OLD.ended_by_id) IS DISTINCT FROM"
                    " (NEW.ended_at, NEW.ended_by_id)"
                    " OR NEW.reason NOT IN ('', OLD.reason)))"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role} in {self.community_id}"


class RoleInvitation(Invitation):
    """An invitation to a role in a place, which whoever accepts it holds from then on."""

    place = models.ForeignKey(Community, models.PROTECT, related_name="role_invitations")
    role = models.CharField(max_length=12, choices=Role)

    class Meta(Invitation.Meta):
        triggers: ClassVar = invitation_triggers("place", "role")

    def __str__(self) -> str:
        return f"{self.role} in {self.place_id}: {self.status}"


class Suspension(TenantModel):
    """A time in which somebody takes no part in a place and what is below it, or anywhere.

    It ends by itself at ``ends_at`` (NULL: when it is lifted), or when it is lifted before. It
    stays on record.
    """

    user = PersonKey()
    is_everywhere = models.BooleanField(default=False)  # the whole account, wherever it is used
    reason = models.CharField(max_length=200)  # the person reads it; an erasure empties it
    since_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField(null=True)
    suspended_by = PersonKey(null=True)  # NULL: the operator
    lifted_at = models.DateTimeField(null=True)
    lifted_by = PersonKey(null=True)  # NULL: the operator

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="suspension_by_another",
                condition=~Q(suspended_by=F("user")) & ~Q(lifted_by=F("user")),
            ),
            models.CheckConstraint(
                name="suspension_ends_after_it_began",
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("since_at")),
            ),
            models.CheckConstraint(
                name="suspension_lifted_by_somebody",
                condition=Q(lifted_by__isnull=True) | Q(lifted_at__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="suspension_newest", fields=["community", "-id"]),
            # Asked of whoever is suspended somewhere, before any community is known.
            models.Index(
                name="suspension_of_person",
                fields=["user"],
                condition=Q(lifted_at__isnull=True),
            ),
        ]
        triggers: ClassVar = [
            *stays("suspension"),
            never(
                "suspension_is_only_lifted",
                "to_jsonb(OLD) - '{lifted_at,lifted_by_id,reason}'::text[]"
                " IS DISTINCT FROM to_jsonb(NEW) - '{lifted_at,lifted_by_id,reason}'::text[]"
                " OR OLD.lifted_at IS NOT NULL AND (OLD.lifted_at, OLD.lifted_by_id)"
                " IS DISTINCT FROM (NEW.lifted_at, NEW.lifted_by_id)"
                " OR NEW.reason NOT IN ('', OLD.reason)",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.community_id}"

    @property
    def is_in_force(self) -> bool:
        return self.lifted_at is None and (self.ends_at is None or timezone.now() < self.ends_at)
