"""A kind of spreadsheet: its columns, and how its rows are imported."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from backend.communities.models import Community
from backend.imports.reader import Column, Row
from backend.imports.run import BatchOutcome


class Sheet(ABC):
    """A spreadsheet, made anew for each file so that it may remember earlier rows."""

    def __init__(self, community: Community) -> None:
        self.community = community

    @property
    @abstractmethod
    def columns(self) -> Sequence[Column]:
        """The columns to read; local times are in the community's timezone."""

    @abstractmethod
    def take(self, rows: list[Row]) -> BatchOutcome:
        """Write a batch through services, inside a transaction that the caller has opened.

        Returns how many were created, how many were there already, and the errors; nothing may have
        been written for a row with an error.
        """
