"""Lists page by cursor: no page is skipped or shown twice while rows are being added."""

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import pagination, serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from backend.api.errors import InvalidCursor


class CursorPagination(pagination.CursorPagination):
    """Pages, newest first unless a view says otherwise: UUIDv7 ids are in the order of time.

    ``page_size`` is 1 to 100; anything else is refused as ``invalid_input`` rather than quietly
    replaced. Raises InvalidCursor for a cursor that we did not hand out.
    """

    page_size = 20
    max_page_size = 100
    page_size_query_param = "page_size"
    ordering = "-id"

    def get_page_size(self, request: Request) -> int:
        asked = request.query_params.get("page_size")
        if asked is None:
            return self.page_size
        field = serializers.IntegerField(min_value=1, max_value=self.max_page_size)
        try:
            page_size: int = field.run_validation(asked)
        except ValidationError as exc:
            raise ValidationError({"page_size": exc.detail}) from exc
        return page_size

    def decode_cursor(self, request: Request) -> Any:
        try:
            cursor = super().decode_cursor(request)
        except NotFound as exc:
            raise InvalidCursor from exc
        if cursor is not None:
            # The framework reads much that it would never write, and shows the first page.
            self.base_url = request.build_absolute_uri()
            given = request.query_params[self.cursor_query_param]
            if self.encode_cursor(cursor) != replace_query_param(
                self.base_url, self.cursor_query_param, given
            ):
                raise InvalidCursor
        return cursor

    def paginate_queryset(
        self, queryset: Any, request: Request, view: Any = None
    ) -> list[Any] | None:
        cursor = self.decode_cursor(request)
        if cursor is not None and cursor.position is not None:
            field = self.get_ordering(request, queryset, view)[0].lstrip("-")
            try:
                # Builds the condition and asks nothing of the database.
                queryset.filter(**{f"{field}__gt": cursor.position})
            except (DjangoValidationError, ValueError) as exc:
                raise InvalidCursor from exc
            if "\0" in cursor.position:
                raise InvalidCursor
        return super().paginate_queryset(queryset, request, view)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == "page_size":
                parameter["schema"] |= {
                    "minimum": 1,
                    "maximum": self.max_page_size,
                    "default": self.page_size,
                }
        return parameters

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }
