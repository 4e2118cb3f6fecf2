"""What lists can be narrowed down to."""

from django.db.models import Exists, OuterRef
from django_filters import rest_framework as filters

from backend.api.filters import CommunityFilter, MarkFilter
from volunteers.attendance.models import Attendance, RefusedClaim


class MyAttendanceFilter(filters.FilterSet):  # type: ignore[misc]
    status = filters.ChoiceFilter(choices=Attendance.Status.choices)


class AttendanceFilter(CommunityFilter):
    status = filters.ChoiceFilter(choices=Attendance.Status.choices)
    marked = MarkFilter(
        "check_in_mark",
        "check_out_mark",
        refused=Exists(
            RefusedClaim.objects.filter(community=OuterRef("community"), attendance=OuterRef("pk"))
        ),
    )
