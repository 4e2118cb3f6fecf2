"""The daily digest of hours that wait for verification, to the staff whom they wait for."""

from collections import defaultdict
from datetime import datetime, time, timedelta
from uuid import UUID

from django.utils import timezone

from backend.communities.models import Community, Membership
from backend.communities.selectors import HANDLES
from backend.notices import services as notices
from volunteers.attendance import selectors


def tell(*, community: Community) -> None:
    """Owe staff and managers a notice of how many hours wait for them, once a day.

    Those of the community are told of all, those of an estate of its own. Nobody is told of
    nothing. Idempotent.
    """
    waiting = selectors.hours_waiting(community)
    held = Membership.objects.filter(
        community__in={community.pk, *waiting},
        role__in=HANDLES,
        ended_at__isnull=True,
        user__is_active=True,
    )
    reached: defaultdict[UUID, set[UUID]] = defaultdict(set)  # the places of each person
    for place, person in held.values_list("community_id", "user_id"):
        reached[person].update(waiting if place == community.pk else [place])
    today = community.today
    tomorrow = datetime.combine(today + timedelta(days=1), time(), tzinfo=community.clock)
    notices.owe_many(
        community=community,
        kind="verification_due",
        owed=(
            notices.Owed(
                key=f"verification-due:{today}:{person}",
                recipient_id=person,
                facts={
                    "waiting": sum(waiting[place].records for place in places),
                    "starts_at": min(waiting[place].oldest for place in places).isoformat(),
                    "timezone": community.timezone,
                },
            )
            for person, places in reached.items()
            if places
        ),
        due_at=timezone.now(),
        stale_at=tomorrow,  # it then has a digest of its own
    )
