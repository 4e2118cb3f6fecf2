-- One transfer that takes back p_amount of p_reversed under the reversal p_reversal; p_part is
-- what the reversal had recovered before, so that its parts have different keys.
CREATE FUNCTION points_take_back(
    p_reversed points_transfer, p_reversal uuid, p_part text, p_amount bigint, p_reason text,
    p_source text, p_explanation jsonb, p_occurred_at timestamptz
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO points_transfer (id, community_id, key, debit_id, credit_id, amount, reason,
        source, explanation, occurred_at, reverses_id, expires_on)
    VALUES (uuid7(), p_reversed.community_id, 'reversal:' || p_reversal || ':' || p_part,
        p_reversed.credit_id, p_reversed.debit_id, p_amount, p_reason, p_source, p_explanation,
        p_occurred_at, p_reversed.id, p_reversed.expires_on)
$$;
