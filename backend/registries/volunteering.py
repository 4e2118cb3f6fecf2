"""What merchants may know of volunteering: the volunteers app answers, and is not named here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.db.models import QuerySet


@dataclass(frozen=True)
class Standing:
    """What somebody is as a volunteer of one community; ``minutes`` are verified ones."""

    kind: str
    minutes: int
    stars: int


@dataclass(frozen=True)
class Service:
    """What ``volunteers`` people did together in one activity; ``minutes`` are verified ones.

    ``attendance_ids`` are what it is the sum of, for whoever asks to leave out the next time.
    """

    activity_id: UUID
    title: str
    volunteers: int
    minutes: int
    attendance_ids: list[UUID]


class Source(Protocol):
    """A module, or whatever else has these."""

    def kinds(self) -> Sequence[str]:
        """What a volunteer can be enrolled as."""

    def standing(self, *, community_id: UUID, user_id: UUID) -> Standing | None:
        """What somebody is there; None of who is no volunteer there now."""

    def activity_title(self, *, community_id: UUID, activity_id: UUID) -> str | None:
        """What an activity of that community is called; None if it is none of its."""

    def services(
        self,
        *,
        community_id: UUID,
        activity_ids: Collection[UUID],
        until: datetime,
        but_for: QuerySet[Any, UUID],
    ) -> list[Service]:
        """The hours verified before ``until``, by activity, but for the attendances of these ids.

        Those may be many over the years, so they are a query and never read.
        """


_sources: list[Source] = []


def answered_by(source: Source) -> None:
    """Register the app that answers, once, when it is ready."""
    _sources[:] = [source]


def source() -> Source:
    """Return the app that answers."""
    (answering,) = _sources
    return answering
