"""Facts about volunteering for merchants: the volunteers app answers without being named here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.db.models import QuerySet


@dataclass(frozen=True)
class Standing:
    """A volunteer's kind, verified ``minutes`` and stars in one community."""

    kind: str
    minutes: int
    stars: int


@dataclass(frozen=True)
class Service:
    """The verified ``minutes`` of ``volunteers`` people in one activity.

    ``attendance_ids`` are its attendances, to be left out when asked the next time. Minutes that
    were voided since are below zero.
    """

    activity_id: UUID
    title: str
    volunteers: int
    minutes: int
    attendance_ids: list[UUID]


class Source(Protocol):
    """The interface of the answering app: a module, or any object with these functions."""

    def kinds(self) -> Sequence[str]:
        """Return the kinds that a volunteer can be enrolled as."""

    def standing(self, *, community_id: UUID, user_id: UUID) -> Standing | None:
        """Return the person's standing there; None if they are no volunteer there now."""

    def activity_title(self, *, community_id: UUID, activity_id: UUID) -> str | None:
        """Return the title of one of the community's activities; None if it is not one."""

    def services(
        self,
        *,
        community_id: UUID,
        activity_ids: Collection[UUID],
        until: datetime,
        but_for: QuerySet[Any, UUID],
    ) -> list[Service]:
        """Return the hours verified before ``until`` by activity, without those ``but_for``.

        ``but_for`` is a query of attendance ids, never read, as they may be many over the years.
        """

    def services_voided(self, *, community_id: UUID, among: QuerySet[Any, UUID]) -> list[Service]:
        """Return what of the attendances ``among`` has been voided, by activity."""


_sources: list[Source] = []


def answered_by(source: Source) -> None:
    """Register the app that answers, once, when it is ready."""
    _sources[:] = [source]


def source() -> Source:
    """Return the app that answers."""
    (answering,) = _sources
    return answering
