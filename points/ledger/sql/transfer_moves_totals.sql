-- Moves the totals of what a statement posted, and notes what is owed to the sealing. What was
-- posted is read by itself, never joined with a table.
DECLARE
    posts int := 0;
    one points_transfer;
    sides record;
    total record;
    owed bigint;
    book uuid;  -- one community's
    moved_ids uuid[];  -- the accounts, and what each of them gives and gets
    moved_debits bigint[];
    moved_credits bigint[];
    account_ids uuid[];  -- those of them that are of the book
    account_kinds text[];
    account_units text[];
    is_wrong boolean;
    is_reversing boolean;
    earner_ids uuid[];
    earned_days date[];
    earned_points bigint[];
    owing_ids uuid[];
BEGIN
    FOR one IN SELECT * FROM posted LIMIT 2 LOOP
        posts := posts + 1;
    END LOOP;
    IF posts = 1 THEN
        -- One transfer is what nearly every statement posts: by primary keys, in plans that are
        -- kept.
        INSERT INTO points_unsealed (id, community_id) VALUES (one.id, one.community_id);
        SELECT d.kind AS debit_kind, c.kind AS credit_kind INTO sides
        FROM points_account d, points_account c
        WHERE d.id = one.debit_id AND d.community_id = one.community_id
            AND c.id = one.credit_id AND c.community_id = one.community_id AND d.unit = c.unit;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
                DETAIL = 'transfer_in_one_book',
                MESSAGE = 'both accounts share community and unit';
        END IF;
        -- Whoever posts has locked both before, in one order (points_lock_available).
        IF sides.debit_kind IN ('wallet', 'fund') THEN
            UPDATE points_account SET debits = debits + one.amount
            WHERE community_id = one.community_id AND id = one.debit_id;
            IF one.reverses_id IS NOT NULL AND sides.debit_kind = 'wallet' THEN
                UPDATE points_earned SET points = points - one.amount
                WHERE community_id = one.community_id AND account_id = one.debit_id
                    AND expires_on IS NOT DISTINCT FROM one.expires_on;
            END IF;
        END IF;
        IF sides.credit_kind IN ('wallet', 'fund') THEN
            UPDATE points_account SET credits = credits + one.amount
            WHERE community_id = one.community_id AND id = one.credit_id
            RETURNING shortfall INTO owed;
            -- A refund earns as well what of it came back after its day (points_reverse).
            IF sides.credit_kind = 'wallet' AND (one.reverses_id IS NULL
                OR one.expires_on IS NOT NULL AND sides.debit_kind <> 'wallet')
            THEN
                UPDATE points_earned SET points = points + one.amount
                WHERE community_id = one.community_id AND account_id = one.credit_id
                    AND expires_on IS NOT DISTINCT FROM one.expires_on;
                IF NOT FOUND THEN
                    INSERT INTO points_earned (id, community_id, account_id, expires_on, points)
                    VALUES (gen_random_uuid(), one.community_id, one.credit_id, one.expires_on,
                        one.amount);
                END IF;
            END IF;
            IF owed > 0 THEN
                PERFORM points_recover(one.community_id, ARRAY[one.credit_id]);
            END IF;
        END IF;
        IF one.reverses_id IS NOT NULL THEN
            PERFORM points_check_reversal(one.community_id, one.reverses_id);
        END IF;
        RETURN NULL;
    END IF;

    -- Arrays carry them from what was posted to the tables.
    book := one.community_id;
    SELECT array_agg(id), bool_or(community_id <> book), bool_or(reverses_id IS NOT NULL)
    INTO moved_ids, is_wrong, is_reversing FROM posted;
    INSERT INTO points_unsealed (id, community_id) SELECT unnest(moved_ids), book;
    SELECT array_agg(moved.id), array_agg(moved.debits), array_agg(moved.credits)
    INTO moved_ids, moved_debits, moved_credits
    FROM (
        SELECT side.id, sum(side.debits)::bigint AS debits, sum(side.credits)::bigint AS credits
        FROM (
            SELECT debit_id AS id, amount AS debits, 0 AS credits FROM posted
            UNION ALL SELECT credit_id, 0, amount FROM posted
        ) AS side
        GROUP BY side.id
    ) AS moved;
    SELECT array_agg(moved.id), array_agg(known.kind), array_agg(known.unit),
        array_agg(moved.debits), array_agg(moved.credits)
    INTO account_ids, account_kinds, account_units, moved_debits, moved_credits
    FROM unnest(moved_ids, moved_debits, moved_credits) AS moved (id, debits, credits)
    CROSS JOIN LATERAL (
        SELECT a.kind, a.unit FROM points_account a
        WHERE a.community_id = book AND a.id = moved.id
        OFFSET 0  -- each by its id, never all accounts of the community
    ) AS known;
    EXECUTE $sql$
        SELECT $4 OR bool_or(earned.is_wrong),
            array_agg(earned.id) FILTER (WHERE earned.points > 0),
            array_agg(earned.day) FILTER (WHERE earned.points > 0),
            array_agg(earned.points) FILTER (WHERE earned.points > 0)
        FROM (
            SELECT posted.credit_id AS id, posted.expires_on AS day,
                sum(posted.amount) FILTER (WHERE c.kind = 'wallet' AND (posted.reverses_id IS NULL
                    OR posted.expires_on IS NOT NULL AND d.kind <> 'wallet'))::bigint AS points,
                bool_or((d.unit = c.unit) IS NOT TRUE) AS is_wrong
            FROM posted
            LEFT JOIN unnest($1, $2, $3) AS d (id, kind, unit) ON d.id = posted.debit_id
            LEFT JOIN unnest($1, $2, $3) AS c (id, kind, unit) ON c.id = posted.credit_id
            GROUP BY posted.credit_id, posted.expires_on
        ) AS earned
    $sql$ INTO is_wrong, earner_ids, earned_days, earned_points
    USING account_ids, account_kinds, account_units, is_wrong;
    IF is_wrong THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'transfer_in_one_book',
            MESSAGE = 'what one statement posts is of one community, both accounts of one unit';
    END IF;
    FOR total IN
        SELECT moved.id, moved.debits, moved.credits
        FROM unnest(account_ids, account_kinds, moved_debits, moved_credits)
            AS moved (id, kind, debits, credits)
        WHERE moved.kind IN ('wallet', 'fund')
        ORDER BY moved.kind DESC, moved.id  -- as points_lock
    LOOP
        UPDATE points_account SET debits = debits + total.debits, credits = credits + total.credits
        WHERE community_id = book AND id = total.id
        RETURNING CASE WHEN total.credits > 0 THEN shortfall END INTO owed;
        IF owed > 0 THEN owing_ids := owing_ids || total.id; END IF;
    END LOOP;
    INSERT INTO points_earned AS e (id, community_id, account_id, expires_on, points)
    SELECT gen_random_uuid(), book, earned.account_id, earned.day, earned.points
    FROM unnest(earner_ids, earned_days, earned_points) AS earned (account_id, day, points)
    ON CONFLICT (community_id, account_id, expires_on)
        DO UPDATE SET points = e.points + excluded.points;
    IF is_reversing THEN
        EXECUTE $sql$
            SELECT array_agg(back.id), array_agg(back.day), array_agg(back.points)
            FROM (
                SELECT posted.debit_id AS id, posted.expires_on AS day,
                    sum(posted.amount)::bigint AS points
                FROM posted
                JOIN unnest($1, $2) AS d (id, kind)
                    ON d.id = posted.debit_id AND d.kind = 'wallet'
                WHERE posted.reverses_id IS NOT NULL
                GROUP BY posted.debit_id, posted.expires_on
            ) AS back
        $sql$ INTO earner_ids, earned_days, earned_points USING account_ids, account_kinds;
        UPDATE points_earned e SET points = e.points - back.points
        FROM unnest(earner_ids, earned_days, earned_points) AS back (account_id, day, points)
        WHERE e.community_id = book AND e.account_id = back.account_id
            AND e.expires_on IS NOT DISTINCT FROM back.day;
    END IF;
    IF owing_ids IS NOT NULL THEN
        PERFORM points_recover(book, owing_ids);
    END IF;
    IF is_reversing THEN
        PERFORM points_check_reversal(book, reversed.id) FROM (
            SELECT DISTINCT reverses_id AS id FROM posted
            WHERE reverses_id IS NOT NULL ORDER BY reverses_id
        ) AS reversed;
    END IF;
    RETURN NULL;
END;
