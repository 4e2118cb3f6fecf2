"""Serializer fields that every app needs."""

from typing import Any

from rest_framework import serializers


class IntegerField(serializers.IntegerField):
    """A whole number that fits a PostgreSQL ``integer``, unless given narrower bounds.

    The framework's own field takes any number of digits, and the database then fails on it.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("min_value", -(2**31))
        kwargs.setdefault("max_value", 2**31 - 1)
        super().__init__(**kwargs)
