-- Sets p_amount aside for p_lifetime in one round trip. Answers a refusal's code, or the hold: the
-- new one, or the one this key made before. Its refusals are those of points_post.
CREATE FUNCTION points_hold(
    p_community uuid, p_refusal text, p_debit_kind text, p_credit_kind text, p_lifetime interval,
    p_id uuid, p_key text, p_debit uuid, p_credit uuid, p_amount bigint, p_reason text,
    p_source text, p_explanation jsonb, p_occurred_at timestamptz,
    OUT refusal text, OUT available bigint, OUT id uuid, OUT posted_at timestamptz,
    OUT expires_at timestamptz
) LANGUAGE plpgsql AS $$
BEGIN
    refusal := p_refusal;
    IF refusal IS NULL THEN
        available := points_lock_available(
            p_community, p_debit, p_debit_kind, p_credit, p_credit_kind
        );
        IF available < p_amount THEN
            SELECT * INTO refusal, available
            FROM points_too_few(p_community, p_debit, available);
        ELSIF EXISTS (
            SELECT FROM points_transfer t WHERE t.community_id = p_community AND t.key = p_key
        ) THEN
            refusal := 'transfer_id_reused';
        ELSE
            INSERT INTO points_hold AS h (id, community_id, key, debit_id, credit_id, amount,
                reason, source, explanation, occurred_at, state, expires_at)
            VALUES (p_id, p_community, p_key, p_debit, p_credit, p_amount, p_reason, p_source,
                p_explanation, p_occurred_at, 'held', clock_timestamp() + p_lifetime)
            ON CONFLICT (community_id, key) DO NOTHING
            RETURNING h.id, h.posted_at, h.expires_at
            INTO points_hold.id, points_hold.posted_at, points_hold.expires_at;
            IF points_hold.id IS NOT NULL THEN RETURN; END IF;
            refusal := 'transfer_id_reused';
        END IF;
    END IF;
    SELECT k.refusal, k.id, k.posted_at, k.expires_at INTO refusal, id, posted_at, expires_at
    FROM points_known(p_community, true, refusal, p_key, p_debit, p_credit, p_amount, p_reason,
        p_source) AS k;
END $$;
