"""A clock that can be set, for what happens over years: Python's and the database's, as one."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

# In front of PostgreSQL's own, for all that is called by name; the default of a column is not.
_IN_FRONT = [
    "CREATE SCHEMA clock",
    "CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS"
    " $$ SELECT pg_catalog.clock_timestamp() + current_setting('clock.ahead')::interval $$",
    "SET LOCAL search_path = clock, pg_catalog, public",
    "ALTER TABLE points_transfer ALTER posted_at SET DEFAULT clock.clock_timestamp()",
]


class Clock:
    """Goes on from wherever it is set, until the test's transaction is rolled back."""

    def __init__(self, monkeypatch):
        self._now = timezone.now
        self._ahead = timedelta()
        monkeypatch.setattr(timezone, "now", lambda: self._now() + self._ahead)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # else the table can not be altered
            self.set(self._now())
            for statement in _IN_FRONT:
                cursor.execute(statement)

    def set(self, moment: datetime) -> None:
        self._ahead = moment - self._now()
        with connection.cursor() as cursor:
            cursor.execute(
                "SET LOCAL clock.ahead = %s",
                [f"{self._ahead / timedelta(microseconds=1):.0f} microseconds"],
            )

    def noon(self, day: date, zone: str = "Asia/Shanghai") -> None:
        self.set(datetime.combine(day, time(12), tzinfo=ZoneInfo(zone)).astimezone(UTC))
