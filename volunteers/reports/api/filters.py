"""What lists can be narrowed down to."""

from django_filters import rest_framework as filters

from backend.api.filters import (
    CommunityFilter,
)
from volunteers.reports.models import Report


class ReportFilter(CommunityFilter):
    status = filters.ChoiceFilter(choices=Report.Status.choices)
