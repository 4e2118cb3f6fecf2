"""Imports of lists: uploaded, checked, run and taken back by a community's staff."""

import tempfile
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.api.serializers import ColleagueSerializer
from backend.accounts.models import User
from backend.api import files
from backend.api.callers import signed_in
from backend.api.fields import CharField
from backend.api.paging import CursorPagination
from backend.api.parsers import FileFormParser
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.shown import community, in_community
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER
from backend.imports import kinds, selectors
from backend.imports.errors import ImportFileInvalid, TableError
from backend.imports.models import Import, ImportFault
from backend.imports.services import files as given_back
from backend.imports.services import steps
from backend.imports.workbook import MAX_FILE_BYTES
from backend.replica import from_replica

KINDS = kinds.choices()


class ListFormParser(FileFormParser):
    """Parser of a form with a list as a file."""

    @property
    def most_bytes(self) -> int:
        return MAX_FILE_BYTES


class ImportSerializer(ReadSerializer[Import]):
    """An import: uploaded → checking → checked → running → done, or failed.

    Counts are of the last check or run: rows that were created (or would be), that were there
    already (``unchanged``), and that were left out (``skipped``). ``has_errors`` says that some are
    wrong; others are only left alone. ``progress`` is how much of the file is read, in percent.
    ``fault`` is what is wrong with the file as a whole. ``has_file``: it is kept for seven days.
    """

    kind = serializers.ChoiceField(choices=KINDS, read_only=True)
    uploaded_by = ColleagueSerializer(read_only=True)
    run_by = ColleagueSerializer(read_only=True, allow_null=True)
    taken_back_by = ColleagueSerializer(read_only=True, allow_null=True)
    has_file = serializers.SerializerMethodField()

    class Meta:
        model = Import
        fields: tuple[str, ...] = (
            "id",
            "kind",
            "status",
            "file_name",
            "size_bytes",
            "has_file",
            "progress",
            "rows_count",
            "created_count",
            "unchanged_count",
            "skipped_count",
            "errors_count",
            "has_errors",
            "skips_bad",
            "uploaded_at",
            "uploaded_by",
            "run_at",
            "run_by",
            "finished_at",
            "taken_back_at",
            "taken_back_by",
        )

    def get_has_file(self, one: Import) -> bool:
        return bool(one.stored_as)


class ImportColumnSerializer(serializers.Serializer[Any]):
    """A column of the kind, and which heading of the file it is: empty for none.

    ``header`` is what it is usually called, ``about`` says what is written there.
    """

    name = serializers.CharField(read_only=True)
    header = serializers.CharField(read_only=True)
    about = serializers.CharField(read_only=True)
    example = serializers.CharField(read_only=True)
    is_required = serializers.BooleanField(read_only=True)
    heading = serializers.CharField(read_only=True)


class FaultSerializer(serializers.Serializer[Any]):
    """A fault of a file as a whole."""

    code = serializers.CharField(read_only=True)
    title = serializers.CharField(read_only=True)
    line = serializers.IntegerField(read_only=True, allow_null=True)


class ImportInFullSerializer(ImportSerializer):
    """An import with the headings of its file, and what they are taken for."""

    headings = serializers.ListField(child=serializers.CharField(), read_only=True)
    columns = serializers.SerializerMethodField()
    fault = serializers.SerializerMethodField()

    class Meta(ImportSerializer.Meta):
        fields = (*ImportSerializer.Meta.fields, "headings", "columns", "fault")

    @extend_schema_field(ImportColumnSerializer(many=True))
    def get_columns(self, one: Import) -> Any:
        return [
            {
                "name": column.name,
                "header": column.header,
                "about": str(column.about),
                "example": column.example,
                "is_required": column.required,
                "heading": one.mapping.get(column.name, ""),
            }
            for column in steps.columns_of(one)
        ]

    @extend_schema_field(FaultSerializer(allow_null=True))
    def get_fault(self, one: Import) -> Any:
        return one.fault or None


class ImportRowSerializer(ReadSerializer[ImportFault]):
    """An error of a row; ``value`` is what stands there, short and with numbers masked.

    ``column`` is the file's heading, empty if the row as a whole is wrong. ``is_left``: the row is
    right, and is left alone because what somebody did since counts.
    """

    class Meta:
        model = ImportFault
        fields = ("id", "line", "column", "code", "reason", "value", "is_left")


class UploadSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=KINDS)
    file = serializers.FileField(help_text="XLSX, or CSV in UTF-8 or GB18030, at most 20 MB.")


class MappedColumnSerializer(serializers.Serializer[Any]):
    name = CharField(max_length=40, help_text="The column, such as `phone`.")
    heading = CharField(
        max_length=1_000,
        default="",
        allow_blank=True,
        help_text="What the file calls it; empty if it has no such column.",
    )


class MappingSerializer(serializers.Serializer[Any]):
    columns = MappedColumnSerializer(many=True, max_length=100)  # type: ignore[call-arg]


class RunSerializer(serializers.Serializer[Any]):
    skips_bad = serializers.BooleanField(
        default=False, help_text="Leave out rows with errors, else any stops all."
    )


HANDLED = seen(selectors.imports_handled_by, "import_id")
SEEN = seen(selectors.imports_seen_by, "import_id")


@from_replica
class ImportListView(ListView[Import]):
    """List the imports of a community: ``GET /api/v1/communities/{code}/imports``.

    Newest first. For staff, managers and auditors.
    """

    serializer_class = ImportSerializer
    finds = in_community(WATCHES_OVER, selectors.imports_of)
    parser_classes = (ListFormParser,)

    @writes(
        ImportInFullSerializer,
        community(HANDLES),
        body=UploadSerializer,
        creates=selectors.imports_of,
    )
    def post(
        self, user: User, community: Community, *, kind: str, file: "UploadedFile[Any]"
    ) -> Import:
        """Upload a list: ``POST /api/v1/communities/{code}/imports``.

        For staff and managers, who may do by hand what its rows do: hours wait for somebody else to
        verify them, offers and what merchants are paid for somebody else to decide. The file is
        kept for seven days. ``columns`` of the answer suggests what its headings are;
        ``PUT …/mapping`` has it checked. ``import_file_invalid`` names by ``fault`` what is wrong
        with the file.
        """
        return steps.upload(community=community, kind=kind, file=file, by=user)


class ImportView(OpenView[Import]):
    """Open an import: ``GET /api/v1/imports/{import_id}``. For staff, managers and auditors.

    Ask again while it is ``checking``, ``running`` or ``taking_back``.
    """

    serializer_class = ImportInFullSerializer
    finds = SEEN


class ByNumber(CursorPagination):
    ordering = "number"


class ImportRowListView(ListView[ImportFault]):
    """List the errors of an import's rows by line: ``GET /api/v1/imports/{import_id}/rows``.

    Of the last check or run; at most 5,000 are kept, for as long as the file. For staff, managers
    and auditors.
    """

    serializer_class = ImportRowSerializer
    pagination_class = ByNumber
    finds = below(SEEN, selectors.faults_of)


class ImportMappingView(APIView):
    """Say which heading each column is: ``PUT /api/v1/imports/{import_id}/mapping``.

    It is remembered for the community's next file of the kind, and the file is checked: nothing is
    imported yet. For staff and managers. ``import_mapping_invalid`` names required columns that are
    ``missing`` and what is ``unknown``.
    """

    @writes(ImportInFullSerializer, HANDLED, body=MappingSerializer)
    def put(self, user: User, one: Import, *, columns: list[dict[str, str]]) -> Import:
        told = [(one["name"], one["heading"]) for one in columns if one["heading"]]
        return steps.map_columns(one=one, told=told)


class ImportRunView(APIView):
    """Run a checked import: ``POST /api/v1/imports/{import_id}/run``. For staff and managers.

    All rows are imported, or none. Idempotent while it runs and once it is done.
    ``import_has_errors`` unless rows with errors are left out (``skips_bad``).
    """

    @writes(ImportInFullSerializer, HANDLED, body=RunSerializer)
    def post(self, user: User, one: Import, *, skips_bad: bool) -> Import:
        return steps.run(one=one, skips_bad=skips_bad, by=user)


class ImportTakeBackView(APIView):
    """Take an import back: ``POST /api/v1/imports/{import_id}/take-back``.

    For staff and managers. All it wrote goes, or nothing: ``import_built_upon`` tells of ``rows``
    on which something was built since. What has to stay on record is ended or voided. Idempotent.
    """

    @writes(ImportInFullSerializer, HANDLED)
    def post(self, user: User, one: Import) -> Import:
        return steps.take_back(one=one, by=user)


class RowsToMendView(APIView):
    """Fetch the rows to mend: ``GET /api/v1/imports/{import_id}/errors.xlsx``.

    Each row with errors as it stands in the file, with what is wrong beside it. For staff and
    managers. ``import_file_gone`` after seven days.
    """

    renderer_classes = (files.XLSXRenderer,)

    @extend_schema(responses={(200, files.XLSXRenderer.media_type): OpenApiTypes.BINARY})
    def get(self, request: Request, import_id: UUID) -> FileResponse:
        one = get_object_or_404(selectors.imports_handled_by(signed_in(request)), pk=import_id)
        file = tempfile.TemporaryFile()  # noqa: SIM115  # the answer closes it
        try:
            name = given_back.rows_to_mend(one, file)
        except TableError as error:
            raise ImportFileInvalid(
                fault=error.code, reason=error.reason, line=error.line
            ) from error
        return files.sent(file, name, "xlsx")


class TemplateView(APIView):
    """Fetch an empty list of a kind: ``GET /api/v1/imports/templates/{list_kind}.xlsx``.

    Its second page tells the columns, with an example of each.
    """

    renderer_classes = (files.XLSXRenderer,)

    @extend_schema(
        operation_id="imports_templates_retrieve",
        responses={(200, files.XLSXRenderer.media_type): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, list_kind: str) -> FileResponse:
        file = tempfile.TemporaryFile()  # noqa: SIM115  # the answer closes it
        return files.sent(file, given_back.template(list_kind, file), "xlsx")


urlpatterns = [
    path("communities/<slug:code>/imports", ImportListView.as_view()),
    path("imports/templates/<slug:list_kind>.xlsx", TemplateView.as_view()),
    path("imports/<uuid:import_id>", ImportView.as_view()),
    path("imports/<uuid:import_id>/rows", ImportRowListView.as_view()),
    path("imports/<uuid:import_id>/mapping", ImportMappingView.as_view()),
    path("imports/<uuid:import_id>/run", ImportRunView.as_view()),
    path("imports/<uuid:import_id>/take-back", ImportTakeBackView.as_view()),
    path("imports/<uuid:import_id>/errors.xlsx", RowsToMendView.as_view()),
]
