"""What lists can be narrowed down to."""

from django_filters import rest_framework as filters


class TransferFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    reason = filters.CharFilter(help_text="Such as `hours`, `report` or `redemption`.")
