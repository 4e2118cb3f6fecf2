"""Notices about reports. They quote nobody: words stand in the report, where they can be erased."""

from collections.abc import Iterable
from uuid import UUID

from django.utils import timezone

from backend.accounts.models import User
from backend.notices import services as notices
from volunteers.reports.models.reports import Report


def tell(
    kind: str, report: Report, people: Iterable[User | None], *, event: UUID, **facts: str
) -> None:
    """Owe these people, but for None, a notice about ``report``.

    ``event`` is the id of what happened: an entry of the trail, a comment or the report itself.
    Each person is told of one event once.
    """
    told = {
        "starts_at": report.submitted_at.isoformat(),
        "timezone": report.community.timezone,
    }
    notices.owe_many(
        community=report.community,
        kind=kind,
        owed=[
            notices.Owed(
                key=f"report:{event}:{user.pk}",
                recipient_id=user.pk,
                facts=told | facts,
                target_id=report.pk,
            )
            for user in people
            if user is not None
        ],
        due_at=timezone.now(),
    )
