"""Personal data about what volunteers did and reported, and what an erasure leaves of it."""

from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.communities.selectors import known_to
from backend.privacy import held
from backend.tenants import HERE
from volunteers.activities.models import Activity
from volunteers.attendance.models.attendances import Attendance, RefusedClaim
from volunteers.attendance.models.gates import Gate
from volunteers.attendance.models.objections import Correction, Evaluation, Objection
from volunteers.attendance.models.places import CallOut, WaitingPlace
from volunteers.people.models import CellMember, JoinRequest, Volunteer
from volunteers.people.services import joining, people
from volunteers.reports.models.confirmations import Confirmation
from volunteers.reports.models.contributions import Contribution
from volunteers.reports.models.groups import ReporterGroupMember
from volunteers.reports.models.hand_payments import HandPayment
from volunteers.reports.models.handling import (
    FormerWords,
    ReportComment,
    ReportPause,
    ReportReferral,
)
from volunteers.reports.models.inspections import Inspection, InspectionPlan
from volunteers.reports.models.mediations import Mediation, MediationSession
from volunteers.reports.models.patrols import Patrol, PatrolPhoto
from volunteers.reports.models.photos import ReportPhoto
from volunteers.reports.models.publicity import Bulletin, BulletinComment
from volunteers.reports.models.reports import Report
from volunteers.reports.models.surveys import Survey
from volunteers.reports.selectors import by_a_child
from volunteers.reports.services import mediating
from volunteers.teams.models import TeamMember


def photo_name(photo_id: object) -> str:
    """Return the name of a photo in the ZIP."""
    return f"photos/{photo_id}.jpg"


def _with_photo(row: held.Row) -> held.Row:
    photo_id, *facts, image = row
    is_there = image and default_storage.exists(image)
    return photo_id, *facts, photo_name(photo_id) if is_there else None


def _photos(user: User) -> Iterator[tuple[str, Any]]:
    """Yield name and file of each photo that is left of the person's reports and patrols."""
    for theirs in (
        ReportPhoto.objects.filter(sent_by=user),
        PatrolPhoto.objects.filter(patrol__walker=user),
    ):
        for photo_id, image in held.each(theirs.exclude(image=""), "pk", "image"):
            if default_storage.exists(image):
                yield photo_name(photo_id), default_storage.open(image)


def _leave(user: User) -> None:
    theirs = Volunteer.objects.filter(community__in=known_to(user), user=user)
    for volunteer in theirs.filter(left_at=None).order_by("pk"):
        people.leave(volunteer=volunteer)


def _take_requests_back(user: User) -> None:
    joining.take_all_back(user=user)


def _empty_reports(user: User) -> None:
    """Erase locations, and the text of reports confidential or made as a child; then photos.

    Mediations of the person's reports are about them: names and notes go too.
    """
    for community_id in known_to(user):
        theirs = Report.objects.filter(community=community_id, reporter=user)
        told = list(_told_in_confidence(theirs).values_list("pk", flat=True))
        theirs.filter(pk__in=told).update(text="", place="", answers={})
        mediating.forget_of(
            community_id=community_id, report_ids=list(theirs.values_list("pk", flat=True))
        )
        theirs.exclude(latitude=None, longitude=None).update(latitude=None, longitude=None)
        _empty_words_on(community_id, list(theirs.values_list("pk", flat=True)), told)
    transaction.on_commit(partial(remove_photos, of=user.pk))


def _empty_words_on(community_id: UUID, reports: list[UUID], told: list[UUID]) -> None:
    """Erase what was taken out of reports, and what was written about those told in confidence."""
    for model, which, words in (
        (FormerWords, reports, {"words": ""}),
        (ReportComment, told, {"text": ""}),
        (ReportReferral, told, {"note": "", "answer": ""}),
        (ReportPause, told, {"reason": ""}),
    ):
        model._default_manager.filter(community=community_id, report__in=which).update(**words)


def _empty_words_about(user: User) -> None:
    """Erase what was written about a person's attendances: corrections, objections, evaluations."""
    for community_id in known_to(user):
        attendances = Attendance.objects.filter(community=community_id, volunteer=user)
        theirs = {"community": community_id, "attendance__in": list(attendances)}
        Correction.objects.filter(**theirs).exclude(reason="").update(reason="")
        Objection.objects.filter(**theirs).update(words="", answer="")
        Evaluation.objects.filter(**theirs).exclude(words="").update(words="")


def _told_in_confidence(reports: QuerySet[Report]) -> QuerySet[Report]:
    return reports.filter(Q(is_confidential=True) | by_a_child())


def _thank_no_more(user: User) -> None:
    """Take the person's consent to be thanked in public away."""
    for community_id in known_to(user):
        theirs = Contribution.objects.filter(community=community_id, giver=user)
        theirs.exclude(agreed_at=None).update(agreed_at=None)


def _finish() -> None:
    """Erase what a request under way stored after its sender's erasure, and photos left over."""
    told = _told_in_confidence(Report.objects.filter(HERE, reporter__erased_at__isnull=False))
    for report in told.exclude(text=""):
        report.save_with(text="", place="", answers={}, latitude=None, longitude=None)
    remove_photos()


def remove_photos(*, of: UUID | None = None) -> None:
    """Remove photos of erased reports, ``of`` one person or of everybody.

    Idempotent: the row names the file until it is gone, so a second run finds what is left.
    """
    erased = {"sent_by": of} if of else {"sent_by__erased_at__isnull": False}
    left = ReportPhoto.objects.filter(HERE, **erased, report__text="").exclude(image="")
    for photo in left.order_by("pk"):
        for file in filter(None, (photo.image, photo.thumbnail)):
            default_storage.delete(str(file.name))
        photo.save_with(image="", thumbnail="")


held.FILES.append(_photos)
held.ENDS.append(_leave)
held.FORGETS += [_take_requests_back, _empty_reports, _empty_words_about, _thank_no_more]
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
    "您的上报 / your reports",
    "id community source category text answers place latitude longitude coord_type status"
    " submitted_at accepted_at closed_at answer voided_at reason",
    Report,
    "reporter",
    emptied=["reason"],
)
held.table(
    "confirmations",
    "您确认过的他人上报 / reports of others that you confirmed",
    "id community report_id confirmed_at",
    Confirmation,
    "confirmer",
)
held.table(
    "report_comments",
    "您对上报的留言 / your comments on reports",
    "id community report=report_id text is_internal written_at",
    ReportComment,
    "author",
    emptied=["text"],
)
held.table(
    "cells",
    "您在网格中的职务 / your functions in grid cells",
    "id community estate=estate__name function since_at ended_at",
    CellMember,
    "user",
)
held.table(
    "report_photos",
    "您上报的照片，在 photos/ 中 / photos of your reports, in photos/",
    "id community report_id taken_in_at image",
    ReportPhoto,
    "sent_by",
    shown=_with_photo,
)
held.table(
    "reporter_groups",
    "您所属的上报人群组 / groups of reporters that you belong to",
    "id community reporter_group=group__name since until",
    ReporterGroupMember,
    "person",
)
held.table(
    "rewards_by_hand",
    "线下发放给您的奖励 / rewards that were paid to you by hand",
    "id community amount_fen reference recorded_at confirmed_at withdrawn_at",
    HandPayment,
    "payee",
)
held.acts(HandPayment, "recorded_by", "confirmed_by", "withdrawn_by")
held.table(
    "bulletin_comments",
    "您对公示的留言 / your comments on bulletins",
    "id community bulletin=bulletin__title text written_at status decided_at",
    BulletinComment,
    "author",
    emptied=["text"],
)
held.acts(Bulletin, "drafted_by", "published_by")
held.acts(BulletinComment, "decided_by")
held.table(
    "surveys",
    "对上报办理情况的回访 / how you found that what was reported was dealt with",
    "id community report_id requested_at=asked_at score text=words answered_at",
    Survey,
    "respondent",
    emptied=["words"],
)
held.table(
    "patrols",
    "您的巡查 / your patrols",
    "id community estate=estate__name started_at ended_at people text=note",
    Patrol,
    "walker",
    emptied=["note"],
)
held.table(
    "patrol_photos",
    "您巡查时的照片，在 photos/ 中 / photos of your patrols, in photos/",
    "id community patrol=patrol_id taken_in_at image",
    PatrolPhoto,
    "patrol__walker",
    shown=_with_photo,
)
held.table(
    "contributions",
    "您为解决问题提供的物资 / what you gave for what was reported",
    "id community report_id what quantity given_on agreed_at",
    Contribution,
    "giver",
)
held.acts(CallOut, "called_by")
held.acts(Attendance, "verified_by", "voided_by", "checked_in_by", "checked_out_by", "corrected_by")
held.acts(Gate, "opened_by", "closed_by")
held.acts(RefusedClaim, "told_by")
held.acts(Correction, "corrected_by")
held.acts(Objection, "decided_by")
held.acts(JoinRequest, "decided_by")
held.acts(TeamMember, "decided_by")
held.acts(Report, "closed_by", "voided_by", "relayed_by", "assigned_to")
held.acts(FormerWords, "taken_out_by")
held.acts(ReportReferral, "sent_by", "answered_by")
held.acts(ReportPause, "paused_by", "resumed_by")
held.acts(CellMember, "named_by", "ended_by")
held.acts(Mediation, "opened_by", "ended_by")
held.acts(Contribution, "recorded_by")
held.acts(Inspection, "inspected_by")
held.acts(InspectionPlan, "planned_by")
held.acts(MediationSession, "mediator", "recorded_by")
held.titles(
    reporter_group=_("Group of reporters"),
    since=_("First day"),
    until=_("Until the end of"),
    accuracy_metres=_("Accuracy of the position in metres"),
    distance_metres=_("Metres from the venue"),
    position_mark=_("What the position did not show"),
    proof=_("How presence was shown"),
    accepted_at=_("Accepted at"),
    amount_fen=_("Amount in fen"),
    recorded_at=_("Recorded at"),
    activity=_("Activity"),
    agreed_at=_("Agreed to be thanked at"),
    answer=_("Answer"),
    answers=_("Answers to the category's questions"),
    bulletin=_("Bulletin"),
    answered_at=_("Answered at"),
    category=_("Category"),
    check_in_claimed_at=_("Check-in by the phone's clock"),
    check_out_claimed_at=_("Check-out by the phone's clock"),
    check_out_was_forgotten=_("Check-out forgotten"),
    checked_in_at=_("Checked in at"),
    checked_out_at=_("Checked out at"),
    coord_type=_("Coordinate system"),
    confirmed_at=_("Confirmed at"),
    corrected_at=_("Corrected at"),
    decided_at=_("Decided at"),
    enrolled_at=_("Enrolled at"),
    given_on=_("Given on"),
    is_appeal=_("Appeal"),
    is_relayed=_("Relayed by staff"),
    estate=_("Estate"),
    function=_("Function"),
    is_internal=_("Among staff"),
    is_leader=_("Leads the team"),
    joined_at=_("Joined at"),
    latitude=_("Latitude"),
    left_at=_("Left at"),
    longitude=_("Longitude"),
    patrol=_("Patrol"),
    people=_("People"),
    image=_("Photo"),
    place=_("Place"),
    report_id=_("Report"),
    taken_in_at=_("Received at"),
    published_until=_("Public until"),
    report=_("Report"),
    raised_at=_("Raised at"),
    score=_("Score"),
    shift_ends_at=_("Shift ends at"),
    shift_starts_at=_("Shift begins at"),
    signed_up_at=_("Signed up at"),
    skills=_("Skills"),
    stars=_("Stars"),
    started_at=_("Started at"),
    submitted_at=_("Submitted at"),
    team=_("Team"),
    verified_at=_("Verified at"),
    voided_at=_("Voided at"),
    was_in_at=_("Checked in before the correction"),
    was_offline=_("Told later, from offline"),
    was_out_at=_("Checked out before the correction"),
    what=_("What was given"),
    worked_minutes=_("Minutes"),
    written_at=_("Written at"),
)
