"""Tables that go out as files for a spreadsheet: CSV and XLSX."""

import re
import tempfile
import unicodedata

from django.http import FileResponse
from rest_framework.request import Request

from backend.api.renderers import FileRenderer
from backend.spreadsheets import Sheet, write_csv, write_xlsx

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


def answer(request: Request, sheet: Sheet) -> FileResponse:
    """The file, in the format that the address is for.

    It is whole before the first byte is sent: a slow download keeps no query waiting, and nobody
    takes half of it for all.
    """
    renderer = request.accepted_renderer
    content_type = renderer.media_type
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the answer closes it, and it is gone
    if renderer.format == CSVRenderer.format:
        content_type += "; charset=utf-8"
        write_csv(sheet, file)
    else:
        write_xlsx(sheet, file)
    file.seek(0)
    name = named(sheet.name, renderer.format)
    return FileResponse(file, as_attachment=True, filename=name, content_type=content_type)


def named(title: str, ending: str) -> str:
    """``title`` as the name of a file, whole: what no file system takes is ``_`` or a blank.

    Characters that nobody sees, or that turn the direction of the others, are left out: a name
    must not end otherwise than it seems to.
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
