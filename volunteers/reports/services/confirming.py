"""Confirmations of reports: "me too" by volunteers who saw it as well."""

from django.db import transaction

from backend.accounts.models import User
from backend.accounts.services import guardians
from backend.communities.errors import NotAVolunteerHere
from volunteers.people.selectors import volunteers_in
from volunteers.reports import errors
from volunteers.reports.models.confirmations import Confirmation
from volunteers.reports.models.reports import Report


@transaction.atomic
def confirm(*, report: Report, confirmer: User) -> Confirmation:
    """Confirm an open report that everybody may read. Idempotent: once by each.

    Raises GuardianConsentRequired, NotAVolunteerHere, OwnConfirmation, ReportStatusWrong.
    """
    guardians.require_guardian(confirmer)
    if not volunteers_in(report.community).filter(user=confirmer).exists():
        raise NotAVolunteerHere
    report = report.locked("community")
    if report.reporter_id in confirmer.record_ids:
        raise errors.OwnConfirmation
    theirs = {"community": report.community, "report": report, "confirmer": confirmer}
    if made := Confirmation.objects.filter(**theirs).first():
        return made
    if report.status not in Report.OPEN:
        raise errors.ReportStatusWrong(current_status=report.status)
    return Confirmation.objects.create(**theirs)
