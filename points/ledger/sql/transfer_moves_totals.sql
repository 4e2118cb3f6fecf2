-- Moves the totals of what a statement posted, and notes what is owed to the sealing.
DECLARE
    many bigint;
    one points_transfer;
    sides record;
    owed bigint;
    wrong boolean;
BEGIN
    INSERT INTO points_unsealed (id, community_id) SELECT id, community_id FROM posted;
    GET DIAGNOSTICS many = ROW_COUNT;
    IF many = 1 THEN
        -- One transfer is what nearly every statement posts: by primary keys, in plans that are
        -- kept.
        SELECT * INTO STRICT one FROM posted;
        SELECT d.kind AS debit_kind, c.kind AS credit_kind INTO sides
        FROM points_account d, points_account c
        WHERE d.id = one.debit_id AND d.community_id = one.community_id
            AND c.id = one.credit_id AND c.community_id = one.community_id AND d.unit = c.unit;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
                CONSTRAINT = 'transfer_in_one_book',
                MESSAGE = 'both accounts share community and unit';
        END IF;
        IF sides.debit_kind IN ('wallet', 'fund') AND sides.credit_kind IN ('wallet', 'fund') THEN
            -- In one order (points_lock_available), so that nobody waits in a ring.
            PERFORM FROM points_account WHERE id IN (one.debit_id, one.credit_id)
            ORDER BY kind DESC, id FOR NO KEY UPDATE;
        END IF;
        IF sides.debit_kind IN ('wallet', 'fund') THEN
            UPDATE points_account SET debits = debits + one.amount WHERE id = one.debit_id;
            IF one.reverses_id IS NOT NULL AND sides.debit_kind = 'wallet' THEN
                UPDATE points_earned SET points = points - one.amount
                WHERE community_id = one.community_id AND account_id = one.debit_id
                    AND expires_on IS NOT DISTINCT FROM one.expires_on;
            END IF;
        END IF;
        IF sides.credit_kind IN ('wallet', 'fund') THEN
            UPDATE points_account SET credits = credits + one.amount WHERE id = one.credit_id
            RETURNING shortfall INTO owed;
            -- A refund earns as well what of it came back after its day (points_reverse).
            IF sides.credit_kind = 'wallet' AND (one.reverses_id IS NULL
                OR one.expires_on IS NOT NULL AND sides.debit_kind <> 'wallet')
            THEN
                INSERT INTO points_earned AS e (id, community_id, account_id, expires_on, points)
                VALUES (gen_random_uuid(), one.community_id, one.credit_id, one.expires_on,
                    one.amount)
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
    ELSIF many > 1 THEN
        -- Many are planned each time for how many they are: a plan made for a million, kept, would
        -- read every account for the next single one.
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
            RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
                CONSTRAINT = 'transfer_in_one_book',
                MESSAGE = 'both accounts share community and unit';
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
                WHERE a.kind IN ('wallet', 'fund')
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
    END IF;
    RETURN NULL;
END;
