"""A form with a photo in it."""

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework import parsers


class PhotoFormParser(parsers.MultiPartParser):
    """``multipart/form-data``, always UTF-8, whatever charset the request claims.

    Django counts only what is not a file against ``DATA_UPLOAD_MAX_MEMORY_SIZE``, and would
    write any file to disk first. Raises RequestDataTooBig for more than a photo and its text.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        context = {**(parser_context or {}), "encoding": "utf-8"}
        length = int(context["request"].META["CONTENT_LENGTH"])
        if length > settings.PHOTO_MAX_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig
        return super().parse(stream, media_type, context)
