"""Enrolling volunteers."""

from django.db import transaction

from backend.accounts.models import User
from backend.communities.models import Community, Role
from backend.communities.services import places
from volunteers.models import Volunteer


@transaction.atomic
def enrol(
    *, user: User, community: Community, kind: Volunteer.Kind, estate_name: str = ""
) -> tuple[Volunteer, bool]:
    """Make ``user`` a volunteer there; ``False`` if they were one, and then nothing changes.

    ``estate_name`` is where they live or ride, founded under the community if it is new.
    """
    estate = places.estate_named(community=community, name=estate_name) if estate_name else None
    volunteer, is_new = Volunteer.objects.get_or_create(
        community=community, user=user, defaults={"kind": kind, "estate": estate}
    )
    places.grant(user=user, community=community, role=Role.VOLUNTEER)
    return volunteer, is_new
