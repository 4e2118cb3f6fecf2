"""Files that an import gives back: an empty list to fill in, and the rows to mend."""

from collections import defaultdict
from collections.abc import Iterator
from typing import IO

from django.utils.translation import gettext as _

from backend.communities.models import Community
from backend.files.spreadsheets import Cell, Sheet, write_xlsx
from backend.imports import kinds, selectors
from backend.imports.errors import ImportKindUnknown
from backend.imports.models import Import
from backend.imports.reader import open_table
from backend.imports.services import steps


def template(kind: str, file: IO[bytes]) -> str:
    """Write an empty list of ``kind``, and a page that tells its columns with an example each.

    The example stands on the second page, where nobody imports it by mistake. Returns the name.
    Raises ImportKindUnknown.
    """
    if kind not in kinds.registered:
        raise ImportKindUnknown
    known = kinds.registered[kind]
    columns = known.sheet(Community()).columns
    told = [
        (one.header, _("Required") if one.required else "", str(one.about), one.example)
        for one in columns
    ]
    header = [_("Column"), _("Required"), _("What to write"), _("Example")]
    name = str(known.title)
    write_xlsx(
        Sheet(name, [one.header for one in columns], []),
        file,
        Sheet(_("How to fill it in"), header, told),
    )
    return name


def rows_to_mend(one: Import, file: IO[bytes]) -> str:
    """Write the rows that have errors as they stand in the file, each with what is wrong.

    Mended, the list can be uploaded again: its last two columns are ignored. Returns its name.
    Raises ImportFileGone, TableError.
    """
    wrong: dict[int, list[str]] = defaultdict(list)
    for fault in selectors.faults_of(one):
        wrong[fault.line].append(": ".join(filter(None, (fault.column, fault.reason))))

    with steps.file_of(one) as path:
        table = open_table(path, steps.called(one))
        width = len(table.header)

        def rows() -> Iterator[list[Cell]]:
            for line, cells in table.records():
                if line in wrong:
                    filled = [*cells, *[""] * width][:width]
                    yield [*filled, line, "\n".join(wrong[line])]

        name = _("Rows to mend") + f" {one.file_name}"
        header = [*table.header, _("Line"), _("What is wrong")]
        write_xlsx(Sheet(name, header, rows()), file)
    return name
