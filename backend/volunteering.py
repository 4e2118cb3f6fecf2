"""What merchants may know of volunteering: the volunteers app answers, and is not named here."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.db.models import QuerySet

STARS_FROM_HOURS = (100, 300, 600, 1_000, 1_500)  # 志愿者星级认定: one star to five


@dataclass(frozen=True)
class Standing:
    """What somebody is as a volunteer of one community; ``minutes`` are verified ones."""

    kind: str
    minutes: int

    @property
    def stars(self) -> int:
        """0 to 5, by verified hours. Source: 《志愿服务记录办法》, the usual five steps."""
        return sum(self.minutes >= hours * 60 for hours in STARS_FROM_HOURS)


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

    def standing(self, *, community_id: UUID, user_id: UUID) -> Standing | None: ...

    def activity_title(self, *, community_id: UUID, activity_id: UUID) -> str | None: ...

    def services(
        self,
        *,
        community_id: UUID,
        activity_ids: Collection[UUID],
        until: datetime,
        but_for: QuerySet[Any, UUID],
    ) -> list[Service]: ...


_sources: list[Source] = []


def answered_by(source: Source) -> None:
    """Said once, when the volunteers app is ready."""
    _sources[:] = [source]


def standing(*, community_id: UUID, user_id: UUID) -> Standing | None:
    """Who is no volunteer there now has none."""
    return _source().standing(community_id=community_id, user_id=user_id)


def activity_title(*, community_id: UUID, activity_id: UUID) -> str | None:
    """What an activity of that community is called; ``None`` if it is none of its."""
    return _source().activity_title(community_id=community_id, activity_id=activity_id)


def services(
    *,
    community_id: UUID,
    activity_ids: Collection[UUID],
    until: datetime,
    but_for: QuerySet[Any, UUID],
) -> list[Service]:
    """The hours verified before ``until``, by activity, but for the attendances of these ids.

    Those may be many over the years, so they are a query and never read.
    """
    return _source().services(
        community_id=community_id, activity_ids=activity_ids, until=until, but_for=but_for
    )


def _source() -> Source:
    (source,) = _sources
    return source
