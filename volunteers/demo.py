"""Demo data of volunteering today, beside the replayed year."""

from contextlib import suppress
from datetime import time, timedelta
from typing import Any

from django.utils import timezone

from backend.accounts.models import Consent, User
from backend.accounts.purposes import TEXTS
from backend.accounts.services import consents
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Community
from backend.errors import Refusal
from backend.events.models import Series, Venue
from volunteers.activities import services as activities
from volunteers.activities.models import Activity, Shift, ShiftPattern
from volunteers.attendance.models import PositionMark
from volunteers.attendance.services import presence, sign_ups
from volunteers.people.models import Volunteer
from volunteers.reports.models import Report
from volunteers.reports.services import reports
from volunteers.teams.models import Team, TeamMember

TITLE_TODAY = "便民活动 · 今日"
TEAM = "碧沙湖志愿服务队"
ONE_PHONE = "d3" * 32  # the digest of a device


def shift_today(community: Community, volunteer: User) -> Shift | None:
    """Plan a shift that began two hours ago and runs for six more, with ``volunteer`` signed up.

    ``None`` if another shift is open for an hour yet. The sign-up is from yesterday, so that a
    phone may report an earlier check-in.
    """
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    soon = timezone.now() + timedelta(hours=1)
    if Shift.objects.filter(
        community=community, starts_at__lte=timezone.now(), ends_at__gt=soon
    ).exists():
        return None
    activity = Activity.objects.filter(
        community=community, title=TITLE_TODAY
    ).first() or activities.plan_activity(
        community=community,
        title=TITLE_TODAY,
        category="便民活动",
        place="社区服务中心",
        is_public=True,
    )
    activity.save_with(venue=_venue(community), geofence_metres=300)
    shift = activities.plan_shift(
        activity=activity,
        starts_at=now - timedelta(hours=2),
        ends_at=now + timedelta(hours=6),
        capacity=30,
    )
    with suppress(NotAVolunteerHere):
        yesterday = shift.starts_at - timedelta(days=1)
        sign_ups.sign_up(shift=shift, volunteer=volunteer, now=yesterday)
    return shift


def people_at_work(community: Community, volunteer: User, rider: User) -> None:
    """Add a team, its day on the 19th, a full shift with a waiting list, and hours to verify.

    Idempotent.
    """
    if Team.objects.filter(community=community).exists():
        return
    enrolled = Volunteer.objects.filter(community=community, left_at=None).select_related("user")
    others = enrolled.exclude(user__in=[volunteer, rider]).order_by("pk")[:6]
    neighbours = [one.user for one in others]
    _team(community, leader=rider, members=[volunteer, *neighbours])
    _on_the_19th(community)
    _full_shift(community, [*neighbours, volunteer, rider])
    _hours_to_verify(community, neighbours)


def _team(community: Community, *, leader: User, members: list[User]) -> Team:
    team = Team.objects.create(community=community, name=TEAM, is_open=True)
    TeamMember.objects.bulk_create(
        TeamMember(
            community=community,
            team=team,
            volunteer=user,
            status=TeamMember.Status.MEMBER,
            is_leader=user == leader,
            joined_at=timezone.now(),
        )
        for user in [leader, *members]
    )
    return team


def _venue(community: Community) -> Venue:
    venue, _ = Venue.objects.get_or_create(
        community=community,
        name="社区服务中心",
        defaults={"latitude": 30.5283, "longitude": 114.3172},
    )
    return venue


def _on_the_19th(community: Community) -> None:
    """Plan the 99便民活动 of every month; a sweep makes its days and their shifts."""
    hours = {"from_time": time(9), "until_time": time(11, 30)}
    series = Series.objects.create(
        community=community,
        title="99便民活动",
        venue=_venue(community),
        rule="FREQ=MONTHLY;BYMONTHDAY=19",
        starts_on=community.today.replace(day=1),
        **hours,
    )
    activity = activities.plan_activity(
        community=community, title=series.title, category="便民活动", is_public=True
    )
    activity.save_with(series=series, venue=series.venue)
    ShiftPattern.objects.create(
        community=community, activity=activity, capacity=30, wanted=20, **hours
    )


def _full_shift(community: Community, people: list[User]) -> None:
    """Plan a shift for two in three days, for which the others wait."""
    activity = activities.plan_activity(
        community=community, title="独居老人探访", category="便民活动", place="3号楼"
    )
    start = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=3)
    shift = activities.plan_shift(
        activity=activity, starts_at=start, ends_at=start + timedelta(hours=2), capacity=2
    )
    for user in people:
        sign_ups.sign_up_or_wait(shift=shift, volunteer=user)


def _hours_to_verify(community: Community, people: list[User]) -> None:
    """Let a shift of yesterday wait for its verification, with something to look at in each."""
    activity = activities.plan_activity(
        community=community, title="早高峰文明劝导", category="便民活动", place="东门"
    )
    activity.save_with(venue=_venue(community), geofence_metres=300)
    start = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(days=1)
    end = start + timedelta(hours=2)
    shift = activities.plan_shift(activity=activity, starts_at=start, ends_at=end)
    told: tuple[dict[str, Any], ...] = (  # what phones told; a sweep makes signals of it
        {"device_digest": ONE_PHONE},
        {"device_digest": ONE_PHONE},
        {"position_mark": PositionMark.OUTSIDE, "distance_metres": 1_800},
        {"was_offline": True},
        {},
    )
    places = []
    for user, facts in zip(people, told, strict=False):
        with suppress(Refusal):
            place = sign_ups.sign_up(shift=shift, volunteer=user, now=start - timedelta(days=1))
            place = presence.check_in(attendance=place, now=start)
            place.save_with(**facts)
            places.append(place)
    for place in places[:-1]:
        presence.check_out(attendance=place, now=end)
    for place in places[-1:]:
        presence.close_forgotten(attendance=place)


def reports_on_their_way(community: Community, rider: User, staff: User) -> None:
    """Submit two reports, so that the public has something to follow."""
    if Report.objects.filter(community=community).exists():
        return
    location = Consent.Purpose.LOCATION
    consents.give(user=rider, purpose=location, version=TEXTS[location].version)
    for category, text, place in (
        (Report.Category.DIRTY_CORNER, "垃圾桶旁堆放装修垃圾", "西门"),
        (Report.Category.HAZARD, "消防通道被车辆占用", "3号楼北侧"),
    ):
        where: dict[str, Any] = {"latitude": 30.5283, "longitude": 114.3172, "place": place}
        report = reports.submit(
            community=community, reporter=rider, category=category, text=text, **where
        )
    reports.accept(report=report, handler=staff)
