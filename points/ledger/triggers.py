"""What the database itself sees to, whoever asks: the ORM, a console, raw SQL.

docs/ledger.md, "What always holds". Constraint names given with RAISE are what tests
and people look for; the ledger's functions refuse politely before these have to.
"""

import pgtrigger

from backend.sql import sql

FLOORED = ("wallet", "fund")  # kinds that may never go below zero, so keep running totals
FLOORED_SQL = ", ".join(f"'{kind}'" for kind in FLOORED)

_REFUSE = """
    RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
        DETAIL = '{name}', MESSAGE = '{message}';
"""


def _refuse(name: str, message: str) -> str:
    return _REFUSE.format(name=name, message=message)


def not_emptied(table: str) -> pgtrigger.Trigger:
    """Refuse TRUNCATE, which no trigger on rows sees."""
    name = f"{table}_is_not_emptied"
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        level=pgtrigger.Statement,
        func=_refuse(name, "what is on record stays"),
    )


ACCOUNT = [
    pgtrigger.Protect(name="account_stays", operation=pgtrigger.Delete),
    not_emptied("account"),
    pgtrigger.Trigger(
        name="account_keeps_its_name",
        when=pgtrigger.Before,
        # Of these columns: nobody asks when a posting moves totals.
        operation=pgtrigger.UpdateOf("id", "community_id", "kind", "unit", "holder"),  # type: ignore[no-untyped-call]
        func=_refuse("account_keeps_its_name", "whose account it is never changes"),
    ),
    # Depth 0 is a statement somebody sent; a movement's trigger is deeper.
    pgtrigger.Trigger(
        name="account_totals_follow_movements",
        when=pgtrigger.Before,
        operation=pgtrigger.UpdateOf("credits", "debits", "held", "shortfall"),  # type: ignore[no-untyped-call]
        condition=pgtrigger.Condition("pg_trigger_depth() = 0"),
        func=_refuse(
            "account_totals_follow_movements",
            "totals change by transfers, holds and reversals only",
        ),
    ),
    pgtrigger.Trigger(
        name="account_is_of_a_kind",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        condition=pgtrigger.Condition(
            "NEW.kind NOT IN ('wallet', 'fund', 'issuance', 'merchant', 'settled', 'expired',"
            " 'pool', 'payout') OR NEW.unit NOT IN ('points', 'fen')"
        ),
        func=_refuse("account_is_of_a_kind", "there is no such kind of account, or no such unit"),
    ),
    pgtrigger.Trigger(
        name="account_opens_empty",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        condition=pgtrigger.Condition(
            "NEW.credits <> 0 OR NEW.debits <> 0 OR NEW.held <> 0 OR NEW.shortfall <> 0"
        ),
        func=_refuse("account_opens_empty", "an account is opened with nothing in it"),
    ),
]

TRANSFER = [
    pgtrigger.Protect(name="transfer_is_final", operation=pgtrigger.Update | pgtrigger.Delete),
    not_emptied("transfer"),
    pgtrigger.Trigger(
        name="transfer_moves_totals",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        level=pgtrigger.Statement,
        referencing=pgtrigger.Referencing(new="posted"),  # type: ignore[no-untyped-call]
        func=sql("transfer_moves_totals"),
    ),
]

REVERSAL = [
    pgtrigger.Protect(name="reversal_stays", operation=pgtrigger.Delete),
    not_emptied("reversal"),
    pgtrigger.Protect(
        name="reversal_follows_transfers",
        operation=pgtrigger.Update,
        condition=pgtrigger.Condition("pg_trigger_depth() = 0"),
    ),
    pgtrigger.ReadOnly(
        name="reversal_terms_are_final",
        fields=["id", "community", "key", "transfer", "account", "amount"],
    ),
    pgtrigger.Trigger(
        name="reversal_is_of_a_transfer",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func=sql("reversal_is_of_a_transfer"),
    ),
    pgtrigger.Trigger(
        name="reversal_leaves_a_shortfall",
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf("recovered"),  # type: ignore[no-untyped-call]
        func=sql("reversal_leaves_a_shortfall"),
    ),
]

EARNED = [
    pgtrigger.Protect(name="earned_stays", operation=pgtrigger.Delete),
    not_emptied("earned"),
    pgtrigger.Protect(
        name="earned_follows_transfers",
        operation=pgtrigger.Insert | pgtrigger.Update,
        condition=pgtrigger.Condition("pg_trigger_depth() = 0"),
    ),
]

HOLD = [
    pgtrigger.Protect(name="hold_stays", operation=pgtrigger.Delete),
    not_emptied("hold"),
    pgtrigger.Trigger(
        name="hold_sets_aside",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        func=sql("hold_sets_aside"),
    ),
    pgtrigger.Trigger(
        name="hold_resolves_once",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        func=sql("hold_resolves_once"),
    ),
    pgtrigger.Trigger(
        name="hold_gives_back",
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        func=sql("hold_gives_back"),
    ),
]
