-- One posting in one round trip. Answers a refusal's code, or the transfer: the new one, or the
-- one this key made before. p_refusal is what the caller has against the accounts, which can be
-- said only if the key is new. docs/ledger.md has the order of refusals.
CREATE FUNCTION points_post(
    p_community uuid, p_refusal text, p_debit_has_floor boolean, p_id uuid, p_key text,
    p_debit uuid, p_credit uuid, p_amount bigint, p_reason text, p_source text,
    p_explanation jsonb, p_occurred_at timestamptz, p_expires_on date,
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
        IF NOT EXISTS (
            SELECT FROM points_hold h WHERE h.community_id = p_community AND h.key = p_key
        ) THEN
            INSERT INTO points_transfer AS t (id, community_id, key, debit_id, credit_id, amount,
                reason, source, explanation, occurred_at, expires_on)
            VALUES (p_id, p_community, p_key, p_debit, p_credit, p_amount, p_reason, p_source,
                p_explanation, p_occurred_at, p_expires_on)
            ON CONFLICT (community_id, key) DO NOTHING
            RETURNING t.id, t.posted_at INTO points_post.id, points_post.posted_at;
            IF points_post.id IS NOT NULL THEN RETURN; END IF;
        END IF;
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
