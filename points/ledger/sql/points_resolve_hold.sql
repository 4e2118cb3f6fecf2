-- Captures (p_amount, or the whole when it is -1) or voids (p_amount NULL) a hold. Idempotent: what
-- was done before answers the same.
CREATE FUNCTION points_resolve_hold(
    p_community uuid, p_hold uuid, p_transfer uuid, p_amount bigint, p_at timestamptz,
    OUT refusal text, OUT transfer_id uuid
) LANGUAGE plpgsql AS $$
DECLARE
    h points_hold;
    wanted bigint := p_amount;
    available bigint;
    resolved timestamptz;
    debit_kind text;
    credit_kind text;
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
    SELECT d.kind, c.kind INTO debit_kind, credit_kind FROM points_account d, points_account c
    WHERE d.community_id = p_community AND d.id = h.debit_id
        AND c.community_id = p_community AND c.id = h.credit_id;
    available := points_lock_available(
        p_community, h.debit_id, debit_kind, h.credit_id, credit_kind
    );
    IF wanted IS NOT NULL AND clock_timestamp() >= h.expires_at THEN
        refusal := 'hold_expired';
        RETURN;
    END IF;
    resolved := coalesce(p_at, clock_timestamp());
    UPDATE points_hold u SET
        state = CASE WHEN wanted IS NULL THEN 'voided' ELSE 'captured' END,
        captured_amount = wanted,
        transfer_id = CASE WHEN wanted IS NULL THEN NULL ELSE p_transfer END,
        resolved_at = resolved
    WHERE u.community_id = p_community AND u.id = p_hold
    RETURNING u.transfer_id INTO transfer_id;
END $$;
