"""What the database itself sees to, whoever asks: the ORM, a console, raw SQL.

docs/ledger.md, "What always holds". Constraint names given with RAISE are what tests
and people look for; the ledger's functions refuse politely before these have to.
"""

import pgtrigger

FLOORED = ("wallet", "fund")  # kinds that may never go below zero, so keep running totals
FLOORED_SQL = ", ".join(f"'{kind}'" for kind in FLOORED)

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

_NOT_IN_ONE_BOOK = _refuse("transfer_in_one_book", "both accounts share community and unit")

# One transfer is what nearly every statement posts: by primary keys, in plans that are kept.
_MOVE_ONE = f"""
    SELECT * INTO STRICT one FROM posted;
    SELECT d.kind AS debit_kind, c.kind AS credit_kind INTO sides
    FROM points_account d, points_account c
    WHERE d.id = one.debit_id AND d.community_id = one.community_id
        AND c.id = one.credit_id AND c.community_id = one.community_id AND d.unit = c.unit;
    IF NOT FOUND THEN
        {_NOT_IN_ONE_BOOK}
    END IF;
    IF sides.debit_kind IN ({FLOORED_SQL}) AND sides.credit_kind IN ({FLOORED_SQL}) THEN
        -- In one order (points_lock_available), so that nobody waits in a ring.
        PERFORM FROM points_account WHERE id IN (one.debit_id, one.credit_id)
        ORDER BY kind DESC, id FOR NO KEY UPDATE;
    END IF;
    IF sides.debit_kind IN ({FLOORED_SQL}) THEN
        UPDATE points_account SET debits = debits + one.amount WHERE id = one.debit_id;
        IF one.reverses_id IS NOT NULL AND sides.debit_kind = 'wallet' THEN
            UPDATE points_earned SET points = points - one.amount
            WHERE community_id = one.community_id AND account_id = one.debit_id
                AND expires_on IS NOT DISTINCT FROM one.expires_on;
        END IF;
    END IF;
    IF sides.credit_kind IN ({FLOORED_SQL}) THEN
        UPDATE points_account SET credits = credits + one.amount WHERE id = one.credit_id
        RETURNING shortfall INTO owed;
        -- A refund earns as well what of it came back after its day (points_reverse).
        IF sides.credit_kind = 'wallet' AND (one.reverses_id IS NULL
            OR one.expires_on IS NOT NULL AND sides.debit_kind <> 'wallet')
        THEN
            INSERT INTO points_earned AS e (id, community_id, account_id, expires_on, points)
            VALUES (gen_random_uuid(), one.community_id, one.credit_id, one.expires_on, one.amount)
            ON CONFLICT (community_id, account_id, expires_on)
                DO UPDATE SET points = e.points + excluded.points;
        END IF;
        IF owed > 0 THEN
            PERFORM points_recover(one.community_id, ARRAY[one.credit_id]);
        END IF;
    END IF;
    IF one.reverses_id IS NOT NULL THEN
        PERFORM points_check_reversal(one.community_id, one.reverses_id);
    END IF;
"""

# Many are planned each time for how many they are: a plan made for a million, kept, would read
# every account for the next single one.
_MOVE_MANY = f"""
    EXECUTE $sql$
        SELECT EXISTS (
            SELECT FROM posted
            LEFT JOIN points_account d
                ON d.id = posted.debit_id AND d.community_id = posted.community_id
            LEFT JOIN points_account c
                ON c.id = posted.credit_id AND c.community_id = posted.community_id
            WHERE d.id IS NULL OR c.id IS NULL OR d.unit <> c.unit
        )
    $sql$ INTO wrong;
    IF wrong THEN
        {_NOT_IN_ONE_BOOK}
    END IF;
    EXECUTE $sql$
        WITH moved AS MATERIALIZED (
            SELECT account_id, sum(debits)::bigint AS debits, sum(credits)::bigint AS credits
            FROM (
                SELECT debit_id AS account_id, amount AS debits, 0 AS credits FROM posted
                UNION ALL SELECT credit_id, 0, amount FROM posted
            ) AS sides
            GROUP BY account_id
        ), locked AS MATERIALIZED (
            SELECT a.id FROM points_account a JOIN moved ON moved.account_id = a.id
            WHERE a.kind IN ({FLOORED_SQL})
            ORDER BY a.kind DESC, a.id FOR NO KEY UPDATE OF a
        )
        UPDATE points_account a
        SET debits = a.debits + moved.debits, credits = a.credits + moved.credits
        FROM moved JOIN locked ON locked.id = moved.account_id
        WHERE a.id = moved.account_id
    $sql$;
    EXECUTE $sql$
        INSERT INTO points_earned AS e (id, community_id, account_id, expires_on, points)
        SELECT gen_random_uuid(), posted.community_id, credit_id, expires_on, sum(amount)
        FROM posted JOIN points_account a ON a.id = credit_id AND a.kind = 'wallet'
        WHERE reverses_id IS NULL OR expires_on IS NOT NULL AND NOT EXISTS (
            SELECT FROM points_account d WHERE d.id = debit_id AND d.kind = 'wallet'
        )
        GROUP BY posted.community_id, credit_id, expires_on
        ON CONFLICT (community_id, account_id, expires_on)
            DO UPDATE SET points = e.points + excluded.points
    $sql$;
    UPDATE points_earned e SET points = e.points - back.points
    FROM (
        SELECT posted.community_id, debit_id, expires_on, sum(amount) AS points
        FROM posted JOIN points_account a ON a.id = debit_id AND a.kind = 'wallet'
        WHERE reverses_id IS NOT NULL
        GROUP BY posted.community_id, debit_id, expires_on
    ) AS back
    WHERE e.community_id = back.community_id AND e.account_id = back.debit_id
        AND e.expires_on IS NOT DISTINCT FROM back.expires_on;
    PERFORM points_recover(a.community_id, array_agg(a.id)) FROM points_account a
    WHERE a.shortfall > 0 AND a.id IN (SELECT credit_id FROM posted)
    GROUP BY a.community_id;
    PERFORM points_check_reversal(reversed.community_id, reversed.reverses_id) FROM (
        SELECT DISTINCT community_id, reverses_id FROM posted
        WHERE reverses_id IS NOT NULL ORDER BY reverses_id
    ) AS reversed;
"""

TRANSFER = [
    pgtrigger.Protect(name="transfer_is_final", operation=pgtrigger.Update | pgtrigger.Delete),
    not_emptied("transfer"),
    pgtrigger.Trigger(
        name="transfer_moves_totals",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        level=pgtrigger.Statement,
        referencing=pgtrigger.Referencing(new="posted"),  # type: ignore[no-untyped-call]
        declare=[
            ("many", "bigint"),
            ("one", "points_transfer"),
            ("sides", "record"),
            ("owed", "bigint"),
            ("wrong", "boolean"),
        ],
        func=f"""
            -- What is owed to the sealing; and how many they are.
            INSERT INTO points_unsealed (id, community_id) SELECT id, community_id FROM posted;
            GET DIAGNOSTICS many = ROW_COUNT;
            IF many = 1 THEN
                {_MOVE_ONE}
            ELSIF many > 1 THEN
                {_MOVE_MANY}
            END IF;
            RETURN NULL;
        """,
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
        func=f"""
            -- Reversals of one transfer queue here, each to see those before it.
            PERFORM FROM points_transfer WHERE id = NEW.transfer_id FOR NO KEY UPDATE;
            IF NOT EXISTS (
                SELECT FROM points_transfer t
                WHERE t.id = NEW.transfer_id AND t.community_id = NEW.community_id
                    AND t.credit_id = NEW.account_id AND t.reverses_id IS NULL
                    AND (NEW.recovered = NEW.amount OR EXISTS (
                        SELECT FROM points_account a
                        WHERE a.id = NEW.account_id AND a.kind = 'wallet'
                    ))
                    AND t.amount >= NEW.amount + (
                        SELECT coalesce(sum(r.amount), 0) FROM points_reversal r
                        WHERE r.community_id = NEW.community_id AND r.transfer_id = t.id
                    )
            ) THEN
                {_refuse("reversal_is_of_a_transfer", "not more is taken back than was moved")}
            END IF;
            RETURN NEW;
        """,
    ),
    pgtrigger.Trigger(
        name="reversal_leaves_a_shortfall",
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.UpdateOf("recovered"),  # type: ignore[no-untyped-call]
        func="""
            UPDATE points_account SET shortfall = shortfall + (NEW.amount - NEW.recovered)
                - CASE WHEN TG_OP = 'UPDATE' THEN OLD.amount - OLD.recovered ELSE 0 END
            WHERE community_id = NEW.community_id AND id = NEW.account_id
                AND NEW.amount - NEW.recovered
                    <> CASE WHEN TG_OP = 'UPDATE' THEN OLD.amount - OLD.recovered ELSE 0 END;
            RETURN NULL;
        """,
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
        func=f"""
            IF NEW.state <> 'held' THEN
                {_refuse("hold_begins_held", "a hold begins as held")}
            END IF;
            UPDATE points_account d SET held = d.held + NEW.amount
            FROM points_account c
            WHERE d.community_id = NEW.community_id AND d.id = NEW.debit_id
                AND d.kind IN ({FLOORED_SQL})
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
        declare=[("owed", "bigint")],
        func="""
            UPDATE points_account SET held = held - OLD.amount
            WHERE community_id = OLD.community_id AND id = OLD.debit_id
            RETURNING shortfall INTO owed;
            IF NEW.state = 'captured' THEN
                INSERT INTO points_transfer (id, community_id, key, debit_id, credit_id, amount,
                    reason, source, explanation, occurred_at)
                VALUES (NEW.transfer_id, NEW.community_id, NEW.key, NEW.debit_id, NEW.credit_id,
                    NEW.captured_amount, NEW.reason, NEW.source, NEW.explanation,
                    NEW.resolved_at);
            END IF;
            IF owed > 0 THEN
                PERFORM points_recover(OLD.community_id, ARRAY[OLD.debit_id]);
            END IF;
            RETURN NULL;
        """,
    ),
]
