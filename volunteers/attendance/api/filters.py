"""What lists can be narrowed down to."""

from django.db.models import Exists, OuterRef
from django_filters import rest_framework as filters

from backend.api.filters import (
    MarkFilter,
    PeriodFilter,
    PersonFilter,
    TextFilter,
)
from volunteers.attendance.models import Attendance, RefusedClaim


class MyAttendanceFilter(filters.FilterSet):  # type: ignore[misc]
    status = filters.ChoiceFilter(choices=Attendance.Status.choices)


class AttendanceFilter(PeriodFilter):
    moment = "shift__starts_at"
    person = PersonFilter("volunteer")
    shift = filters.UUIDFilter(help_text="A shift's id.")
    text = TextFilter("shift__activity__title", help_text="Of the activity's title.")
    status = filters.ChoiceFilter(choices=Attendance.Status.choices)
    marked = MarkFilter(
        "check_in_mark",
        "check_out_mark",
        refused=Exists(
            RefusedClaim.objects.filter(community=OuterRef("community"), attendance=OuterRef("pk"))
        ),
    )
