"""Parsers of JSON and photos, which refuse what PostgreSQL can not store."""

import json
import math
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.utils.translation import gettext as _
from rest_framework import parsers
from rest_framework.exceptions import ParseError

MAX_DEPTH = 32  # objects in lists in objects; our deepest body needs a handful


class JSONParser(parsers.JSONParser):
    """Parser with ``read_json``. Raises RequestDataTooBig for more bytes than
    ``DATA_UPLOAD_MAX_MEMORY_SIZE``."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        # Django holds `request.body` to this limit; a parser reads the stream, past that check.
        limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise RequestDataTooBig
        read = read_json(body)
        _refuse_unknown(read, self.media_type, parser_context)
        return read


class FileFormParser(parsers.MultiPartParser):
    """Parser of ``multipart/form-data``, always UTF-8, whatever charset the request claims.

    Django does not count files against ``DATA_UPLOAD_MAX_MEMORY_SIZE``, and would write any file to
    disk first. Raises RequestDataTooBig for more than ``most_bytes`` of files and their text.
    """

    @property
    def most_bytes(self) -> int:
        raise NotImplementedError

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        context = {**(parser_context or {}), "encoding": "utf-8"}
        length = int(context["request"].META["CONTENT_LENGTH"])
        if length > self.most_bytes + settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig
        read = super().parse(stream, media_type, context)
        _refuse_unknown({**read.data, **read.files}, self.media_type, parser_context)
        return read


class PhotoFormParser(FileFormParser):
    """Parser of a form with photos, of together as many bytes as one may have."""

    @property
    def most_bytes(self) -> int:
        return int(settings.PHOTO_MAX_BYTES)


def _refuse_unknown(body: Any, media_type: str, context: Mapping[str, Any] | None) -> None:
    from backend.api.known import refuse_unknown_in  # it knows views, which are made with us

    refuse_unknown_in(body, media_type, context)


def read_json(body: bytes) -> Any:
    """Read JSON as RFC 8259 defines it, always UTF-8, whatever charset the request claims.

    Raises ParseError for what is not JSON, for NaN, Infinity and numbers that overflow to them, for
    nesting beyond ``MAX_DEPTH``, and for text that PostgreSQL can not store: U+0000 and lone
    surrogates.
    """
    try:
        value = json.loads(body.decode(), parse_float=_finite, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise ParseError(f"JSON: {exc}") from exc
    _check_depth_and_text(value)
    return value


def _finite(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise ValueError(f"{literal[:40]} is too large")
    return number


def _refuse_constant(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is not a number")


def _check_depth_and_text(value: Any) -> None:
    pending = [(value, 0)]
    while pending:
        node, depth = pending.pop()
        if isinstance(node, str):
            if not _storable(node):
                raise ParseError(_("Text may not hold U+0000 or half of a surrogate pair."))
        elif isinstance(node, (dict, list)):
            if depth == MAX_DEPTH:
                raise ParseError(_("The JSON is nested too deeply."))
            children = [*node.keys(), *node.values()] if isinstance(node, dict) else node
            pending.extend((child, depth + 1) for child in children)


def _storable(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
