"""Mediation of disputes: opened for a report, held in sessions, ended in one way."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.tenants import HERE
from volunteers.reports import errors, rounds
from volunteers.reports.categories import DEFAULTS
from volunteers.reports.models.categories import ReportCategory
from volunteers.reports.models.mediations import Mediation, MediationSession
from volunteers.reports.models.reports import Report

DISPUTE = "dispute"  # the category, and whatever stands below it
# Names and notes, after the end: as long as an agreement can be sued upon (《民法典》第188条).
RECORDS_KEPT_FOR = timedelta(days=3 * 365)
# Whoever ends it so has talked with the parties.
NEEDS_A_SESSION = (Mediation.Status.SETTLED, Mediation.Status.PARTLY, Mediation.Status.NOT_SETTLED)


@transaction.atomic
def open_mediation(*, report: Report, opened_by: User, parties: list[str]) -> Mediation:
    """Open the mediation of a dispute that was accepted. Idempotent: returns the first.

    Raises OwnReport, NotADispute, ReportStatusWrong.
    """
    report = report.locked("community")
    _require_another(report, opened_by)
    known = Mediation.objects.filter(community=report.community_id, report=report).first()
    if known is not None:
        return known
    if not _is_dispute(report):
        raise errors.NotADispute
    if report.status not in Report.OPEN or report.status == Report.Status.SUBMITTED:
        raise errors.ReportStatusWrong(current_status=report.status)
    mediation = Mediation(community=report.community, report=report, opened_by=opened_by)
    mediation.parties = parties
    mediation.save(force_insert=True)
    trail.record(
        "mediation.open", actor=opened_by, target=mediation, after={"report": str(report.pk)}
    )
    return mediation


@transaction.atomic
def change_parties(*, mediation: Mediation, by: User, parties: list[str]) -> Mediation:
    """Set the names of the parties. Idempotent. Raises OwnReport, MediationEnded."""
    mediation = _locked(mediation, by)
    if parties != mediation.parties:
        mediation.parties = parties
        mediation.save(update_fields=["parties_encrypted"])
        trail.record("mediation.change", actor=by, target=mediation)
    return mediation


@transaction.atomic
def hold_session(
    *,
    mediation: Mediation,
    by: User,
    held_at: datetime,
    note: str = "",
    mediator_id: UUID | None = None,
) -> Mediation:
    """Record a session, held by whoever records it unless a mediator of the community is named.

    Idempotent: a session of that moment stays as it is. Raises OwnReport, MediationEnded,
    PersonUnknown.
    """
    mediation = _locked(mediation, by)
    mediator = by if mediator_id is None else rounds.person_at(mediation.report, mediator_id)
    _require_another(mediation.report, mediator)
    if mediation.sessions.filter(held_at=held_at).exists():
        return mediation
    session = MediationSession(
        community=mediation.community,
        mediation=mediation,
        held_at=held_at,
        mediator=mediator,
        recorded_by=by,
    )
    session.note = note
    session.save(force_insert=True)
    trail.record(
        "mediation.hold_session", actor=by, target=mediation, after={"session": str(session.pk)}
    )
    return mediation


@transaction.atomic
def end(*, mediation: Mediation, by: User, outcome: Mediation.Status) -> Mediation:
    """End a mediation with its outcome. Idempotent.

    Raises OwnReport, MediationWithoutSession for an outcome that takes talks, and MediationEnded if
    it has ended in another way.
    """
    known = mediation.locked("report")
    if known.status == outcome:
        return known
    mediation = _locked(mediation, by)
    if outcome in NEEDS_A_SESSION and not mediation.sessions.exists():
        raise errors.MediationWithoutSession
    mediation.save_with(status=outcome, ended_at=timezone.now(), ended_by=by)
    after = {"status": outcome} | trail.facts_of(mediation, "ended_at")
    trail.record("mediation.end", actor=by, target=mediation, after=after)
    return mediation


def note_reading(*, reader: User, mediations: Iterable[Mediation]) -> None:
    """Record that ``reader`` reads the records of ``mediations``, in one statement or none."""
    shown = [(mediation.community, mediation) for mediation in mediations]
    if shown:
        with transaction.atomic(savepoint=False):  # around one statement
            trail.record_many("mediation.view", actor=reader, targets=shown)


def forget_of(*, community_id: UUID, report_ids: Collection[UUID]) -> None:
    """Empty names and notes of the mediations of these reports. Idempotent."""
    found = Mediation.objects.filter(community=community_id, report_id__in=report_ids)
    _forget(community_id, list(found.values_list("pk", flat=True)))


def forget_old(*, now: datetime | None = None) -> int:
    """Empty names and notes three years after the end. Returns the count. Idempotent."""
    ended = Mediation.objects.filter(
        Q(parties_encrypted__gt="") | Q(sessions__note_encrypted__gt=""),
        HERE,
        ended_at__lt=(now or timezone.now()) - RECORDS_KEPT_FOR,
    ).distinct()
    count = 0
    for community_id in set(ended.values_list("community_id", flat=True)):
        ids = list(ended.filter(community=community_id).values_list("pk", flat=True))
        with transaction.atomic():
            _forget(community_id, ids)
        count += len(ids)
    return count


def _forget(community_id: UUID, ids: list[UUID]) -> None:
    sessions = MediationSession.objects.filter(community=community_id, mediation_id__in=ids)
    sessions.exclude(note_encrypted="").update(note_encrypted="")
    Mediation.objects.filter(community=community_id, pk__in=ids).update(parties_encrypted="")


def _locked(mediation: Mediation, by: User) -> Mediation:
    mediation = mediation.locked("community", "report__estate")
    _require_another(mediation.report, by)
    if mediation.status != Mediation.Status.OPEN:
        raise errors.MediationEnded(current_status=mediation.status)
    return mediation


def _require_another(report: Report, person: User) -> None:
    if report.reporter_id in person.record_ids:
        raise errors.OwnReport


def _is_dispute(report: Report) -> bool:
    """Tell whether the report's category is that of disputes, or stands below it."""
    parents = {code: known.parent for code, known in DEFAULTS.items()}
    own = ReportCategory.objects.filter(community=report.community_id)
    parents |= dict(own.values_list("code", "parent"))
    code = report.category
    while code and code != DISPUTE:
        code = parents.pop(code, "")
    return code == DISPUTE
