"""What expires follows from dates alone: each wallet's is taken before anything else moves there."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

# Functions of 0004 and 0005, with what has changed in them, and what they are made of now.
FUNCTIONS = """
DROP FUNCTION points_expire, points_losing, points_loss, points_reverse;

-- The last day that is over by the community's clock.
CREATE FUNCTION points_yesterday(p_community uuid) RETURNS date LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT (clock_timestamp() AT TIME ZONE c.timezone)::date - 1
        FROM communities_community c WHERE c.id = p_community
    );
END $$;

-- What a wallet that can spend p_available loses day by day until p_until is over, if nothing moves
-- before: once a day is over it keeps what it earned that expires later, or never.
CREATE FUNCTION points_losses(p_community uuid, p_wallet uuid, p_available bigint, p_until date)
RETURNS TABLE (expires_on date, available bigint, kept bigint, points bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT loss.expires_on, p_available - loss.lost_before, loss.kept, loss.lost - loss.lost_before
    FROM (
        SELECT by_then.*,
            coalesce(lag(by_then.lost) OVER (ORDER BY by_then.expires_on), 0) AS lost_before
        FROM (
            SELECT later.expires_on, later.kept, greatest(p_available - later.kept, 0) AS lost
            FROM (
                SELECT e.expires_on, coalesce(sum(e.points) OVER (
                    ORDER BY e.expires_on DESC NULLS FIRST
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ), 0)::bigint AS kept
                FROM points_earned e
                WHERE e.community_id = p_community AND e.account_id = p_wallet
            ) AS later
            WHERE later.expires_on <= p_until
        ) AS by_then
    ) AS loss
    WHERE loss.lost > loss.lost_before
    ORDER BY loss.expires_on;
END $$;

-- p_key, or with a number if it is taken: what comes back after its day goes on the same day.
CREATE FUNCTION points_free_key(p_community uuid, p_key text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    free text := p_key;
    number integer := 1;
BEGIN
    WHILE EXISTS (
        SELECT FROM points_transfer t WHERE t.community_id = p_community AND t.key = free
    ) LOOP
        number := number + 1;
        free := p_key || ':' || number;
    END LOOP;
    RETURN free;
END $$;

-- Takes from each of these wallets, which the caller has locked, what it lost by the end of p_until
-- and of no day that is not over. Again, there is nothing left to take.
CREATE FUNCTION points_take_expired(p_community uuid, p_wallets uuid[], p_until date)
RETURNS TABLE (expires_on date, wallets bigint, points bigint) LANGUAGE plpgsql AS $$
DECLARE
    until date := least(p_until, points_yesterday(p_community));
    zone text := (SELECT c.timezone FROM communities_community c WHERE c.id = p_community);
    expired uuid;
BEGIN
    INSERT INTO points_account (id, community_id, kind, unit, holder, credits, debits, held,
        shortfall)
    VALUES (points_uuid7(), p_community, 'expired', 'points', '', 0, 0, 0, 0)
    ON CONFLICT (community_id, kind, unit, holder) DO NOTHING;
    SELECT a.id INTO expired FROM points_account a
    WHERE a.community_id = p_community AND a.kind = 'expired' AND a.unit = 'points'
        AND a.holder = '';
    RETURN QUERY
    WITH taken AS (
        INSERT INTO points_transfer AS t (id, community_id, key, debit_id, credit_id, amount,
            reason, source, explanation, occurred_at)
        SELECT points_uuid7(), p_community,
            points_free_key(p_community, 'expire:' || a.id || ':' || loss.expires_on), a.id,
            expired, loss.points, 'expiry', 'expiry:' || loss.expires_on, jsonb_build_object(
                'expires_on', loss.expires_on, 'available', loss.available, 'kept', loss.kept,
                'points', loss.points
            ), (loss.expires_on + 1)::timestamp AT TIME ZONE zone
        FROM points_account a CROSS JOIN LATERAL points_losses(
            p_community, a.id, a.credits - a.debits - a.held, until
        ) AS loss
        WHERE a.community_id = p_community AND a.id = ANY (p_wallets)
        ORDER BY a.id, loss.expires_on
        RETURNING (t.explanation ->> 'expires_on')::date AS day, t.amount
    )
    SELECT taken.day, count(*), sum(taken.amount)::bigint FROM taken
    GROUP BY taken.day ORDER BY taken.day;
END $$;

-- The same of each wallet of a community: what nobody's own movement has taken before.
CREATE FUNCTION points_expire(p_community uuid, p_until date)
RETURNS TABLE (expires_on date, wallets bigint, points bigint) LANGUAGE plpgsql AS $$
DECLARE
    losing uuid[] := ARRAY(
        SELECT a.id FROM points_account a
        WHERE a.community_id = p_community AND a.kind = 'wallet' AND a.unit = 'points'
            AND a.credits > a.debits + a.held AND EXISTS (SELECT FROM points_losses(
                p_community, a.id, a.credits - a.debits - a.held, p_until
            ))
    );
BEGIN
    PERFORM FROM points_account a
    WHERE a.community_id = p_community AND a.id = ANY (losing)
    ORDER BY a.id FOR NO KEY UPDATE;
    -- A statement of its own sees what was committed while the locks were waited for.
    RETURN QUERY SELECT * FROM points_take_expired(p_community, losing, p_until);
END $$;

-- Two questions each movement out of a wallet or fund asks: locks those of the two accounts that
-- have a floor, and answers what the debited one can spend, and what it owes. Points whose day is
-- over can not be spent, whether or not anything has taken them: it takes them. Everybody locks
-- wallets in the order of ids, then funds: what repays a shortfall finds out late which fund is
-- to have it.
CREATE OR REPLACE FUNCTION points_lock_available(
    p_community uuid, p_debit uuid, p_credit uuid, OUT available bigint, OUT shortfall bigint
) LANGUAGE plpgsql AS $$
DECLARE
    may_be_over boolean;
BEGIN
    PERFORM FROM points_account a
    WHERE a.community_id = p_community AND a.id IN (p_debit, p_credit)
        AND a.kind IN ('wallet', 'fund')
    ORDER BY a.kind DESC, a.id FOR NO KEY UPDATE;
    -- By the clock that is first to see a day over: nobody else's needs to be looked up.
    SELECT a.credits - a.debits - a.held, a.shortfall, EXISTS (
        SELECT FROM points_earned e
        WHERE e.community_id = p_community AND e.account_id = p_debit
            AND e.expires_on < (clock_timestamp() AT TIME ZONE 'Pacific/Kiritimati')::date
    ) INTO available, shortfall, may_be_over
    FROM points_account a WHERE a.community_id = p_community AND a.id = p_debit;
    IF may_be_over AND available > 0 AND EXISTS (SELECT FROM points_losses(
        p_community, p_debit, available, points_yesterday(p_community)
    )) THEN
        available := available - (
            SELECT coalesce(sum(taken.points), 0) FROM points_take_expired(
                p_community, ARRAY[p_debit], points_yesterday(p_community)
            ) AS taken
        );
    END IF;
END $$;

-- Takes back p_amount of a transfer, or all that is left of it (NULL), in one round trip. What a
-- wallet has spent of it is left as its shortfall; what of it has expired comes from there. What
-- comes back to a wallet after its day can be spent until p_back_until; NULL: it is over.
CREATE FUNCTION points_reverse(
    p_community uuid, p_transfer uuid, p_amount bigint, p_back_until date, p_id uuid, p_key text,
    p_reason text, p_source text, p_explanation jsonb, p_occurred_at timestamptz,
    OUT refusal text, OUT available bigint, OUT id uuid, OUT account_id uuid, OUT amount bigint,
    OUT recovered bigint, OUT requested_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    t points_transfer;
    expiry points_transfer;
    known points_reversal;
    kind text;
    is_out_of_wallet boolean;
    left_of_it bigint;
    part bigint;
    part_key text;
    over bigint := 0;
BEGIN
    SELECT * INTO t FROM points_transfer
        WHERE points_transfer.id = p_transfer AND community_id = p_community;
    IF t IS NULL THEN refusal := 'transfer_unknown'; RETURN; END IF;
    -- Accounts before the transfer, as whoever repays a shortfall locks them. Of both, what is
    -- over is taken first: what comes back, or goes, is not part of it.
    PERFORM points_lock_available(p_community, t.debit_id, t.credit_id);
    PERFORM points_lock_available(p_community, t.credit_id, t.debit_id);
    PERFORM FROM points_transfer
    WHERE community_id = p_community AND points_transfer.id = t.id FOR NO KEY UPDATE;

    SELECT * INTO known FROM points_reversal r
        WHERE r.community_id = p_community AND r.key = p_key;
    IF known IS NOT NULL THEN
        IF (known.transfer_id, known.amount, known.reason, known.source)
            IS DISTINCT FROM (p_transfer, coalesce(p_amount, known.amount), p_reason, p_source)
        THEN
            refusal := 'transfer_id_reused';
        ELSE
            id := known.id;
            account_id := known.account_id;
            amount := known.amount;
            recovered := known.recovered;
            requested_at := known.requested_at;
        END IF;
        RETURN;
    END IF;
    IF t.reverses_id IS NOT NULL THEN refusal := 'reversal_of_reversal'; RETURN; END IF;
    available := t.amount - (
        SELECT coalesce(sum(r.amount), 0) FROM points_reversal r
        WHERE r.community_id = p_community AND r.transfer_id = t.id
    );
    amount := coalesce(p_amount, available);
    IF available = 0 THEN refusal := 'transfer_reversed'; RETURN; END IF;
    IF amount > available THEN refusal := 'reversal_too_large'; RETURN; END IF;

    SELECT c.kind, c.credits - c.debits - c.held, d.kind = 'wallet'
    INTO kind, part, is_out_of_wallet
    FROM points_account c, points_account d
    WHERE c.community_id = p_community AND c.id = t.credit_id
        AND d.community_id = p_community AND d.id = t.debit_id;
    -- No wallet owes another: repaying it would lock a second wallet out of turn.
    IF (kind = 'fund' OR kind = 'wallet' AND is_out_of_wallet) AND part < amount THEN
        refusal := 'insufficient_points';
        available := part;
        RETURN;
    END IF;
    IF kind = 'wallet' AND t.expires_on IS NOT NULL THEN
        -- From its own date on: what was spent of it may have expired on a later one.
        left_of_it := amount;
        FOR expiry IN
            SELECT e.* FROM points_transfer e
            WHERE e.community_id = p_community AND e.debit_id = t.credit_id
                AND e.reason = 'expiry' AND e.reverses_id IS NULL
                AND (e.explanation ->> 'expires_on')::date >= t.expires_on
                AND e.posted_at > t.posted_at  -- who was awarded late lost nothing of it before
            ORDER BY (e.explanation ->> 'expires_on')::date, e.id
        LOOP
            part := least(left_of_it, expiry.amount - (
                SELECT coalesce(sum(r.amount), 0) FROM points_reversal r
                WHERE r.community_id = p_community AND r.transfer_id = expiry.id
            ));
            CONTINUE WHEN part = 0;
            part_key := 'expired:' || expiry.id;
            INSERT INTO points_reversal (id, community_id, key, transfer_id, account_id, amount,
                recovered, reason, source, explanation, occurred_at)
            VALUES (points_uuid7(), p_community, 'reversal:' || p_id || ':' || part_key, expiry.id,
                expiry.credit_id, part, part, p_reason, p_source, p_explanation, p_occurred_at);
            PERFORM points_take_back(expiry, p_id, part_key, part, p_reason, p_source,
                p_explanation, p_occurred_at);
            left_of_it := left_of_it - part;
            EXIT WHEN left_of_it = 0;
        END LOOP;
    END IF;

    recovered := amount;
    IF kind = 'wallet' THEN
        SELECT least(amount, a.credits - a.debits - a.held) INTO recovered
        FROM points_account a WHERE a.community_id = p_community AND a.id = t.credit_id;
    ELSIF is_out_of_wallet AND p_back_until IS NOT NULL THEN
        -- What reaches the wallet beyond what it earned that is not over yet.
        SELECT greatest(least(amount, a.credits - a.debits - a.held + amount - a.shortfall - (
            SELECT coalesce(sum(e.points), 0) FROM points_earned e
            WHERE e.community_id = p_community AND e.account_id = a.id
                AND (e.expires_on IS NULL OR e.expires_on > points_yesterday(p_community))
        )), 0) INTO over
        FROM points_account a WHERE a.community_id = p_community AND a.id = t.debit_id;
    END IF;
    INSERT INTO points_reversal AS r (id, community_id, key, transfer_id, account_id, amount,
        recovered, reason, source, explanation, occurred_at)
    VALUES (p_id, p_community, p_key, t.id, t.credit_id, points_reverse.amount,
        points_reverse.recovered, p_reason, p_source, p_explanation, p_occurred_at)
    RETURNING r.id, r.account_id, r.requested_at
    INTO points_reverse.id, points_reverse.account_id, points_reverse.requested_at;
    IF recovered > over THEN
        PERFORM points_take_back(t, p_id, '0', recovered - over, p_reason, p_source,
            p_explanation, p_occurred_at);
    END IF;
    IF over > 0 THEN
        t.expires_on := p_back_until;
        PERFORM points_take_back(t, p_id, 'late', over, p_reason, p_source, p_explanation,
            p_occurred_at);
    END IF;
END $$;

-- Refuses if what was posted against a transfer is not its reversal, or more than it. Called by
-- the trigger of transfers, for whoever goes round the functions above. It has the day of its
-- transfer, but for what comes back to a wallet after its day.
CREATE OR REPLACE FUNCTION points_check_reversal(p_community uuid, p_reversed uuid)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    t points_transfer;
    is_refund boolean;
BEGIN
    SELECT * INTO t FROM points_transfer
        WHERE id = p_reversed AND community_id = p_community FOR NO KEY UPDATE;
    SELECT d.kind = 'wallet' AND c.kind <> 'wallet' INTO is_refund
    FROM points_account c, points_account d
    WHERE c.community_id = p_community AND c.id = t.credit_id
        AND d.community_id = p_community AND d.id = t.debit_id;
    IF t IS NULL OR t.reverses_id IS NOT NULL OR EXISTS (
        SELECT FROM points_transfer r
        WHERE r.community_id = p_community AND r.reverses_id = p_reversed
        HAVING sum(r.amount) > t.amount OR NOT bool_and(
            r.debit_id = t.credit_id AND r.credit_id = t.debit_id
            AND (r.expires_on IS NOT DISTINCT FROM t.expires_on OR is_refund)
        )
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            CONSTRAINT = 'transfer_reverses_at_most_all',
            MESSAGE = 'reversals go the other way and never add up to more than was moved';
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("communities", "0003_contact_and_join_code"),
        ("points", "0005_expire_points"),
    ]
    operations = [
        migrations.RunSQL(FUNCTIONS, migrations.RunSQL.noop),
        *(
            pgtrigger.migrations.RemoveTrigger(model_name="expiryrun", name=name)
            for name in ("expiry_run_is_final", "expiry_run_is_not_emptied")
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="transfer",
            name="transfer_moves_totals",
        ),
        migrations.AddField(
            model_name="expirypolicy",
            name="at_least_days",
            field=models.PositiveSmallIntegerField(default=90),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="transfer",
            trigger=pgtrigger.compiler.Trigger(
                name="transfer_moves_totals",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE many bigint; one points_transfer; sides record; owed bigint; wrong boolean;",
                    func="\n            -- What is owed to the sealing; and how many they are.\n            INSERT INTO points_unsealed (id, community_id) SELECT id, community_id FROM posted;\n            GET DIAGNOSTICS many = ROW_COUNT;\n            IF many = 1 THEN\n                \n    SELECT * INTO STRICT one FROM posted;\n    SELECT d.kind AS debit_kind, c.kind AS credit_kind INTO sides\n    FROM points_account d, points_account c\n    WHERE d.id = one.debit_id AND d.community_id = one.community_id\n        AND c.id = one.credit_id AND c.community_id = one.community_id AND d.unit = c.unit;\n    IF NOT FOUND THEN\n        \n    RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',\n        CONSTRAINT = 'transfer_in_one_book', MESSAGE = 'both accounts share community and unit';\n\n    END IF;\n    IF sides.debit_kind IN ('wallet', 'fund') AND sides.credit_kind IN ('wallet', 'fund') THEN\n        -- In one order (points_lock_available), so that nobody waits in a ring.\n        PERFORM FROM points_account WHERE id IN (one.debit_id, one.credit_id)\n        ORDER BY kind DESC, id FOR NO KEY UPDATE;\n    END IF;\n    IF sides.debit_kind IN ('wallet', 'fund') THEN\n        UPDATE points_account SET debits = debits + one.amount WHERE id = one.debit_id;\n        IF one.reverses_id IS NOT NULL AND sides.debit_kind = 'wallet' THEN\n            UPDATE points_earned SET points = points - one.amount\n            WHERE community_id = one.community_id AND account_id = one.debit_id\n                AND expires_on IS NOT DISTINCT FROM one.expires_on;\n        END IF;\n    END IF;\n    IF sides.credit_kind IN ('wallet', 'fund') THEN\n        UPDATE points_account SET credits = credits + one.amount WHERE id = one.credit_id\n        RETURNING shortfall INTO owed;\n        -- A refund earns as well what of it came back after its day (points_reverse).\n        IF sides.credit_kind = 'wallet' AND (one.reverses_id IS NULL\n            OR one.expires_on IS NOT NULL AND sides.debit_kind <> 'wallet')\n        THEN\n            INSERT INTO points_earned AS e (id, community_id, account_id, expires_on, points)\n            VALUES (gen_random_uuid(), one.community_id, one.credit_id, one.expires_on, one.amount)\n            ON CONFLICT (community_id, account_id, expires_on)\n                DO UPDATE SET points = e.points + excluded.points;\n        END IF;\n        IF owed > 0 THEN\n            PERFORM points_recover(one.community_id, ARRAY[one.credit_id]);\n        END IF;\n    END IF;\n    IF one.reverses_id IS NOT NULL THEN\n        PERFORM points_check_reversal(one.community_id, one.reverses_id);\n    END IF;\n\n            ELSIF many > 1 THEN\n                \n    EXECUTE $sql$\n        SELECT EXISTS (\n            SELECT FROM posted\n            LEFT JOIN points_account d\n                ON d.id = posted.debit_id AND d.community_id = posted.community_id\n            LEFT JOIN points_account c\n                ON c.id = posted.credit_id AND c.community_id = posted.community_id\n            WHERE d.id IS NULL OR c.id IS NULL OR d.unit <> c.unit\n        )\n    $sql$ INTO wrong;\n    IF wrong THEN\n        \n    RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',\n        CONSTRAINT = 'transfer_in_one_book', MESSAGE = 'both accounts share community and unit';\n\n    END IF;\n    EXECUTE $sql$\n        WITH moved AS MATERIALIZED (\n            SELECT account_id, sum(debits)::bigint AS debits, sum(credits)::bigint AS credits\n            FROM (\n                SELECT debit_id AS account_id, amount AS debits, 0 AS credits FROM posted\n                UNION ALL SELECT credit_id, 0, amount FROM posted\n            ) AS sides\n            GROUP BY account_id\n        ), locked AS MATERIALIZED (\n            SELECT a.id FROM points_account a JOIN moved ON moved.account_id = a.id\n            WHERE a.kind IN ('wallet', 'fund')\n            ORDER BY a.kind DESC, a.id FOR NO KEY UPDATE OF a\n        )\n        UPDATE points_account a\n        SET debits = a.debits + moved.debits, credits = a.credits + moved.credits\n        FROM moved JOIN locked ON locked.id = moved.account_id\n        WHERE a.id = moved.account_id\n    $sql$;\n    EXECUTE $sql$\n        INSERT INTO points_earned AS e (id, community_id, account_id, expires_on, points)\n        SELECT gen_random_uuid(), posted.community_id, credit_id, expires_on, sum(amount)\n        FROM posted JOIN points_account a ON a.id = credit_id AND a.kind = 'wallet'\n        WHERE reverses_id IS NULL OR expires_on IS NOT NULL AND NOT EXISTS (\n            SELECT FROM points_account d WHERE d.id = debit_id AND d.kind = 'wallet'\n        )\n        GROUP BY posted.community_id, credit_id, expires_on\n        ON CONFLICT (community_id, account_id, expires_on)\n            DO UPDATE SET points = e.points + excluded.points\n    $sql$;\n    UPDATE points_earned e SET points = e.points - back.points\n    FROM (\n        SELECT posted.community_id, debit_id, expires_on, sum(amount) AS points\n        FROM posted JOIN points_account a ON a.id = debit_id AND a.kind = 'wallet'\n        WHERE reverses_id IS NOT NULL\n        GROUP BY posted.community_id, debit_id, expires_on\n    ) AS back\n    WHERE e.community_id = back.community_id AND e.account_id = back.debit_id\n        AND e.expires_on IS NOT DISTINCT FROM back.expires_on;\n    PERFORM points_recover(a.community_id, array_agg(a.id)) FROM points_account a\n    WHERE a.shortfall > 0 AND a.id IN (SELECT credit_id FROM posted)\n    GROUP BY a.community_id;\n    PERFORM points_check_reversal(reversed.community_id, reversed.reverses_id) FROM (\n        SELECT DISTINCT community_id, reverses_id FROM posted\n        WHERE reverses_id IS NOT NULL ORDER BY reverses_id\n    ) AS reversed;\n\n            END IF;\n            RETURN NULL;\n        ",
                    hash="a9e8eaf3f171dd933766f5473550935381bfbbbb",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_transfer_moves_totals_90787",
                    referencing="REFERENCING NEW TABLE AS posted ",
                    table="points_transfer",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="expirypolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(("at_least_days__lte", 366)),
                name="expiry_policy_lasts_some_days",
            ),
        ),
        migrations.DeleteModel(
            name="ExpiryRun",
        ),
    ]
