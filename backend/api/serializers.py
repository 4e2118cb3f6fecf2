"""Serializers that render rows."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Model
from rest_framework import serializers

Row = TypeVar("Row", bound=Model)


class ReadSerializer(serializers.ModelSerializer[Row]):
    """Serializer of a row: the fields that ``Meta`` names, then those that the class declares.

    Reads nothing from a request.
    """

    def get_field_names(self, declared_fields: Mapping[str, Any], info: Any) -> Any:
        return list(dict.fromkeys([*self.Meta.fields, *declared_fields]))

    def get_extra_kwargs(self) -> dict[str, Any]:
        return {name: {"read_only": True} for name in self.Meta.fields}
