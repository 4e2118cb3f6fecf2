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
from backend.events.models import Series, Venue
from backend.events.recurrence import Recurrence
from backend.events.services import series as events
from backend.events.services import venues
from points.funds import services as funds
from points.kinds import Unit
from volunteers.activities import services as activities
from volunteers.activities.models import Activity, Shift
from volunteers.attendance.models.attendances import PositionMark
from volunteers.attendance.services import presence, sign_ups
from volunteers.people.models import Volunteer
from volunteers.reports.models.reports import Report
from volunteers.reports.reward_selectors import rewards_in
from volunteers.reports.services import handling, red_packets, submitting
from volunteers.teams import services as teams
from volunteers.teams.models import Team

TITLE_TODAY = "便民活动 · 今日"
TEAM = "碧沙湖志愿服务队"
FUND = "随手拍红包"
ONE_PHONE = "d3" * 32  # the digest of a device


def shift_today(community: Community, volunteer: User, staff: User) -> Shift | None:
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
    activity.save_with(venue=_venue(community, staff), geofence_metres=300)
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


def people_at_work(community: Community, volunteer: User, rider: User, staff: User) -> Series:
    """Add a team, its day on the 19th, a full shift with a waiting list, and hours to verify.

    Returns the series of the 19th. Idempotent.
    """
    if known := Series.objects.filter(community=community).first():
        return known
    enrolled = Volunteer.objects.filter(community=community, left_at=None).select_related("user")
    others = enrolled.exclude(user__in=[volunteer, rider]).order_by("pk")[:6]
    neighbours = [one.user for one in others]
    team = _team(community, leader=rider, members=[volunteer, *neighbours], staff=staff)
    venue = _venue(community, staff)
    series = _on_the_19th(community, team, venue, staff)
    _full_shift(community, [*neighbours, volunteer, rider])
    _hours_to_verify(community, venue, neighbours)
    return series


def _team(community: Community, *, leader: User, members: list[User], staff: User) -> Team:
    team = teams.found(place=community, founded_by=staff, name=TEAM, is_open=True)
    for user in [leader, *members]:
        with suppress(NotAVolunteerHere):
            member, _ = teams.join(team=team, volunteer=user)
            if user == leader:
                teams.appoint(member=member, appointed_by=staff)
    return team


def _venue(community: Community, staff: User) -> Venue:
    name = "社区服务中心"
    return Venue.objects.filter(community=community, name=name).first() or venues.make(
        place=community,
        by=staff,
        name=name,
        address="碧沙湖路 1 号",
        latitude=30.5283,
        longitude=114.3172,
        coord_type="gcj02",
    )


def _on_the_19th(community: Community, team: Team, venue: Venue, staff: User) -> Series:
    """Plan the 99便民活动 of every month; its days and their shifts are made ahead."""
    slot = activities.Slot(time(9), time(11, 30), capacity=30, wanted=20)
    series = events.plan(
        place=community,
        by=staff,
        title="99便民活动",
        recurrence=Recurrence("month", (19,)),
        starts_on=community.today + timedelta(days=1),
        from_time=slot.from_time,
        until_time=slot.until_time,
        venue_id=venue.pk,
    )
    activity = activities.plan_activity(
        community=community,
        title="义剪",
        category="便民活动",
        series_id=series.pk,
        team_id=team.pk,
        geofence_metres=200,
        is_public=True,
    )
    activities.set_patterns(activity=activity, slots=[slot], by=staff)
    return series


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
        with suppress(NotAVolunteerHere):
            sign_ups.sign_up_or_wait(shift=shift, volunteer=user)


def _hours_to_verify(community: Community, venue: Venue, people: list[User]) -> None:
    """Let a shift of yesterday wait for its verification, with something to look at in each."""
    activity = activities.plan_activity(
        community=community, title="文明劝导", category="便民活动", place="东门"
    )
    activity.save_with(venue=venue, geofence_metres=300)
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
        with suppress(NotAVolunteerHere):
            place = sign_ups.sign_up(shift=shift, volunteer=user, now=start - timedelta(days=1))
            place = presence.check_in(attendance=place, now=start)
            place.save_with(**facts)
            places.append(place)
    for place in places[:-1]:
        presence.check_out(attendance=place, now=end)
    for place in places[-1:]:
        presence.close_forgotten(attendance=place)


def reports_on_their_way(community: Community, rider: User, staff: User, manager: User) -> None:
    """Submit reports and bring them into every state, with a fund that pays some of them.

    One reward is paid by hand, one is to be paid, one waits for money, one went back unclaimed.
    """
    if Report.objects.filter(community=community).exists():
        return
    location = Consent.Purpose.LOCATION
    consents.give(user=rider, purpose=location, version=TEXTS[location].version)
    fund = funds.open_fund(
        community=community,
        name=FUND,
        year=community.today.year,
        unit=Unit.FEN,
        opened_by=manager,
    )
    funds.top_up(fund=fund, amount=4_500, reason="街道拨款", topped_up_by=manager)

    def report(category: str, text: str, place: str) -> Report:
        where: dict[str, Any] = {"latitude": 30.5283, "longitude": 114.3172, "place": place}
        return submitting.submit(
            community=community, reporter=rider, category=category, text=text, **where
        )

    how: dict[str, Any] = {"handler": staff}
    report("environment", "垃圾桶旁堆放装修垃圾", "西门")
    handling.accept(report=report("hazard", "消防通道被车辆占用", "3号楼北侧"), **how)
    handling.make_safe(
        report=report("hazard", "井盖松动", "南门"), answer="已围挡，物业明天更换", **how
    )
    handling.fix(report=report("environment", "宣传栏破损", "广场"), **how)
    handling.reject(report=report("hazard", "路灯不亮", "东门"), answer="现场正常", **how)
    handling.mark_not_ours(report=report("hotline", "公交站牌歪斜", "路口"), answer="已转交", **how)
    unclaimed, paid, _reserved, waiting = (
        handling.close(report=report("facility", text, "5号楼"), answer="已修好", **how)[0]
        for text in ("健身器材松动", "门禁失灵", "长椅断裂", "扶手松脱")
    )
    handling.mark_duplicate(report=report("facility", "扶手掉了", "5号楼"), original=waiting, **how)
    handling.void(
        report=handling.close(report=report("hazard", "飞线充电", "2号楼"), **how)[0],
        voider=manager,
        reason="误报",
    )
    rewards = {reward.subject: reward for reward in rewards_in(community)}
    by_hand = red_packets.pay_by_hand(
        reward=rewards[paid.award_source], reference="收据 2024-01", recorded_by=staff
    )
    red_packets.confirm(payment=by_hand, confirmed_by=manager)
    gone = rewards[unclaimed.award_source]
    funds.lapse(claim=gone, hold_id=gone.hold_id)
