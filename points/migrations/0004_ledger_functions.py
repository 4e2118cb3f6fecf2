"""The ledger's functions anew: still one round trip each, now with reversals and expiry."""

from django.db import migrations

DROP_OLD = """
DROP FUNCTION points_resolve_hold, points_hold, points_post, points_lock_available,
    points_accounts_refusal;
"""

FUNCTIONS = """
-- An id as backend/ids.py makes them (RFC 9562, version 7): milliseconds, then their thousandths
-- in rand_a, so that rows made one after the other sort so. uuidv7() is in PostgreSQL 18 only.
CREATE FUNCTION points_uuid7() RETURNS uuid LANGUAGE sql AS $$
    SELECT (
        lpad(to_hex(us / 1000), 12, '0')
        || to_hex(x'7000'::int + (us % 1000 * 4096 / 1000)::int)
        || right(gen_random_uuid()::text, 17)  -- from the variant on
    )::uuid
    FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us) AS clock
$$;

-- Two questions each movement out of a wallet or fund asks: locks those of the two accounts that
-- have a floor, and answers what the debited one can spend, and what it owes. Everybody locks
-- wallets in the order of ids, then funds: what repays a shortfall finds out late which fund is
-- to have it.
CREATE FUNCTION points_lock_available(
    p_community uuid, p_debit uuid, p_credit uuid, OUT available bigint, OUT shortfall bigint
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM points_account a
    WHERE a.community_id = p_community AND a.id IN (p_debit, p_credit)
        AND a.kind IN ('wallet', 'fund')
    ORDER BY a.kind DESC, a.id FOR NO KEY UPDATE;
    SELECT a.credits - a.debits - a.held, a.shortfall INTO available, shortfall
    FROM points_account a WHERE a.community_id = p_community AND a.id = p_debit;
END $$;

-- One posting in one round trip. Answers a refusal's code, or the transfer: the new one, or the
-- one this key made before. p_refusal is what the caller has against the accounts, which can be
-- said only if the key is new. docs/ledger.md has the order of refusals.
CREATE FUNCTION points_post(
    p_refusal text, p_debit_has_floor boolean,
    p_community uuid, p_id uuid, p_key text, p_debit uuid, p_credit uuid, p_amount bigint,
    p_reason text, p_source text, p_explanation jsonb, p_occurred_at timestamptz,
    p_expires_on date,
    OUT refusal text, OUT available bigint, OUT id uuid, OUT posted_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    known points_transfer;
    shortfall bigint;
BEGIN
    refusal := p_refusal;
    IF p_debit_has_floor AND refusal IS NULL THEN
        SELECT * INTO available, shortfall
            FROM points_lock_available(p_community, p_debit, p_credit);
        IF available < p_amount THEN
            refusal := CASE WHEN shortfall > 0
                THEN 'shortfall_outstanding' ELSE 'insufficient_points' END;
            IF shortfall > 0 THEN available := shortfall; END IF;
        END IF;
    ELSIF refusal IS NULL THEN
        -- Before the key, as everybody: who waits for the key may hold the wallet.
        PERFORM FROM points_account a
        WHERE a.community_id = p_community AND a.id = p_credit AND a.kind IN ('wallet', 'fund')
        FOR NO KEY UPDATE;
    END IF;
    IF refusal IS NULL THEN
        INSERT INTO points_transfer AS t (id, community_id, key, debit_id, credit_id, amount,
            reason, source, explanation, occurred_at, expires_on)
        SELECT p_id, p_community, p_key, p_debit, p_credit, p_amount, p_reason, p_source,
            p_explanation, p_occurred_at, p_expires_on
        WHERE NOT EXISTS (
            SELECT FROM points_hold h WHERE h.community_id = p_community AND h.key = p_key
        )
        ON CONFLICT (community_id, key) DO NOTHING
        RETURNING t.id, t.posted_at INTO points_post.id, points_post.posted_at;
        IF points_post.id IS NOT NULL THEN RETURN; END IF;
        refusal := 'transfer_id_reused';
    END IF;
    -- Only if the key is new does any other refusal count.
    SELECT * INTO known FROM points_transfer t
        WHERE t.community_id = p_community AND t.key = p_key;
    IF known IS NULL THEN
        -- A hold that is not captured may have taken the key.
        IF EXISTS (
            SELECT FROM points_hold h WHERE h.community_id = p_community AND h.key = p_key
        ) THEN refusal := 'transfer_id_reused'; END IF;
        RETURN;
    END IF;
    IF (known.debit_id, known.credit_id, known.amount, known.reason, known.source)
        IS DISTINCT FROM (p_debit, p_credit, p_amount, p_reason, p_source)
    THEN
        refusal := 'transfer_id_reused';
        RETURN;
    END IF;
    refusal := NULL;
    id := known.id;
    posted_at := known.posted_at;
END $$;

-- The same for a hold.
CREATE FUNCTION points_hold(
    p_refusal text, p_lifetime interval,
    p_community uuid, p_id uuid, p_key text, p_debit uuid, p_credit uuid, p_amount bigint,
    p_reason text, p_source text, p_explanation jsonb, p_occurred_at timestamptz,
    OUT refusal text, OUT available bigint, OUT id uuid, OUT posted_at timestamptz,
    OUT expires_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    known points_hold;
    shortfall bigint;
BEGIN
    refusal := p_refusal;
    IF refusal IS NULL THEN
        SELECT * INTO available, shortfall
            FROM points_lock_available(p_community, p_debit, p_credit);
        IF available < p_amount THEN
            refusal := CASE WHEN shortfall > 0
                THEN 'shortfall_outstanding' ELSE 'insufficient_points' END;
            IF shortfall > 0 THEN available := shortfall; END IF;
        END IF;
    END IF;
    IF refusal IS NULL THEN
        INSERT INTO points_hold AS h (id, community_id, key, debit_id, credit_id, amount,
            reason, source, explanation, occurred_at, state, expires_at)
        SELECT p_id, p_community, p_key, p_debit, p_credit, p_amount, p_reason, p_source,
            p_explanation, p_occurred_at, 'held', clock_timestamp() + p_lifetime
        WHERE NOT EXISTS (
            SELECT FROM points_transfer t WHERE t.community_id = p_community AND t.key = p_key
        )
        ON CONFLICT (community_id, key) DO NOTHING
        RETURNING h.id, h.posted_at, h.expires_at
        INTO points_hold.id, points_hold.posted_at, points_hold.expires_at;
        IF points_hold.id IS NOT NULL THEN RETURN; END IF;
        refusal := 'transfer_id_reused';
    END IF;
    SELECT * INTO known FROM points_hold h
        WHERE h.community_id = p_community AND h.key = p_key;
    IF known IS NULL THEN
        -- A transfer that no hold became may have taken the key.
        IF EXISTS (
            SELECT FROM points_transfer t WHERE t.community_id = p_community AND t.key = p_key
        ) THEN refusal := 'transfer_id_reused'; END IF;
        RETURN;
    END IF;
    IF (known.debit_id, known.credit_id, known.amount, known.reason, known.source)
        IS DISTINCT FROM (p_debit, p_credit, p_amount, p_reason, p_source)
    THEN
        refusal := 'transfer_id_reused';
        RETURN;
    END IF;
    refusal := NULL;
    id := known.id;
    posted_at := known.posted_at;
    expires_at := known.expires_at;
END $$;

-- Capture (p_amount, or the whole when it is -1) or void (p_amount NULL) a hold, once. Doing
-- again what was done answers the same.
CREATE FUNCTION points_resolve_hold(
    p_community uuid, p_hold uuid, p_transfer uuid, p_amount bigint, p_at timestamptz,
    OUT refusal text, OUT transfer_id uuid
) LANGUAGE plpgsql AS $$
DECLARE
    h points_hold;
    wanted bigint := p_amount;
BEGIN
    SELECT * INTO h FROM points_hold
        WHERE community_id = p_community AND points_hold.id = p_hold FOR NO KEY UPDATE;
    IF h IS NULL THEN refusal := 'hold_unknown'; RETURN; END IF;
    IF wanted = -1 THEN wanted := h.amount; END IF;
    IF h.state <> 'held' THEN
        IF h.captured_amount IS NOT DISTINCT FROM wanted THEN
            transfer_id := h.transfer_id;
        ELSE
            refusal := 'hold_resolved';
        END IF;
        RETURN;
    END IF;
    IF wanted > h.amount THEN refusal := 'capture_too_large'; RETURN; END IF;
    PERFORM points_lock_available(p_community, h.debit_id, h.credit_id);
    IF wanted IS NOT NULL AND clock_timestamp() >= h.expires_at THEN
        refusal := 'hold_expired';
        RETURN;
    END IF;
    UPDATE points_hold u SET
        state = CASE WHEN wanted IS NULL THEN 'voided' ELSE 'captured' END,
        captured_amount = wanted,
        transfer_id = CASE WHEN wanted IS NULL THEN NULL ELSE p_transfer END,
        resolved_at = coalesce(p_at, clock_timestamp())
    WHERE u.community_id = p_community AND u.id = p_hold
    RETURNING u.transfer_id INTO transfer_id;
END $$;

-- One transfer that takes back p_amount of p_reversed under the reversal p_reversal; p_part is
-- what the reversal had recovered before, so that its parts have different keys.
CREATE FUNCTION points_take_back(
    p_reversed points_transfer, p_reversal uuid, p_part text, p_amount bigint, p_reason text,
    p_source text, p_explanation jsonb, p_occurred_at timestamptz
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO points_transfer (id, community_id, key, debit_id, credit_id, amount, reason,
        source, explanation, occurred_at, reverses_id, expires_on)
    VALUES (points_uuid7(), p_reversed.community_id, 'reversal:' || p_reversal || ':' || p_part,
        p_reversed.credit_id, p_reversed.debit_id, p_amount, p_reason, p_source, p_explanation,
        p_occurred_at, p_reversed.id, p_reversed.expires_on)
$$;

-- Takes back p_amount of a transfer, or all that is left of it (NULL), in one round trip. What a
-- wallet has spent of it is left as its shortfall; what of it has expired comes from there.
CREATE FUNCTION points_reverse(
    p_community uuid, p_transfer uuid, p_amount bigint, p_id uuid, p_key text, p_reason text,
    p_source text, p_explanation jsonb, p_occurred_at timestamptz,
    OUT refusal text, OUT available bigint, OUT id uuid, OUT account_id uuid, OUT amount bigint,
    OUT recovered bigint, OUT requested_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    t points_transfer;
    expiry points_transfer;
    known points_reversal;
    kind text;
    is_gift boolean;
    left_of_it bigint;
    part bigint;
    part_key text;
BEGIN
    SELECT * INTO t FROM points_transfer
        WHERE points_transfer.id = p_transfer AND community_id = p_community;
    IF t IS NULL THEN refusal := 'transfer_unknown'; RETURN; END IF;
    -- Accounts before the transfer, as whoever repays a shortfall locks them.
    PERFORM FROM points_account a
    WHERE a.id IN (t.debit_id, t.credit_id) AND a.kind IN ('wallet', 'fund')
    ORDER BY a.kind DESC, a.id FOR NO KEY UPDATE;
    PERFORM FROM points_transfer WHERE points_transfer.id = t.id FOR NO KEY UPDATE;

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

    SELECT c.kind, c.credits - c.debits - c.held, d.kind = 'wallet' INTO kind, part, is_gift
    FROM points_account c, points_account d WHERE c.id = t.credit_id AND d.id = t.debit_id;
    -- No wallet owes another: repaying it would lock a second wallet out of turn.
    IF (kind = 'fund' OR kind = 'wallet' AND is_gift) AND part < amount THEN
        refusal := 'insufficient_points';
        available := part;
        RETURN;
    END IF;
    IF kind = 'wallet' AND t.expires_on IS NOT NULL THEN
        -- From its own date on: what was held then, or spent, may have expired on a later one.
        left_of_it := amount;
        FOR expiry IN
            SELECT e.* FROM points_expiryrun run
            JOIN points_transfer e ON e.community_id = run.community_id
                AND e.key = 'expire:' || t.credit_id || ':' || run.expires_on
            WHERE run.community_id = p_community AND run.expires_on >= t.expires_on
                AND e.posted_at > t.posted_at  -- who was awarded late lost nothing of it before
            ORDER BY run.expires_on
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
        FROM points_account a WHERE a.id = t.credit_id;
    END IF;
    INSERT INTO points_reversal AS r (id, community_id, key, transfer_id, account_id, amount,
        recovered, reason, source, explanation, occurred_at)
    VALUES (p_id, p_community, p_key, t.id, t.credit_id, points_reverse.amount,
        points_reverse.recovered, p_reason, p_source, p_explanation, p_occurred_at)
    RETURNING r.id, r.account_id, r.requested_at
    INTO points_reverse.id, points_reverse.account_id, points_reverse.requested_at;
    IF recovered > 0 THEN
        PERFORM points_take_back(t, p_id, '0', recovered, p_reason, p_source, p_explanation,
            p_occurred_at);
    END IF;
END $$;

-- What reached wallets that owe something repays it, oldest reversal first. Called by triggers
-- that hold the wallets' locks.
CREATE FUNCTION points_recover(p_community uuid, p_wallets uuid[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r points_reversal;
    t points_transfer;
    part bigint;
BEGIN
    PERFORM FROM points_account WHERE kind = 'fund' AND id IN (
        SELECT owed.debit_id FROM points_reversal o JOIN points_transfer owed ON owed.id = o.transfer_id
        WHERE o.community_id = p_community AND o.account_id = ANY (p_wallets)
            AND o.recovered < o.amount
    ) ORDER BY id FOR NO KEY UPDATE;
    FOR r IN
        SELECT * FROM points_reversal
        WHERE community_id = p_community AND account_id = ANY (p_wallets) AND recovered < amount
        ORDER BY id
    LOOP
        SELECT least(credits - debits - held, r.amount - r.recovered) INTO part
        FROM points_account WHERE id = r.account_id;
        CONTINUE WHEN part <= 0;
        SELECT * INTO t FROM points_transfer WHERE id = r.transfer_id;
        UPDATE points_reversal SET recovered = recovered + part WHERE id = r.id;
        PERFORM points_take_back(t, r.id, r.recovered::text, part, r.reason, r.source,
            r.explanation, clock_timestamp());
    END LOOP;
END $$;

-- Refuses if what was posted against a transfer is not its reversal, or more than it. Called by
-- the trigger of transfers, for whoever goes round the functions above.
CREATE FUNCTION points_check_reversal(p_community uuid, p_reversed uuid)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    t points_transfer;
BEGIN
    SELECT * INTO t FROM points_transfer
        WHERE id = p_reversed AND community_id = p_community FOR NO KEY UPDATE;
    IF t IS NULL OR t.reverses_id IS NOT NULL OR EXISTS (
        SELECT FROM points_transfer r
        WHERE r.community_id = p_community AND r.reverses_id = p_reversed
        HAVING sum(r.amount) > t.amount OR NOT bool_and(
            r.debit_id = t.credit_id AND r.credit_id = t.debit_id
            AND r.expires_on IS NOT DISTINCT FROM t.expires_on
        )
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            CONSTRAINT = 'transfer_reverses_at_most_all',
            MESSAGE = 'reversals go the other way and never add up to more than was moved';
    END IF;
END $$;

-- What of a transfer is hashed: everything, and who the two accounts are. jsonb has one spelling.
CREATE FUNCTION points_leaf(t points_transfer, d points_account, c points_account)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'format', 'linli-transfer-1',
        'id', t.id,
        'community', t.community_id,
        'key', t.key,
        'debit', jsonb_build_object(
            'id', t.debit_id, 'kind', d.kind, 'unit', d.unit, 'holder', d.holder),
        'credit', jsonb_build_object(
            'id', t.credit_id, 'kind', c.kind, 'unit', c.unit, 'holder', c.holder),
        'amount', t.amount,
        'reason', t.reason,
        'source', t.source,
        'explanation', t.explanation,
        'occurred_at', to_char(t.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'posted_at', to_char(t.posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'reverses', t.reverses_id,
        'expires_on', to_char(t.expires_on, 'YYYY-MM-DD')
    )::text
$$;
"""

DROP = """
DROP FUNCTION points_leaf, points_check_reversal, points_recover,
    points_reverse, points_take_back, points_resolve_hold, points_hold, points_post, points_lock_available;
"""


class Migration(migrations.Migration):
    dependencies = [("points", "0003_reversals_expiry_seals")]
    operations = [
        migrations.RunSQL(DROP_OLD, migrations.RunSQL.noop),
        migrations.RunSQL(FUNCTIONS, DROP),
    ]
