"""Tables as CSV and XLSX files, and pages to print."""

import re
import tempfile
import unicodedata
from typing import IO

from django.http import FileResponse
from django.urls import URLPattern, path
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.api.renderers import FileRenderer
from backend.files.spreadsheets import Sheet, write

# What Windows, Android or a shell takes for something else in a file's name.
NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|]')
DEVICES = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\.|$)", re.IGNORECASE)
LONGEST_NAME = 255  # bytes of UTF-8, with the ending: what file systems take


class CSVRenderer(FileRenderer):
    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"


class XLSXRenderer(FileRenderer):
    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    format = "xlsx"


class PDFRenderer(FileRenderer):
    media_type = "application/pdf"
    format = "pdf"


class PageRenderer(FileRenderer):
    media_type = "text/html"
    format = "html"
    charset = "utf-8"


Renderers = tuple[type[FileRenderer], ...]
SHEETS: Renderers = (CSVRenderer, XLSXRenderer)
RENDERERS: Renderers = (*SHEETS, PDFRenderer, PageRenderer)
CONTENT_TYPES = {
    renderer.format: renderer.media_type
    + (f"; charset={renderer.charset}" if renderer.charset else "")
    for renderer in RENDERERS
}


def in_each_format(
    address: str, view: type[APIView], renderers: Renderers = RENDERERS
) -> list[URLPattern]:
    """Return the addresses of a file in each format, ``{address}.{format}``."""
    return [
        path(f"{address}.{one.format}", view.as_view(renderer_classes=[one])) for one in renderers
    ]


def answer(request: Request, sheet: Sheet) -> FileResponse:
    """Return the short ``sheet`` as a file, in the format of the address."""
    ending = request.accepted_renderer.format
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the answer closes it, and it is gone
    write(sheet, file, ending)
    return sent(file, sheet.name, ending)


def sent(file: IO[bytes], title: str, ending: str) -> FileResponse:
    """Return ``file``, written or stored, as the answer, which closes it.

    The file is complete before the first byte is sent: a slow download keeps no query waiting, and
    nobody takes half of it for all.
    """
    file.seek(0)
    return FileResponse(
        file,
        as_attachment=ending != PageRenderer.format,
        filename=named(title, ending),
        content_type=CONTENT_TYPES[ending],
        headers={"Cache-Control": "no-store"},
    )


def named(title: str, ending: str) -> str:
    """Return ``title`` as a file name; what no file system takes becomes ``_`` or a blank.

    Characters that are invisible or change the direction of writing are removed, so that a name
    ends as it seems to.
    """
    seen = "".join(
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFC", title)
        if character.isspace() or not unicodedata.category(character).startswith("C")
    )
    stem = " ".join(NOT_IN_NAMES.sub("_", seen).split()).strip(". ")
    if DEVICES.match(stem):
        stem = f"_{stem}"
    room = LONGEST_NAME - len(f".{ending}")
    fitting = stem.encode()[:room].decode(errors="ignore").rstrip(". ")
    return f"{fitting or '_'}.{ending}"
