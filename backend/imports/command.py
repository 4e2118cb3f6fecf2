"""The common parts of import commands: arguments, progress, and the report."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext
from tqdm import tqdm

from backend.communities.command import add_place
from backend.communities.models import Community
from backend.communities.selectors import tenants
from backend.imports.errors import TableError
from backend.imports.reader import RowError, open_table
from backend.imports.run import ImportResult, run_import
from backend.imports.sheet import Sheet


class ImportCommand(BaseCommand):
    """Base of ``manage.py import_… FILE --community CODE``: one spreadsheet into one community.

    Exit status 1, and nothing imported, if the file can not be read or, without ``--skip-bad``, if
    any row has an error.
    """

    kind: type[Sheet]  # of spreadsheet that the command takes

    def sheet(self, community: Community, options: dict[str, Any]) -> Sheet:
        return self.kind(community)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="a CSV or XLSX file")
        add_place(parser)
        parser.add_argument("--dry-run", action="store_true", help="check all, import nothing")
        parser.add_argument("--skip-bad", action="store_true", help="import the good rows only")

    def handle(self, *args: Any, **options: Any) -> None:
        code = options["community"]
        if (community := tenants().filter(code=code).first()) is None:
            raise CommandError(
                gettext("There is no community with the code %(code)s.") % {"code": code}
            )
        try:
            result = self._import(community, options)
        except TableError as error:
            where = _where(error.line)
            raise CommandError(
                f"{options['file']}{where and ', ' + where}: {error.code}: {error.reason}"
            ) from error
        self._report(result, stopped=result.is_spoiled and not options["skip_bad"])

    def _import(self, community: Community, options: dict[str, Any]) -> ImportResult:
        sheet = self.sheet(community, options)
        table = open_table(options["file"], sheet.columns)
        if table.ignored_columns:
            self.stdout.write(
                gettext("Ignored columns: %(columns)s")
                % {"columns": ", ".join(table.ignored_columns)}
            )
        # disable=None: no bar where standard error is not a terminal.
        with tqdm(total=table.size, unit="B", unit_scale=True, disable=None) as bar:
            return run_import(
                table,
                sheet.take,
                dry_run=options["dry_run"],
                skip_bad=options["skip_bad"],
                progress=bar.update,
            )

    def _report(self, result: ImportResult, *, stopped: bool) -> None:
        for error in result.errors:
            self.stderr.write(_sentence(error))
        if unlisted := result.errors_total - len(result.errors):
            self.stderr.write(gettext("and %(count)d more") % {"count": unlisted})
        words = (
            gettext("Rows created: %(created)d, unchanged: %(unchanged)d, skipped: %(skipped)d.")
            if result.kept
            else gettext(
                "Nothing was imported. Rows good and new: %(created)d, good and already there: "
                "%(unchanged)d, bad: %(skipped)d."
            )
        )
        if stopped:
            raise CommandError(words % vars(result))
        self.stdout.write(words % vars(result))


def _where(line: int | None) -> str:
    return "" if line is None else gettext("line %(line)d") % {"line": line}


def _sentence(error: RowError) -> str:
    column = f", {error.column}" if error.column else ""
    shown = f" [{error.excerpt}]" if error.excerpt else ""
    return f"{_where(error.line)}{column}: {error.code}: {error.reason}{shown}"
