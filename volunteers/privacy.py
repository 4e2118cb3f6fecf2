"""Personal data about what volunteers did and reported, and what an erasure leaves of it."""

from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.communities.selectors import known_to
from backend.privacy import held
from volunteers.activities.models import Activity
from volunteers.attendance.models.attendances import Attendance, RefusedClaim
from volunteers.attendance.models.gates import Gate
from volunteers.attendance.models.objections import Correction, Evaluation, Objection
from volunteers.attendance.models.places import CallOut, WaitingPlace
from volunteers.people.models import JoinRequest, Volunteer
from volunteers.people.services import people
from volunteers.reports.models import Report
from volunteers.reports.selectors import by_a_child
from volunteers.teams.models import TeamMember


def photo_name(report_id: object) -> str:
    """Return the name of a report's photo in the ZIP."""
    return f"photos/{report_id}.jpg"


def _with_photo(row: held.Row) -> held.Row:
    report_id, *facts, photo = row
    is_there = photo and default_storage.exists(photo)
    return report_id, *facts, photo_name(report_id) if is_there else None


def _photos(user: User) -> Iterator[tuple[str, Any]]:
    """Yield name and file of each photo that is left of the person's reports."""
    with_photo = Report.objects.filter(reporter=user).exclude(photo="")
    for report_id, photo in held.each(with_photo, "pk", "photo"):
        if default_storage.exists(photo):
            yield photo_name(report_id), default_storage.open(photo)


def _leave(user: User) -> None:
    theirs = Volunteer.objects.filter(community__in=known_to(user), user=user)
    for volunteer in theirs.filter(left_at=None).order_by("pk"):
        people.leave(volunteer=volunteer)


def _take_requests_back(user: User) -> None:
    pending = JoinRequest.objects.filter(user=user, status=JoinRequest.Status.PENDING)
    pending.update(status=JoinRequest.Status.WITHDRAWN, decided_at=timezone.now())


def _empty_reports(user: User) -> None:
    """Erase locations, and the text of reports confidential or made as a child; then photos."""
    for community_id in known_to(user):
        theirs = Report.objects.filter(community=community_id, reporter=user)
        told = list(_told_in_confidence(theirs).values_list("pk", flat=True))
        theirs.filter(pk__in=told).update(text="", place="")
        theirs.exclude(latitude=None, longitude=None).update(latitude=None, longitude=None)
    transaction.on_commit(partial(remove_photos, of=user.pk))


def _empty_words_about(user: User) -> None:
    """Erase what was written about a person's attendances: corrections, objections, evaluations."""
    for community_id in known_to(user):
        attendances = Attendance.objects.filter(community=community_id, volunteer=user)
        theirs = {"community": community_id, "attendance__in": list(attendances)}
        Correction.objects.filter(**theirs).exclude(reason="").update(reason="")
        Objection.objects.filter(**theirs).update(words="", answer="")
        Evaluation.objects.filter(**theirs).exclude(words="").update(words="")


def _told_in_confidence(reports: QuerySet[Report]) -> QuerySet[Report]:
    return reports.filter(Q(category__in=Report.CONFIDENTIAL) | by_a_child())


def _finish() -> None:
    """Erase what a request under way stored after its sender's erasure, and photos left over."""
    told = _told_in_confidence(Report.objects.filter(reporter__erased_at__isnull=False))
    for report in told.exclude(text=""):
        report.save_with(text="", place="", latitude=None, longitude=None)
    remove_photos()


def remove_photos(*, of: UUID | None = None) -> None:
    """Remove photos of erased reports, ``of`` one person or of everybody.

    Idempotent: the row names the file until it is gone, so a second run finds what is left.
    """
    erased = {"reporter": of} if of else {"reporter__erased_at__isnull": False}
    for report in Report.objects.filter(**erased, text="").exclude(photo="").order_by("pk"):
        default_storage.delete(str(report.photo.name))
        report.save_with(photo="")


held.FILES.append(_photos)
held.ENDS.append(_leave)
held.FORGETS += [_take_requests_back, _empty_reports, _empty_words_about]
held.AFTERWARDS.append(_finish)
held.table(
    "join_requests",
    "加入社区的申请 / where you asked to be taken in",
    "id community kind estate=estate__name status requested_at=asked_at decided_at reason",
    JoinRequest,
    "user",
    emptied=["reason"],
)
held.table(
    "volunteering",
    "您的志愿者登记 / where you are enrolled as a volunteer",
    "id community kind estate=estate__name skills enrolled_at left_at",
    Volunteer,
    "user",
)
held.table(
    "teams",
    "您加入或申请加入的队伍 / teams that you belong to, or asked to join",
    "id community team=team__name status is_leader requested_at=asked_at joined_at left_at reason",
    TeamMember,
    "volunteer",
    emptied=["reason"],
)
held.table(
    "waiting_lists",
    "您的候补 / waiting lists that you were on",
    "id community activity=shift__activity__title shift_starts_at=shift__starts_at status"
    " since_at ended_at",
    WaitingPlace,
    "volunteer",
)
held.table(
    "attendances",
    "志愿服务的报名、签到和时长 / shifts, check-ins and hours",
    "id community activity=shift__activity__title category=shift__activity__category"
    " place=shift__activity__place shift_starts_at=shift__starts_at shift_ends_at=shift__ends_at"
    " status signed_up_at checked_in_at checked_out_at was_offline check_out_was_forgotten"
    " check_in_claimed_at check_out_claimed_at proof position_mark distance_metres accuracy_metres"
    " worked_minutes verified_at published_until voided_at reason",
    Attendance,
    "volunteer",
    emptied=["reason"],
)
held.table(
    "helped",
    "帮助您的志愿服务活动 / activities in which volunteers help you",
    "id community activity=title category",
    Activity,
    "serves",
)
held.table(
    "refused_check_ins",
    "手机补报而未采信的签到和签退 / what a phone told of them and was refused",
    "id community activity=shift__activity__title action=act occurred_at=claimed_at"
    " submitted_at=told_at outcome=refused_as",
    RefusedClaim,
    "volunteer",
)
held.table(
    "corrections",
    "对您的签到签退时间的更正 / corrections of your times",
    "id community activity=attendance__shift__activity__title was_in_at was_out_at checked_in_at"
    " checked_out_at reason corrected_at",
    Correction,
    "attendance__volunteer",
)
held.table(
    "objections",
    "您的申诉和异议 / your appeals and objections",
    "id community activity=attendance__shift__activity__title is_appeal text=words raised_at status"
    " decided_at answer",
    Objection,
    "raised_by",
    emptied=["words", "answer"],
)
held.table(
    "evaluations",
    "对您的服务的评价 / how your service was evaluated",
    "id community activity=attendance__shift__activity__title stars text=words is_relayed given_at",
    Evaluation,
    "attendance__volunteer",
)
held.table(
    "evaluations_given",
    "您对服务的评价 / your evaluations of service",
    "id community activity=attendance__shift__activity__title stars text=words given_at",
    Evaluation,
    "given_by",
    emptied=["words"],
)
held.table(
    "reports",
    "您的上报；照片在 photos/ 中 / your reports; their photos are in photos/",
    "id community category text place latitude longitude coord_type status submitted_at"
    " accepted_at closed_at answer voided_at reason photo",
    Report,
    "reporter",
    shown=_with_photo,
    emptied=["reason"],
)
held.acts(CallOut, "called_by")
held.acts(Attendance, "verified_by", "voided_by", "checked_in_by", "checked_out_by", "corrected_by")
held.acts(Gate, "opened_by", "closed_by")
held.acts(RefusedClaim, "told_by")
held.acts(Correction, "corrected_by")
held.acts(Objection, "decided_by")
held.acts(JoinRequest, "decided_by")
held.acts(TeamMember, "decided_by")
held.acts(Report, "closed_by", "voided_by")
held.titles(
    accuracy_metres=_("Accuracy of the position in metres"),
    distance_metres=_("Metres from the venue"),
    position_mark=_("What the position did not show"),
    proof=_("How presence was shown"),
    accepted_at=_("Accepted at"),
    activity=_("Activity"),
    answer=_("Answer"),
    category=_("Category"),
    check_in_claimed_at=_("Check-in by the phone's clock"),
    check_out_claimed_at=_("Check-out by the phone's clock"),
    check_out_was_forgotten=_("Check-out forgotten"),
    checked_in_at=_("Checked in at"),
    checked_out_at=_("Checked out at"),
    coord_type=_("Coordinate system"),
    corrected_at=_("Corrected at"),
    decided_at=_("Decided at"),
    enrolled_at=_("Enrolled at"),
    is_appeal=_("Appeal"),
    is_relayed=_("Relayed by staff"),
    estate=_("Estate"),
    is_leader=_("Leads the team"),
    joined_at=_("Joined at"),
    latitude=_("Latitude"),
    left_at=_("Left at"),
    longitude=_("Longitude"),
    photo=_("Photo"),
    place=_("Place"),
    published_until=_("Public until"),
    raised_at=_("Raised at"),
    shift_ends_at=_("Shift ends at"),
    shift_starts_at=_("Shift begins at"),
    signed_up_at=_("Signed up at"),
    skills=_("Skills"),
    stars=_("Stars"),
    submitted_at=_("Submitted at"),
    team=_("Team"),
    verified_at=_("Verified at"),
    voided_at=_("Voided at"),
    was_in_at=_("Checked in before the correction"),
    was_offline=_("Told later, from offline"),
    was_out_at=_("Checked out before the correction"),
    worked_minutes=_("Minutes"),
)
