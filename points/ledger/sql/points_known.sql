-- What a key made before, for a movement that could not be made under it. p_refusal counts only if
-- the key is new; a hold does not answer for a transfer, nor a transfer for a hold.
CREATE FUNCTION points_known(
    p_community uuid, p_is_hold boolean, p_refusal text, p_key text, p_debit uuid, p_credit uuid,
    p_amount bigint, p_reason text, p_source text,
    OUT refusal text, OUT id uuid, OUT posted_at timestamptz, OUT expires_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    is_it boolean;
BEGIN
    SELECT k.is_hold = p_is_hold AND (k.debit_id, k.credit_id, k.amount, k.reason, k.source)
            IS NOT DISTINCT FROM (p_debit, p_credit, p_amount, p_reason, p_source),
        k.id, k.posted_at, k.expires_at
    INTO is_it, id, posted_at, expires_at
    FROM (
        SELECT true AS is_hold, h.id, h.debit_id, h.credit_id, h.amount, h.reason, h.source,
            h.posted_at, h.expires_at
        FROM points_hold h WHERE h.community_id = p_community AND h.key = p_key
        UNION ALL
        SELECT false, t.id, t.debit_id, t.credit_id, t.amount, t.reason, t.source,
            t.posted_at, NULL
        FROM points_transfer t WHERE t.community_id = p_community AND t.key = p_key
    ) AS k
    ORDER BY k.is_hold = p_is_hold DESC LIMIT 1;  -- a captured hold and its transfer have one key
    refusal := CASE WHEN is_it IS NULL THEN p_refusal WHEN NOT is_it THEN 'transfer_id_reused' END;
END $$;
