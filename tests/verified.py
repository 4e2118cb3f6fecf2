"""Findings of the checks of all apps, and rows changed behind the triggers' back."""

from contextlib import contextmanager

from django.db import connection, transaction
from django.db.models import Q, Sum

from backend.registries.checks import Finding, Kind, Scope, registered

RECORDS = (Kind.LEDGER, Kind.AWARDS, Kind.SETTLEMENTS)


OF_APPS = ("rederived", "sources", "events", "losses")  # read records of the apps


def found_in(community, *kinds: Kind, against=(), without=(), **scope) -> list[Finding]:
    """Return all that the checks of the kinds find in the community now, but those ``without``.

    Without a kind those of all records: guards are of no community, and take long to compare.
    """
    return [
        finding
        for check in registered()
        if check.kind in (kinds or RECORDS)
        and check.name not in without
        and (against or not check.is_against_heads)
        for finding in check.findings(Scope(community, against=against, **scope))
    ]


def found_in_books(community, *others: Kind, **more) -> list[Finding]:
    """Return what is found of the ledger and its awards, without any app's records."""
    return found_in(community, Kind.LEDGER, Kind.AWARDS, *others, without=OF_APPS, **more)


def moved(transfers, account) -> int:
    """The sum that ``transfers`` brought ``account``, less what they took."""
    sums = transfers.aggregate(
        credits=Sum("amount", filter=Q(credit=account), default=0),
        debits=Sum("amount", filter=Q(debit=account), default=0),
    )
    return sums["credits"] - sums["debits"]


@contextmanager
def triggers_off():
    """Act as a superuser who leaves no trace: no trigger and no foreign key looks on."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as if what was before had committed
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield cursor
        cursor.execute("SET LOCAL session_replication_role = origin")


def untriggered(*statements) -> None:
    """Execute the statements as such a superuser, in a transaction of their own."""
    with transaction.atomic(), triggers_off() as cursor:
        for statement in statements:
            cursor.execute(statement)


def tamper(statement, values=()) -> None:
    """Change one row or more, and make sure of it."""
    with triggers_off() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount > 0, statement
