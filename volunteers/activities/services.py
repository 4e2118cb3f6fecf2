"""Planning of activities and shifts; volunteers/attendance/services/ changes and cancels them."""

from datetime import datetime, timedelta

from django.db import transaction

from backend.communities.models import Community
from backend.events.models import Status
from points.rules import selectors as points
from volunteers.activities.errors import ActivityCancelled, ShiftTimesInvalid
from volunteers.activities.models import Activity, Shift

LONGEST_SHIFT = timedelta(hours=24)


def plan_activity(
    *, community: Community, title: str, category: str, place: str = "", is_public: bool = False
) -> Activity:
    """Plan an activity of a community or an estate.

    The ``category``, spelled as in its rule, decides what the hours earn.
    """
    activity = Activity(**community.whose, title=title, place=place, is_public=is_public)
    activity.category = category_as_ruled(activity, category)
    activity.save(force_insert=True)
    return activity


@transaction.atomic
def plan_shift(
    *,
    activity: Activity,
    starts_at: datetime,
    ends_at: datetime,
    capacity: int | None = None,
) -> Shift:
    """Plan a time slot of ``activity`` for ``capacity`` volunteers.

    Raises ShiftTimesInvalid, ActivityCancelled.
    """
    check_times(starts_at, ends_at)
    locked = Activity.objects.select_for_update(no_key=True).get(
        community=activity.community_id, pk=activity.pk
    )
    if locked.status == Status.CANCELLED:
        raise ActivityCancelled
    return Shift.objects.create(
        community_id=activity.community_id,
        activity=activity,
        starts_at=starts_at,
        ends_at=ends_at,
        capacity=capacity,
    )


def category_as_ruled(activity: Activity, category: str) -> str:
    """Return ``category`` as the community's rule for hours spells it."""
    return points.category_as_ruled(activity.community, "hours", category)


def check_times(starts_at: datetime, ends_at: datetime) -> None:
    """Raise ShiftTimesInvalid unless a shift may last from ``starts_at`` to ``ends_at``."""
    if not timedelta(0) < ends_at - starts_at <= LONGEST_SHIFT:
        raise ShiftTimesInvalid
