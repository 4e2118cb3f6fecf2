"""Findings of the checks of all apps, and rows changed behind the triggers' back."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.models import Q, Sum

from backend.registries.checks import Finding, Kind, Scope, registered
from tests.long import IS_LONG

RECORDS = (Kind.LEDGER, Kind.AWARDS, Kind.SETTLEMENTS)


OF_APPS = ("rederived", "sources", "events", "losses")  # read records of the apps


def found_in(community, *kinds: Kind, **more) -> list[Finding]:
    """Return all that the checks of the kinds find in the community now: see ``finding_in``."""
    return [*finding_in(community, *kinds, **more)]


def finding_in(
    community, *kinds: Kind, against=(), without=(), only=None, **scope
) -> Iterator[Finding]:
    """Find with the checks of the kinds, but those ``without``, one after the other.

    Without a kind those of all records: guards are of no community, and take long to compare.
    With ``only``, of those checks the ones that it names.
    """
    return (
        finding
        for check in registered()
        if check.kind in (kinds or RECORDS)
        and check.name not in without
        and (only is None or check.name in only)
        and (against or not check.is_against_heads)
        for finding in check.findings(Scope(community, against=against, **scope))
    )


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


def looked_into(expected, turn: int) -> set[str]:
    """Return the names of the checks that find what is ``expected``, as told: "seals: transfer …".

    Of the others there is one in twelve, other ones each turn, and in the long proof all.
    """
    others = [one.name for one in registered() if one.kind in RECORDS]
    return {said.partition(":")[0] for said in expected} | {
        name for number, name in enumerate(others) if IS_LONG or (number + turn) % 12 == 0
    }


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
