"""Notices to volunteers of what they did in a month, when it is over. Nobody is ranked."""

from collections import Counter
from datetime import date, timedelta
from uuid import UUID

from django.utils import timezone

from backend.communities.models import Community
from backend.days import first_moment
from backend.notices import services as notices
from points.awards.selectors import points_earned
from volunteers.attendance.selectors import minutes_served
from volunteers.people.models import Volunteer
from volunteers.reports.models.reports import Report

# Days of the next month: not the first, so that the hours of the last days are verified by then;
# several, so that one makes up for a night that was missed.
TOLD_ON = range(3, 8)


def tell(*, community: Community, today: date | None = None) -> None:
    """Owe each volunteer a notice of the hours, points and reports of the month that is over.

    Nothing to whoever did nothing, or has left. Idempotent: once a month.
    """
    today = today or community.today
    if today.day not in TOLD_ON:
        return
    until = today.replace(day=1) - timedelta(days=1)
    since = until.replace(day=1)
    minutes, reports = minutes_served(community, since, until), _reported(community, since, until)
    earned = points_earned(community, since, until)
    points = {UUID(holder.removeprefix("person:")): amount for holder, amount in earned.items()}
    active = Volunteer.objects.filter(
        community=community,
        user__in={*minutes, *points, *reports},
        left_at__isnull=True,
        user__is_active=True,
    )
    month = f"{since:%Y-%m}"
    notices.owe_many(
        community=community,
        kind="volunteer_month",
        owed=(
            notices.Owed(
                key=f"volunteer-month:{month}:{person}",
                recipient_id=person,
                facts={
                    "community": community.name,
                    "month": month,
                    "hours": f"{round(minutes.get(person, 0) / 60, 1):g}",
                    "points": points.get(person, 0),
                    "reports": reports[person],
                },
            )
            for person in active.values_list("user_id", flat=True)
        ),
        due_at=timezone.now(),
    )


def _reported(community: Community, since: date, until: date) -> Counter[UUID]:
    made = Report.objects.filter(
        community=community,
        reporter__isnull=False,
        submitted_at__gte=first_moment(since),
        submitted_at__lt=first_moment(until + timedelta(days=1)),
    ).exclude(status=Report.Status.WITHDRAWN)
    return Counter(made.order_by().values_list("reporter_id", flat=True))
