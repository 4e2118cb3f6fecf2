"""A kind of spreadsheet: its columns, and how its rows are imported."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from backend.accounts.models import User
from backend.communities.models import Community
from backend.imports.reader import Column, Row
from backend.imports.run import BatchOutcome


class Sheet(ABC):
    """A spreadsheet, made anew for each file so that it may remember earlier rows.

    ``by`` is who imports it, and is to be able to write each row by hand; None for a command.
    """

    def __init__(self, community: Community, by: User | None = None) -> None:
        self.community, self.by = community, by

    @property
    @abstractmethod
    def columns(self) -> Sequence[Column]:
        """The columns to read; local times are in the community's timezone."""

    @abstractmethod
    def take(self, rows: list[Row]) -> BatchOutcome:
        """Write a batch through services, inside a transaction that the caller has opened.

        Nothing may have been written for a row with an error. What was written is told, so that it
        can be taken back.
        """
