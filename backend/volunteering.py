"""What merchants may know of volunteering: the volunteers app answers, and is not named here."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

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


class Source(Protocol):
    def __call__(self, *, community_id: UUID, user_id: UUID) -> Standing | None: ...


_sources: list[Source] = []


def answered_by(source: Source) -> None:
    """Said once, when the volunteers app is ready."""
    _sources[:] = [source]


def standing(*, community_id: UUID, user_id: UUID) -> Standing | None:
    """Who is no volunteer there now has none."""
    (source,) = _sources
    return source(community_id=community_id, user_id=user_id)
