"""Teams 服务队, organisations 社会组织 and interest groups 兴趣小组, and who belongs to them."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from backend.communities.models import Community, TenantModel
from backend.names import ComparedField
from backend.tables import PersonKey, TenantForeignKey


class Team(TenantModel):
    """People of a community, or of one of its estates, who serve together.

    Leaders plan the team's activities, see their rosters and mark attendance. They verify hours
    only where the community's ServicePolicy lets them.
    """

    class Kind(models.TextChoices):
        SERVICE_TEAM = "service_team"  # 服务队
        ORGANISATION = "organisation"  # 社会组织
        INTEREST_GROUP = "interest_group"  # 兴趣小组

    estate = models.ForeignKey(
        Community, models.PROTECT, related_name="+", db_index=False, null=True
    )
    kind = models.CharField(max_length=14, choices=Kind, default=Kind.SERVICE_TEAM)
    name = models.CharField(max_length=60)
    name_compared = ComparedField(of="name")
    description = models.CharField(max_length=500, blank=True)
    is_open = models.BooleanField(default=False)  # whoever volunteers there joins without asking
    founded_at = models.DateTimeField(db_default=Now())
    dissolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="team_name_once",
                fields=["community", "name_compared"],
                condition=Q(dissolved_at__isnull=True),
            )
        ]
        indexes: ClassVar = [models.Index(name="team_newest", fields=["community", "-id"])]

    def __str__(self) -> str:
        return self.name


class TeamMember(TenantModel):
    """A volunteer's place in a team: asked → member → left, or asked → rejected."""

    class Status(models.TextChoices):
        ASKED = "asked"
        MEMBER = "member"
        LEFT = "left"
        REJECTED = "rejected"

    COUNTS: ClassVar = (Status.ASKED, Status.MEMBER)  # a person has one such place in a team

    team = TenantForeignKey(Team, models.PROTECT, related_name="members", db_index=False)
    volunteer = PersonKey()
    status = models.CharField(max_length=8, choices=Status, default=Status.ASKED)
    is_leader = models.BooleanField(default=False)
    asked_at = models.DateTimeField(db_default=Now())
    joined_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)
    # Who accepted, rejected or removed them, the last of it; NULL: an open team, or themselves.
    decided_by = PersonKey(null=True)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="team_member_once",
                fields=["community", "team", "volunteer"],
                condition=Q(status__in=["asked", "member"]),
            ),
            models.CheckConstraint(
                name="team_member_decided_by_another", condition=~Q(decided_by=F("volunteer"))
            ),
            models.CheckConstraint(
                name="team_member_is_complete",
                condition=Q(status="asked", joined_at__isnull=True, left_at__isnull=True)
                | Q(status="member", joined_at__isnull=False, left_at__isnull=True)
                | Q(status__in=["left", "rejected"], left_at__isnull=False),
            ),
            models.CheckConstraint(
                name="team_leader_is_a_member", condition=Q(is_leader=False) | Q(status="member")
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="team_member_of_team", fields=["community", "team", "-id"]),
            models.Index(name="team_member_of_person", fields=["community", "volunteer", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.volunteer_id} in {self.team_id}: {self.status}"
