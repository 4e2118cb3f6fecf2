-- One posting in one round trip. Answers a refusal's code, or the transfer: the new one, or the
-- one this key made before. p_refusal is what the caller has against the accounts, which can be
-- said only if the key is new. docs/ledger.md has the order of refusals.
CREATE FUNCTION points_post(
    p_community uuid, p_refusal text, p_debit_kind text, p_credit_kind text, p_id uuid,
    p_key text, p_debit uuid, p_credit uuid, p_amount bigint, p_reason text, p_source text,
    p_explanation jsonb, p_occurred_at timestamptz, p_expires_on date,
    OUT refusal text, OUT available bigint, OUT id uuid, OUT posted_at timestamptz
) LANGUAGE plpgsql AS $$
BEGIN
    refusal := p_refusal;
    IF refusal IS NULL THEN
        -- Before the key, as everybody: who waits for the key may hold the wallet.
        available := points_lock_available(
            p_community, p_debit, p_debit_kind, p_credit, p_credit_kind
        );
        IF available < p_amount THEN
            SELECT * INTO refusal, available
            FROM points_too_few(p_community, p_debit, available);
        ELSIF EXISTS (
            SELECT FROM points_hold h WHERE h.community_id = p_community AND h.key = p_key
        ) THEN
            refusal := 'transfer_id_reused';
        ELSE
            INSERT INTO points_transfer AS t (id, community_id, key, debit_id, credit_id, amount,
                reason, source, explanation, occurred_at, expires_on)
            VALUES (p_id, p_community, p_key, p_debit, p_credit, p_amount, p_reason, p_source,
                p_explanation, p_occurred_at, p_expires_on)
            ON CONFLICT (community_id, key) DO NOTHING
            RETURNING t.id, t.posted_at INTO points_post.id, points_post.posted_at;
            IF points_post.id IS NOT NULL THEN RETURN; END IF;
            refusal := 'transfer_id_reused';
        END IF;
    END IF;
    SELECT k.refusal, k.id, k.posted_at INTO refusal, id, posted_at
    FROM points_known(p_community, false, refusal, p_key, p_debit, p_credit, p_amount, p_reason,
        p_source) AS k;
END $$;
