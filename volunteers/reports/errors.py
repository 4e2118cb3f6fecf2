"""Refusals about activities, attendance and reports."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid


class OwnReport(Forbidden):
    code = "own_report"
    title = _("Nobody closes a report of their own.")


class ReportStateWrong(Conflict):
    code = "report_state_wrong"
    title = _("This report has been closed.")


class CategoryUnknown(Invalid):
    code = "category_unknown"
    title = _("No rule of this community covers this category.")
