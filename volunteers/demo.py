"""Demo data of volunteering today, beside the replayed year."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.utils import timezone

from backend.accounts.models import Consent, User
from backend.accounts.purposes import TEXTS
from backend.accounts.services import consents
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Community
from volunteers.activities import services as activities
from volunteers.activities.models import Activity, Shift
from volunteers.attendance.services import sign_ups
from volunteers.reports.models import Report
from volunteers.reports.services import reports

TITLE_TODAY = "便民活动 · 今日"


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
