"""What lists can be narrowed down to."""

from django_filters import rest_framework as filters

from volunteers.people.models import JoinRequest


class JoinRequestFilter(filters.FilterSet):  # type: ignore[misc]
    status = filters.ChoiceFilter(choices=JoinRequest.Status.choices)
