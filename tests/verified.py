"""What the checks of all apps find, and rows changed behind the triggers' back."""

from contextlib import contextmanager

from django.db import connection

from backend.registries.checks import Finding, Kind, Scope, registered


def found_in(community, *kinds: Kind, against=(), **scope) -> list[Finding]:
    """Return all that the checks of the kinds, or all checks, find in the community now."""
    return [
        finding
        for check in registered()
        if check.kind in (kinds or tuple(Kind)) and (against or not check.is_against_heads)
        for finding in check.findings(Scope(community, against=against, **scope))
    ]


def found_in_books(community, **more) -> list[Finding]:
    """Return what is found of the ledger, its awards and its guards, without any app's records."""
    found = found_in(community, Kind.LEDGER, Kind.AWARDS, Kind.GUARDS, **more)
    of_records = ("rederived", "sources", "events", "losses")
    return [finding for finding in found if finding.check not in of_records]


@contextmanager
def triggers_off():
    """As a superuser who leaves no trace: no trigger and no foreign key looks on."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as if what was before had committed
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield cursor
        cursor.execute("SET LOCAL session_replication_role = origin")


def tamper(statement, values=()) -> None:
    """Change one row or more, and make sure of it."""
    with triggers_off() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount > 0, statement
