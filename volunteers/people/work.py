"""Requests to join, as work that waits."""

from django.utils.translation import gettext_lazy as _

from backend.registries.work import Kind, register
from volunteers.people import selectors
from volunteers.people.models import JoinRequest

register(
    Kind(
        name="join_requests",
        title=_("People who want to join"),
        address="communities/{community}/join-requests?status=pending",
        rows=lambda user, community: selectors.join_requests_handled_by(user).filter(
            community=community, status=JoinRequest.Status.PENDING
        ),
        since="asked_at",
    )
)
