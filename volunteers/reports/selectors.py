"""Queries for reports, named for the reader."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import (
    Count,
    Exists,
    OuterRef,
    Q,
    QuerySet,
)
from django.db.models.functions import Now
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.selectors import was_a_child
from backend.audit.models import AuditEntry
from backend.communities.models import Community, Membership
from backend.communities.selectors import (
    AUDITS,
    HANDLES,
    MANAGES,
    WATCHES_OVER,
    communities_of,
    communities_where,
    in_reach,
    known_to,
)
from volunteers.people.models import Volunteer
from volunteers.people.selectors import cell_members_in, cells_handled_by
from volunteers.reports.models.categories import ReportCategory, ReportPolicy
from volunteers.reports.models.confirmations import Confirmation
from volunteers.reports.models.groups import ReporterGroup, ReporterGroupMember
from volunteers.reports.models.handling import FormerWords, ReportComment, ReportReferral
from volunteers.reports.models.publicity import Bulletin, BulletinComment
from volunteers.reports.models.reports import SHOWN, Report

DUE_SOON = timedelta(days=1)
PUBLIC_DECIMALS = 2  # of a degree, about a kilometre: as exactly as the public is told places


def overdue() -> Q:
    """Return a condition on open reports of which a step is overdue."""
    return Q(status__in=Report.OPEN, due_at__lt=Now())


def due_soon() -> Q:
    """Return a condition on open reports of which a step is due within a day."""
    now = timezone.now()
    return Q(status__in=Report.OPEN, due_at__gte=now, due_at__lt=now + DUE_SOON)


def reports_of(user: User) -> QuerySet[Report]:
    """Return the reports of ``user``, newest first."""
    return _with_community(
        Report.objects.filter(community__in=known_to(user), reporter__in=user.record_ids)
    )


def reports_handled_by(user: User) -> QuerySet[Report]:
    """Return the reports ``user`` may decide on as staff, newest first."""
    return _with_community(Report.objects.filter(in_reach(user, HANDLES)))


def reports_worked_on_by(user: User) -> QuerySet[Report]:
    """Return the reports ``user`` may work on as staff or in their cells, newest first."""
    return _with_community(Report.objects.filter(in_reach(user, HANDLES) | in_cells(user)))


def reports_watched_by(user: User) -> QuerySet[Report]:
    """Return the reports ``user`` may look at as staff, auditor or of their cells, newest first."""
    return _with_community(Report.objects.filter(in_reach(user, WATCHES_OVER) | in_cells(user)))


def reports_due_watched_by(user: User) -> QuerySet[Report]:
    """Return the open ones of ``reports_watched_by`` whose clock runs, the first due first."""
    running = reports_watched_by(user).filter(status__in=Report.OPEN, due_at__isnull=False)
    return running.order_by("due_at", "id")


def reports_seen_by(user: User) -> QuerySet[Report]:
    """Return the reports of ``user``, and those they may look at otherwise."""
    seen = Q(reporter__in=user.record_ids) | in_reach(user, WATCHES_OVER) | in_cells(user)
    return _with_community(Report.objects.filter(seen))


def reports_answered_for_by(user: User) -> QuerySet[Report]:
    """Return the reports of ``user``, and those they may decide on as staff."""
    return _with_community(Report.objects.filter(Q(reporter=user) | in_reach(user, HANDLES)))


def reports_audited_by(user: User) -> QuerySet[Report]:
    """Return the reports of which ``user`` may read what was taken out: managers and auditors."""
    return _with_community(Report.objects.filter(in_reach(user, MANAGES + AUDITS)))


def in_cells(user: User) -> Q:
    """Return the condition on reports that ``user`` reaches as leader or worker of a cell.

    Those of the cell, without confidential ones and those not found safe yet; and of these the ones
    that staff assigned to them, for that is how staff let them in.
    """
    cells = cells_handled_by(user)
    if not cells:
        return Q(pk__in=[])
    communities = {community for community, _ in cells}
    shown = Q(estate__in=[estate for _, estate in cells], is_confidential=False, is_screened=True)
    return Q(community__in=communities) & (shown | Q(assigned_to=user))


def is_staff_of(user: User, report: Report) -> bool:
    """Tell whether ``user`` may decide on the report as staff."""
    return Report.objects.filter(
        in_reach(user, HANDLES), community=report.community_id, pk=report.pk
    ).exists()


def responsible_in(places: Collection[UUID]) -> list[User]:
    """Return the staff and managers of these places themselves."""
    held = Membership.objects.filter(
        community__in=places, role__in=HANDLES, ended_at__isnull=True, user__is_active=True
    )
    return list({one.user_id: one.user for one in held.select_related("user")}.values())


class Assignee(NamedTuple):
    """A possible assignee of a report: one of the staff, or else by a function in a cell."""

    user: User
    function: str | None = None
    estate: Community | None = None


def assignees_of(report: Report) -> list[Assignee]:
    """Return to whom a report may be given, by name, the staff of its places first."""
    places = [pk for pk in (report.community_id, report.estate_id) if pk]
    staff = [Assignee(user) for user in responsible_in(places)]
    of_cells = cell_members_in(report.community).filter(ended_at__isnull=True)
    cells = [Assignee(one.user, one.function, one.estate) for one in of_cells]
    found: dict[UUID, Assignee] = {}
    for some in (staff, cells):
        for one in sorted(some, key=lambda one: one.user.shown_name):
            if one.user.pk != report.reporter_id:
                found.setdefault(one.user.pk, one)
    return list(found.values())


def policy_of(community: Community) -> ReportPolicy:
    """Return what the community decides about reports; a new row, not saved, as long as nothing."""
    policy = ReportPolicy.objects.filter(community=community).first()
    return policy or ReportPolicy(community=community)


def comments_on(report: Report) -> QuerySet[ReportComment]:
    """Return the comments on a report, newest first."""
    return report.comments.select_related("author").order_by("-id")


def referrals_of(report: Report) -> QuerySet[ReportReferral]:
    """Return where a report was passed on to, newest first."""
    return report.referrals.select_related("sent_by").order_by("-id")


def former_words_of(report: Report) -> QuerySet[FormerWords]:
    """Return what stood in a report before words were taken out, newest first."""
    return report.former_words.select_related("taken_out_by").order_by("-id")


def acts_on(report: Report) -> QuerySet[AuditEntry]:
    """Return what was done to a report, oldest first, without who read it."""
    acts = AuditEntry.objects.filter(
        community=report.community_id, target_type="report", target_id=str(report.pk)
    )
    return acts.exclude(action="report.view").select_related("actor").order_by("id")


def has_closed(user: User, report: Report) -> bool:
    """Tell whether ``user`` ever closed the report, so that it earned."""
    return acts_on(report).filter(action="report.close", actor=user).exists()


def reports_to_escalate(now: datetime) -> QuerySet[Report]:
    """Return the open reports a step of which climbs by ``now``, the longest due first."""
    due = Report.objects.filter(status__in=Report.OPEN, escalates_at__lte=now)
    return due.order_by("escalates_at", "id")


def public_reports(community: Community) -> QuerySet[Report]:
    """Return public reports, newest first: no disputes, no calls for help, none by children."""
    return (
        Report.objects.filter(SHOWN, community=community)
        .exclude(by_a_child())
        .exclude(text="")  # the report of an erased child
        .order_by("-id")
    )


def categories_in(community: Community) -> QuerySet[ReportCategory]:
    """Return the categories that the community made or changed."""
    return ReportCategory.objects.filter(community=community).order_by("id")


def confirmation_counts(*reports: Report) -> dict[UUID, int]:
    """Return how many people confirmed each of ``reports``, by its id; without those of none."""
    found = Confirmation.objects.filter(
        community__in={report.community_id for report in reports},
        report__in=[report.pk for report in reports],
    )
    return dict(found.order_by().values_list("report").annotate(count=Count("*")))


def groups_of(community: Community) -> QuerySet[ReporterGroup]:
    """Return the community's groups of reporters, newest first."""
    return ReporterGroup.objects.filter(community=community).order_by("-id")


def members_of(group: ReporterGroup) -> QuerySet[ReporterGroupMember]:
    """Return who ever was in the group, newest first."""
    return (
        ReporterGroupMember.objects.filter(community=group.community_id, group=group)
        .select_related("person")
        .order_by("-id")
    )


def group_of(report: Report) -> str:
    """Return the code of the group in which its reporter was on the day of the report.

    Whoever was in none has the kind of volunteer that they are; empty if they are no volunteer.
    """
    day = report.submitted_at.astimezone(report.community.clock).date()
    theirs = {"community": report.community_id, "person": report.reporter_id}
    in_it = Q(until__isnull=True) | Q(until__gte=day)
    member = ReporterGroupMember.objects.filter(in_it, **theirs, since__lte=day)
    if code := member.values_list("group__code", flat=True).first():
        return code
    kinds = Volunteer.objects.filter(community=report.community_id, user=report.reporter_id)
    return kinds.values_list("kind", flat=True).first() or ""


def by_a_child() -> Q:
    """Return a condition on reports whose reporter was under 14 when submitting.

    Counts the age known then or a birthday given since, whichever protects more.
    """
    return Q(is_by_child=True) | was_a_child("reporter", at="submitted_at")


def _with_community(reports: QuerySet[Report]) -> QuerySet[Report]:
    return (
        reports.select_related("community", "estate", "reporter", "assigned_to")
        .prefetch_related("photos")
        .order_by("-id")
    )


# --- bulletins --------------------------------------------------------------------------------
Reader = User | AnonymousUser


def bulletins_seen_by(reader: Reader, communities: Any) -> QuerySet[Bulletin]:
    """Return the bulletins of ``communities`` that are public, and the drafts where one watches."""
    seen = Q(status=Bulletin.Status.PUBLISHED)
    if isinstance(reader, User):
        seen |= Q(community__in=communities_where(reader, WATCHES_OVER))
    found = Bulletin.objects.filter(seen, community__in=communities)
    return with_superseded(found.select_related("community")).order_by("-id")


def with_superseded(
    bulletins: QuerySet[Bulletin], *, whose: Community | None = None
) -> QuerySet[Bulletin]:
    """Add whether a later version of each bulletin is public; ``whose`` if all are of one place."""
    later = Bulletin.objects.filter(
        community=whose or OuterRef("community"),
        period=OuterRef("period"),
        starts_on=OuterRef("starts_on"),
        version__gt=OuterRef("version"),
        status=Bulletin.Status.PUBLISHED,
    )
    return bulletins.annotate(is_superseded=Exists(later))


def bulletins_drafted_by(user: User, roles: Any = HANDLES) -> QuerySet[Bulletin]:
    """Return the bulletins of the communities in which ``user`` is staff, newest first."""
    return bulletins_seen_by(user, communities_where(user, roles))


def bulletins_managed_by(user: User) -> QuerySet[Bulletin]:
    """Return the bulletins of the communities that ``user`` manages, newest first."""
    return bulletins_drafted_by(user, MANAGES)


def bulletins_open_to(user: User) -> QuerySet[Bulletin]:
    """Return the public bulletins on which ``user``, as a volunteer, may comment."""
    return Bulletin.objects.filter(
        community__in=communities_of(user), status=Bulletin.Status.PUBLISHED
    ).select_related("community")


def comments_of(user: User) -> QuerySet[BulletinComment]:
    """Return the comments of ``user``, newest first."""
    theirs = BulletinComment.objects.filter(community__in=known_to(user), author=user)
    return theirs.select_related("community").order_by("-id")


def comments_handled_by(user: User, community: Community) -> QuerySet[BulletinComment]:
    """Return the comments on the community's bulletins that ``user`` may decide on, newest first.

    Not their own, and none whose author was erased.
    """
    return (
        BulletinComment.objects.filter(
            community=community, community__in=communities_where(user, HANDLES)
        )
        .exclude(text="")
        .exclude(author=user)
        .select_related("community", "bulletin")
        .order_by("-id")
    )


def comments_in(community: Community) -> QuerySet[BulletinComment]:
    """Return the comments on all bulletins of a community, newest first."""
    comments = BulletinComment.objects.filter(community=community).exclude(text="")
    return comments.select_related("community", "bulletin").order_by("-id")


def comments_seen_by(reader: Reader, bulletin: Bulletin) -> QuerySet[BulletinComment]:
    """Return the comments on a bulletin, newest first: those shown, one's own, for staff all."""
    seen = Q(status=BulletinComment.Status.SHOWN)
    if isinstance(reader, User):
        seen |= Q(author=reader) | Q(community__in=communities_where(reader, WATCHES_OVER))
    return (
        BulletinComment.objects.filter(seen, community=bulletin.community_id, bulletin=bulletin)
        .exclude(text="")
        .select_related("community")
        .order_by("-id")
    )
