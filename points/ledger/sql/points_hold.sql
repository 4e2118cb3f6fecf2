-- Sets p_amount aside for p_lifetime in one round trip. Answers a refusal's code, or the hold: the
-- new one, or the one this key made before. Its refusals are those of points_post.
CREATE FUNCTION points_hold(
    p_community uuid, p_refusal text, p_lifetime interval, p_id uuid, p_key text,
    p_debit uuid, p_credit uuid, p_amount bigint, p_reason text, p_source text,
    p_explanation jsonb, p_occurred_at timestamptz,
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
        IF NOT EXISTS (
            SELECT FROM points_transfer t WHERE t.community_id = p_community AND t.key = p_key
        ) THEN
            INSERT INTO points_hold AS h (id, community_id, key, debit_id, credit_id, amount,
                reason, source, explanation, occurred_at, state, expires_at)
            VALUES (p_id, p_community, p_key, p_debit, p_credit, p_amount, p_reason, p_source,
                p_explanation, p_occurred_at, 'held', clock_timestamp() + p_lifetime)
            ON CONFLICT (community_id, key) DO NOTHING
            RETURNING h.id, h.posted_at, h.expires_at
            INTO points_hold.id, points_hold.posted_at, points_hold.expires_at;
            IF points_hold.id IS NOT NULL THEN RETURN; END IF;
        END IF;
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
