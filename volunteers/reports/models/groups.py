"""Groups of reporters, for whom rules may have rates of their own."""

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now

from backend.communities.models import TenantModel
from backend.tables import PersonKey, ReadOnly, TenantForeignKey, set_once, stays

LONGEST_CODE = 20  # characters, as in a rule's rates


class ReporterGroup(TenantModel):
    """A group that a community rewards by rates of its own, such as its grid workers 网格员.

    Whoever is in none reports as the kind of volunteer that they are.
    """

    code = models.SlugField(max_length=LONGEST_CODE, db_index=False)  # as rules call it
    name = models.CharField(max_length=40)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="reporter_group_once", fields=["community", "code"])
        ]
        triggers: ClassVar = [
            *stays("reporter_group"),
            ReadOnly(name="reporter_group_keeps_its_code", fields=["id", "community", "code"]),
        ]

    def __str__(self) -> str:
        return self.name


class ReporterGroupMember(TenantModel):
    """A person's days in a group, both ends included. Nobody is in two groups on one day."""

    group = TenantForeignKey(ReporterGroup, models.PROTECT, related_name="members", db_index=False)
    person = PersonKey()
    since = models.DateField()  # by the community's clock
    until = models.DateField(null=True)  # NULL: until further notice

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="reporter_group_days_in_order",
                condition=Q(until__isnull=True) | Q(until__gte=F("since")),
            ),
            ExclusionConstraint(
                name="reporter_in_one_group",
                expressions=[
                    ("community", RangeOperators.EQUAL),
                    ("person", RangeOperators.EQUAL),
                    (
                        Func(
                            "since",
                            "until",
                            RangeBoundary(inclusive_upper=True),
                            function="daterange",
                            output_field=DateRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="member_of_reporter_group", fields=["community", "group", "-id"])
        ]
        triggers: ClassVar = [
            *stays("reporter_group_member"),
            ReadOnly(
                name="reporter_group_member_stays_one",
                fields=["id", "community", "group", "person", "since"],
            ),
            set_once("reporter_group_member_leaves_once", "until"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} in {self.group_id}"
