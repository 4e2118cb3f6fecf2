"""Errors of files and cells: a sentence for staff for each code, and refusals about imports.

Codes do not change.
"""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Invalid, NotFound

# What stands behind a slash tells apart sentences of one code.
REASONS: dict[str, str | Promise] = {
    # The file as a whole.
    "file_missing": _("There is no such file."),
    "not_a_file": _("This is not a file (perhaps a folder)."),
    "file_unreadable": _("The file can not be read: %(error)s."),
    "file_empty": _("The file is empty."),
    "file_encrypted": _("The file is locked with a password. Save a copy without one."),
    "file_xls": _("This is an old kind of workbook. Save it again as XLSX, or as “CSV UTF-8”."),
    "file_unknown": _("This is not a workbook. Save it as XLSX, or as “CSV UTF-8”."),
    "file_damaged": _("The workbook is damaged. Save it again, or as “CSV UTF-8”."),
    "file_too_large": _(
        "The workbook is too large: at most 20 MB, 100 MB unpacked and 3,000,000 cells. "
        "Save the list alone as “CSV UTF-8”."
    ),
    "encoding_utf16": _("The file is UTF-16. Save it again as “CSV UTF-8 (comma delimited)”."),
    "encoding_unknown": _(
        "The file is neither UTF-8 nor GB18030: the byte at offset %(offset)d does not fit. "
        "Save it again as “CSV UTF-8 (comma delimited)”."
    ),
    "nul_byte": _(
        "A zero byte at offset %(offset)d: this is not a CSV file in UTF-8 or GB18030. "
        "Save it again as “CSV UTF-8 (comma delimited)”."
    ),
    # Its header and rows.
    "too_many_rows": _("The file has more than %(limit)d rows. Divide it into several."),
    "no_rows": _("The file has a header and no rows below it."),
    "columns_missing": _("Missing columns: %(missing)s. Found: %(found)s."),
    "column_duplicate": _("Columns that appear more than once: %(columns)s."),
    "sheets_several": _("Several sheets have these columns: %(sheets)s. Keep one of them."),
    "line_too_long": _("The line has more than %(limit)d characters."),
    "quote_unclosed": _("A quotation mark is not closed in the row that begins here."),
    "quote_malformed": _("A quoted cell goes on after its closing quotation mark."),
    "cell_count": _("The row has %(cells)d cells, the header has %(columns)d."),
    # A cell.
    "missing": _("The cell is empty."),
    "too_long": _("%(length)d characters; at most %(limit)d are allowed."),
    "formula": _("The cell is a formula, or begins like one (= + - @). Write the plain value."),
    "character_refused": "%(told)s",  # by backend/text.py
    "character_lost": _(
        "A character was lost on the way here: the file's encoding does not have it. "
        "Type it again and save as “CSV UTF-8” or XLSX."
    ),
    "phone_invalid": _("A mobile number has 11 digits and begins with 1."),
    "phone_scientific": _(
        "The spreadsheet has turned the phone number into a rounded number. "
        "Format the column as text and type the number again."
    ),
    "number_invalid": _("Write a whole number in digits, without separators or a unit."),
    "number_too_small": _("The number must be at least %(minimum)d."),
    "number_too_large": _("The number must be at most %(maximum)d."),
    "yes_no_invalid": _("Write 是 (yes) or 否 (no)."),
    "choice_unknown": _("Must be one of: %(labels)s."),
    "date_invalid": _(
        "Write date and time as in 2024-01-01 07:00, midnight as 24:00 of the day before."
    ),
    "date_invalid/time": _("There is no such time of day: 00:00 to 24:00."),
    "date_invalid/day": _("There is no day %(day)s in the calendar."),
    "degrees_invalid": _("Degrees are written as 39.386872, at most %(most)s."),
    "date_serial": _("This is the spreadsheet's inner number of a day, without a time of day."),
    "date_seconds": _("Times are to the minute, without seconds."),
    "date_out_of_range": _("The year must be from 2000 to 2100."),
    "time_nonexistent": _("Clocks in %(timezone)s skipped this time."),
}


class _Wrong(Exception):
    """An error with its ``code`` and its ``reason``, a sentence in the active language."""

    def __init__(self, which: str, **facts: object) -> None:
        self.code = which.partition("/")[0]
        self.reason = reason(which, **facts)
        super().__init__(self.code, self.reason)


class TableError(_Wrong):
    """An error of the file as a whole. ``line`` is None if no line is to blame."""

    def __init__(self, which: str, *, line: int | None = None, **facts: object) -> None:
        super().__init__(which, **facts)
        self.line = line


class CellError(_Wrong):
    """An error of one cell."""

    @property
    def is_personal(self) -> bool:
        """Tell whether the cell's text may be a phone number, to be masked."""
        return self.code.startswith("phone_")


def reason(which: str, **facts: object) -> str:
    """Return the sentence for ``which``, in the active language."""
    return str(REASONS[which]) % facts


BROKE_OFF = _("It broke off several times, and nothing was changed. Please try again later.")


class ImportFileInvalid(Invalid):
    """Refusal of a file that can not be read; ``fault`` is its own code and ``reason`` says why."""

    code = "import_file_invalid"
    title = _("This file can not be read as a list.")


class ImportFileTooLarge(Invalid):
    code = "import_file_too_large"
    title = _("The file is too large: at most 20 MB.")


class MappingInvalid(Invalid):
    """Refusal of a mapping that names a column or heading twice, or one that is not there."""

    code = "import_mapping_invalid"
    title = _("Each column is one heading of the file, and required ones are needed.")


class ImportStatusWrong(Conflict):
    """Refusal of a step that an import in ``current_status`` can not take."""

    code = "import_status_wrong"
    title = _("This is not possible with the import as it stands.")


class ImportHasErrors(Conflict):
    """Refusal to run an import whose rows have ``errors_count`` errors, unless left out."""

    code = "import_has_errors"
    title = _("Some rows are wrong. Mend them, or leave them out.")


class ImportFileGone(Conflict):
    code = "import_file_gone"
    title = _("The file was removed, as it is after some days. Please upload it again.")


class ImportBuiltUpon(Conflict):
    """Refusal to take back what something was built on since: ``count`` rows, some in ``rows``."""

    code = "import_built_upon"
    title = _("Something has been built on this import; it can not be taken back.")


class ImportKindUnknown(NotFound):
    code = "import_kind_unknown"
    title = _("There is no such kind of list.")
