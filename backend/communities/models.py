"""The tree of places, and who holds which role in which of them."""

from datetime import date
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.utils import timezone
from tree_queries.models import TreeNode

from backend.ids import new_id


class Community(TreeNode):  # type: ignore[misc]  # django-tree-queries is untyped
    """A place: street 街道 → community 社区 → estate or grid 小区/网格.

    A row of kind ``community`` is the tenant: it issues its own points and keeps its own rules,
    merchants and ledger. Streets above it lend rules, estates below it say where people live.
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

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="community_name_among_siblings", fields=["parent", "name"])
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def clock(self) -> ZoneInfo:
        """The zone in which this community's days begin and rush hours fall."""
        return ZoneInfo(self.timezone)

    @property
    def today(self) -> date:
        """The day it is there now."""
        return timezone.now().astimezone(self.clock).date()


class TenantModel(models.Model):
    """A row that belongs to one community.

    Every index and unique constraint but the primary key leads with the community: isolation
    today, the shard key tomorrow. tests/backend/test_tenancy.py holds every subclass to it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    community = models.ForeignKey(
        Community, models.PROTECT, related_name="+", db_index=False
    )  # each table's own indexes lead with it

    class Meta:
        abstract = True


class Role(models.TextChoices):
    """What somebody is in a community. Clerks and owners belong to a merchant instead."""

    VOLUNTEER = "volunteer"
    TEAM_LEADER = "team_leader"
    STAFF = "staff"
    MANAGER = "manager"
    AUDITOR = "auditor"


class Membership(TenantModel):
    """One role of one person in one place; it reaches down the tree, never sideways."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="memberships", db_index=False
    )
    role = models.CharField(max_length=12, choices=Role)
    since_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="membership_once", fields=["community", "user", "role"])
        ]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role} in {self.community_id}"
