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
    debit_kind text;
    credit_kind text;
    left_of_it bigint;
    part bigint;
    part_key text;
    over bigint := 0;
    yesterday date;
BEGIN
    SELECT * INTO t FROM points_transfer
        WHERE points_transfer.id = p_transfer AND community_id = p_community;
    IF t IS NULL THEN refusal := 'transfer_unknown'; RETURN; END IF;
    -- Accounts before the transfer, as whoever repays a shortfall locks them. Of both, what is
    -- over is taken first: what comes back, or goes, is not part of it.
    SELECT d.kind, c.kind INTO debit_kind, credit_kind FROM points_account d, points_account c
    WHERE d.community_id = p_community AND d.id = t.debit_id
        AND c.community_id = p_community AND c.id = t.credit_id;
    PERFORM points_lock_available(p_community, t.debit_id, debit_kind, t.credit_id, credit_kind);
    PERFORM points_lock_available(p_community, t.credit_id, credit_kind, t.debit_id, debit_kind);
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

    SELECT c.credits - c.debits - c.held INTO part FROM points_account c
    WHERE c.community_id = p_community AND c.id = t.credit_id;
    -- No wallet owes another: repaying it would lock a second wallet out of turn.
    IF part < amount AND (
        credit_kind = 'fund' OR credit_kind = 'wallet' AND debit_kind = 'wallet'
    ) THEN
        refusal := 'insufficient_points';
        available := part;
        RETURN;
    END IF;
    IF credit_kind = 'wallet' AND t.expires_on IS NOT NULL THEN
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
            VALUES (uuid7(), p_community, 'reversal:' || p_id || ':' || part_key, expiry.id,
                expiry.credit_id, part, part, p_reason, p_source, p_explanation, p_occurred_at);
            PERFORM points_take_back(p_community, expiry.id, expiry.debit_id, expiry.credit_id,
                expiry.expires_on, p_id, part_key, part, p_reason, p_source, p_explanation,
                p_occurred_at);
            left_of_it := left_of_it - part;
            EXIT WHEN left_of_it = 0;
        END LOOP;
    END IF;

    recovered := amount;
    IF credit_kind = 'wallet' THEN
        SELECT least(amount, a.credits - a.debits - a.held) INTO recovered
        FROM points_account a WHERE a.community_id = p_community AND a.id = t.credit_id;
    ELSIF debit_kind = 'wallet' AND p_back_until IS NOT NULL THEN
        -- What reaches the wallet beyond what it earned that is not over yet.
        yesterday := points_yesterday(p_community);
        SELECT greatest(least(amount, a.credits - a.debits - a.held + amount - a.shortfall - (
            SELECT coalesce(sum(e.points), 0) FROM points_earned e
            WHERE e.community_id = p_community AND e.account_id = a.id
                AND (e.expires_on IS NULL OR e.expires_on > yesterday)
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
        PERFORM points_take_back(p_community, t.id, t.debit_id, t.credit_id, t.expires_on, p_id,
            '0', recovered - over, p_reason, p_source, p_explanation, p_occurred_at);
    END IF;
    IF over > 0 THEN
        PERFORM points_take_back(p_community, t.id, t.debit_id, t.credit_id, p_back_until, p_id,
            'late', over, p_reason, p_source, p_explanation, p_occurred_at);
    END IF;
END $$;
