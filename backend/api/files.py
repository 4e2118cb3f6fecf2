"""Tables that go out as files for a spreadsheet: CSV and XLSX."""

import tempfile

from django.http import FileResponse
from rest_framework.request import Request

from backend.api.renderers import FileRenderer
from backend.spreadsheets import Sheet, write_csv, write_xlsx


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
    name = f"{sheet.name}.{renderer.format}"
    return FileResponse(file, as_attachment=True, filename=name, content_type=content_type)
