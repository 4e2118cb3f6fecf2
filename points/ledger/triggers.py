"""Triggers: what the database itself refuses to anybody, be it the ORM, a console or raw SQL.

See docs/ledger.md, "What always holds". Tests and people look for the constraint names given with
RAISE; the ledger's functions refuse politely before these triggers have to.
"""

from typing import Any

import pgtrigger

from backend.tables import UPDATE_OF, ReadOnly, final, refuses, stays, trigger

REFERENCING: Any = pgtrigger.Referencing
FLOORED = ("wallet", "fund")  # kinds that may never go below zero, so keep running totals
IS_SENT = pgtrigger.Condition("pg_trigger_depth() = 0")  # a movement's trigger is deeper
FLOORED_SQL = ", ".join(f"'{kind}'" for kind in FLOORED)


ACCOUNT = [
    *stays("account"),
    refuses(
        "account_keeps_its_name",
        "whose account it is never changes",
        UPDATE_OF("id", "community_id", "kind", "unit", "holder"),
        level=pgtrigger.Statement,
    ),
    refuses(
        "account_totals_follow_movements",
        "totals change by transfers, holds and reversals only",
        UPDATE_OF("credits", "debits", "held", "shortfall"),
        level=pgtrigger.Statement,
        condition=IS_SENT,
    ),
    refuses(
        "account_is_of_a_kind",
        "there is no such kind of account, or no such unit",
        pgtrigger.Insert,
        condition=pgtrigger.Condition(
            "NEW.kind NOT IN ('wallet', 'fund', 'issuance', 'merchant', 'settled', 'expired',"
            " 'pool', 'payout') OR NEW.unit NOT IN ('points', 'fen')"
        ),
    ),
    refuses(
        "account_opens_empty",
        "an account is opened with nothing in it",
        pgtrigger.Insert,
        condition=pgtrigger.Condition(
            "NEW.credits <> 0 OR NEW.debits <> 0 OR NEW.held <> 0 OR NEW.shortfall <> 0"
        ),
    ),
]

TRANSFER = [
    *final("transfer"),
    trigger(
        "transfer_moves_totals",
        pgtrigger.Insert,
        level=pgtrigger.Statement,
        referencing=REFERENCING(new="posted"),
    ),
]

REVERSAL = [
    *stays("reversal"),
    pgtrigger.Protect(
        name="reversal_follows_transfers",
        operation=pgtrigger.Update,
        condition=IS_SENT,
    ),
    ReadOnly(
        name="reversal_terms_are_final",
        fields=["id", "community", "key", "transfer", "account", "amount"],
    ),
    trigger("reversal_is_of_a_transfer", pgtrigger.Insert, when=pgtrigger.Before),
    trigger("reversal_leaves_a_shortfall", pgtrigger.Insert | UPDATE_OF("recovered")),
]

EARNED = [
    *stays("earned"),
    refuses(
        "earned_follows_transfers",
        "what was earned follows from transfers",
        pgtrigger.Insert | pgtrigger.Update,
        level=pgtrigger.Statement,
        condition=IS_SENT,
    ),
]

HOLD = [
    *stays("hold"),
    trigger("hold_sets_aside", pgtrigger.Insert),
    trigger("hold_resolves_once", pgtrigger.Update, when=pgtrigger.Before),
    trigger("hold_gives_back", pgtrigger.Update),
]
