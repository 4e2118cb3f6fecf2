"""What the database itself sees to, whoever asks: the ORM, a console, raw SQL.

docs/ledger.md, "What always holds". Constraint names given with RAISE are what tests
and people look for; the ledger's functions refuse politely before these have to.
"""

import pgtrigger

FLOORED = ("wallet", "fund")  # kinds that may never go below zero, so keep running totals
_FLOORED_SQL = ", ".join(f"'{kind}'" for kind in FLOORED)

_REFUSE = """
    RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
        CONSTRAINT = '{name}', MESSAGE = '{message}';
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
    pgtrigger.ReadOnly(
        name="account_keeps_its_name", fields=["id", "community", "kind", "unit", "holder"]
    ),
    # Depth 0 is a statement somebody sent; a movement's trigger is deeper.
    pgtrigger.Trigger(
        name="account_totals_follow_movements",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=pgtrigger.Condition(
            "pg_trigger_depth() = 0 AND (OLD.credits, OLD.debits, OLD.held)"
            " IS DISTINCT FROM (NEW.credits, NEW.debits, NEW.held)"
        ),
        func=_refuse(
            "account_totals_follow_movements", "totals change by transfers and holds only"
        ),
    ),
    pgtrigger.Trigger(
        name="account_opens_empty",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        condition=pgtrigger.Condition("NEW.credits <> 0 OR NEW.debits <> 0 OR NEW.held <> 0"),
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
        func=f"""
            IF EXISTS (
                SELECT FROM posted
                LEFT JOIN points_account d
                    ON d.community_id = posted.community_id AND d.id = posted.debit_id
                LEFT JOIN points_account c
                    ON c.community_id = posted.community_id AND c.id = posted.credit_id
                WHERE d.id IS NULL OR c.id IS NULL OR d.unit <> c.unit
            ) THEN
                {_refuse("transfer_in_one_book", "both accounts share community and unit")}
            END IF;
            -- In the order of ids, so that two postings never wait for each other in a ring.
            PERFORM FROM points_account a
            WHERE a.kind IN ({_FLOORED_SQL}) AND (a.community_id, a.id) IN (
                SELECT community_id, debit_id FROM posted
                UNION SELECT community_id, credit_id FROM posted
            )
            ORDER BY a.id FOR NO KEY UPDATE;
            UPDATE points_account a
            SET debits = a.debits + moved.debits, credits = a.credits + moved.credits
            FROM (
                SELECT community_id, account_id,
                    sum(debits)::bigint AS debits, sum(credits)::bigint AS credits
                FROM (
                    SELECT community_id, debit_id AS account_id, amount AS debits, 0 AS credits
                    FROM posted
                    UNION ALL SELECT community_id, credit_id, 0, amount FROM posted
                ) AS sides
                GROUP BY community_id, account_id
            ) AS moved
            WHERE a.community_id = moved.community_id AND a.id = moved.account_id
                AND a.kind IN ({_FLOORED_SQL});
            RETURN NULL;
        """,
    ),
]

HOLD = [
    pgtrigger.Protect(name="hold_stays", operation=pgtrigger.Delete),
    not_emptied("hold"),
    pgtrigger.Trigger(
        name="hold_sets_aside",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        func=f"""
            IF NEW.state <> 'held' THEN
                {_refuse("hold_begins_held", "a hold begins as held")}
            END IF;
            UPDATE points_account d SET held = d.held + NEW.amount
            FROM points_account c
            WHERE d.community_id = NEW.community_id AND d.id = NEW.debit_id
                AND d.kind IN ({_FLOORED_SQL})
                AND c.community_id = NEW.community_id AND c.id = NEW.credit_id
                AND c.unit = d.unit;
            IF NOT FOUND THEN
                {_refuse("hold_in_one_book", "holds reserve from a wallet or fund in one book")}
            END IF;
            RETURN NULL;
        """,
    ),
    pgtrigger.Trigger(
        name="hold_resolves_once",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        func=f"""
            IF OLD.state <> 'held' OR NEW.state = 'held' THEN
                {_refuse("hold_resolves_once", "a hold is captured or voided, once")}
            END IF;
            IF (OLD.id, OLD.community_id, OLD.key, OLD.debit_id, OLD.credit_id, OLD.amount,
                OLD.reason, OLD.source, OLD.explanation, OLD.occurred_at, OLD.posted_at,
                OLD.expires_at)
                IS DISTINCT FROM
                (NEW.id, NEW.community_id, NEW.key, NEW.debit_id, NEW.credit_id, NEW.amount,
                NEW.reason, NEW.source, NEW.explanation, NEW.occurred_at, NEW.posted_at,
                NEW.expires_at)
            THEN
                {_refuse("hold_terms_are_final", "what was agreed is not changed afterwards")}
            END IF;
            -- The wall clock, not the start of the transaction: waiting for a lock takes time.
            IF NEW.state = 'captured' AND clock_timestamp() >= OLD.expires_at THEN
                {_refuse("hold_not_captured_late", "the hold has expired")}
            END IF;
            RETURN NEW;
        """,
    ),
    pgtrigger.Trigger(
        name="hold_gives_back",
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        func="""
            UPDATE points_account SET held = held - OLD.amount
            WHERE community_id = OLD.community_id AND id = OLD.debit_id;
            IF NEW.state = 'captured' THEN
                INSERT INTO points_transfer (id, community_id, key, debit_id, credit_id, amount,
                    reason, source, explanation, occurred_at)
                VALUES (NEW.transfer_id, NEW.community_id, NEW.key, NEW.debit_id, NEW.credit_id,
                    NEW.captured_amount, NEW.reason, NEW.source, NEW.explanation,
                    NEW.resolved_at);
            END IF;
            RETURN NULL;
        """,
    ),
]
