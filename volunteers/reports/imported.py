"""Reports as something that an import wrote, and may take back."""

from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from backend.imports.kinds import Taken, Thing, delete, referred_to
from volunteers.reports.models.reports import Report


def _built_on(taken: Taken) -> dict[UUID, str | Promise]:
    """Tell of reports that somebody has handled, confirmed or commented."""
    untouched = Report.objects.filter(
        community=taken.community, pk__in=taken.ids, status=Report.Status.SUBMITTED
    )
    handled = set(taken.ids) - set(untouched.values_list("pk", flat=True))
    return referred_to(Report, taken) | dict.fromkeys(handled, _("It has been handled since."))


def _undo(taken: Taken) -> None:
    delete(Report, taken.community, taken.ids)


REPORT = Thing("report", _built_on, _undo)
