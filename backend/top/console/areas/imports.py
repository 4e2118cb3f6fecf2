"""Lists that are uploaded, checked, imported and taken back."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from backend.imports import kinds
from backend.imports.models import Import
from backend.top.calls import Caller
from backend.top.console.pages import (
    Action,
    Facts,
    Group,
    Page,
    Related,
    Section,
    add,
    has_status,
)
from backend.top.console.values import link_to

Status = Import.Status
RESULT = ("rows_count", "created_count", "unchanged_count", "skipped_count")


def _is_sound(facts: Facts) -> bool:
    return has_status(Status.CHECKED)(facts) and not facts["has_errors"]


def _has_some_sound(facts: Facts) -> bool:
    return has_status(Status.CHECKED)(facts) and facts["has_errors"]


def _templates(caller: Caller, names: Mapping[str, Any], answer: Any) -> Mapping[str, Any]:
    empty = "imports/templates/{name}.xlsx"
    return {"templates": [(link_to(empty, {"name": n}), title) for n, title in kinds.choices()]}


def _progress(caller: Caller, names: Mapping[str, Any], answer: Facts | None) -> Mapping[str, Any]:
    """Return what the page of an import shows besides its facts."""
    if not answer:
        return {}
    status = answer["status"]
    handles = caller.may("put", f"imports/{answer['id']}/mapping")
    shown: dict[str, Any] = {} if answer["errors_count"] else {"related": []}
    return shown | {
        "is_under_way": status in Import.UNDER_WAY,
        "may_map": handles
        and answer["has_file"]
        and status in (Status.UPLOADED, Status.CHECKED, Status.FAILED),
        "may_mend": handles and answer["has_file"] and answer["errors_count"] > 0,
        "mapping": link_to("imports/{id}/mapping", answer),
        "mend": link_to("imports/{id}/errors.xlsx", answer),
    }


add(
    Page(
        route="communities/<slug:code>/imports",
        title=_("Imports"),
        group=Group.SETTINGS,
        icon="upload_file",
        rank=2,
        explains=_(
            "Lists of people, hours, merchants and more, as XLSX or CSV of at most 20 MB and 50,000"
            " rows. A list is checked before anything is written, and can be taken back. Its file"
            " is removed after seven days."
        ),
        columns=(
            *("uploaded_at", "kind", "file_name", "status", "created_count", "errors_count"),
            "uploaded_by",
        ),
        opens="imports/{id}",
        actions=(
            Action(
                address="communities/{code}/imports",
                title=_("Upload a list"),
                icon="upload",
                style="primary",
                opens="imports/{id}",
            ),
        ),
        template="console/imports.html",
        adds=_templates,
    ),
    Page(
        route="imports/<uuid:import_id>",
        title=_("Import"),
        named="file_name",
        sections=(
            Section("", ("kind", "status", "uploaded_by", "uploaded_at", "run_by", "run_at")),
            Section(_("Result"), (*RESULT, "taken_back_by", "taken_back_at")),
        ),
        actions=(
            Action(
                address="imports/{id}/run",
                title=_("Import all rows"),
                icon="play_arrow",
                style="primary",
                fixed={"skips_bad": False},
                when=_is_sound,
            ),
            Action(
                address="imports/{id}/run",
                title=_("Import the good rows only"),
                fixed={"skips_bad": True},
                when=_has_some_sound,
                confirm=_("Rows with errors are left out. Mend them and upload them again later."),
            ),
            Action(
                address="imports/{id}/take-back",
                title=_("Take back"),
                style="danger",
                when=has_status(Status.DONE),
                confirm=_(
                    "All that this list wrote goes again, unless something was built on it since."
                ),
            ),
            Action(
                address="imports/{id}/mapping",
                title=_("Check the list"),
                method="put",
                initial={"columns": "columns"},
                when=lambda facts: False,  # the page itself has its form
            ),
        ),
        related=(Related("imports/{id}/rows"),),
        template="console/import.html",
        adds=_progress,
    ),
    Page(
        route="imports/<uuid:import_id>/rows",
        title=_("Errors by line"),
        columns=("line", "column", "value", "reason", "is_left"),
    ),
)
