"""Refusals about reports."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden


class OwnReport(Forbidden):
    code = "own_report"
    title = _("Nobody closes or voids a report of their own.")


class ReportStatusWrong(Conflict):
    code = "report_status_wrong"
    title = _("This is not possible in the report's present state.")
