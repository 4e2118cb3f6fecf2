-- Posts one transfer that takes back p_amount of p_transfer, which went from p_debit to p_credit,
-- under the reversal p_reversal. p_part is what the reversal had recovered before, so that its
-- parts have different keys.
CREATE FUNCTION points_take_back(
    p_community uuid, p_transfer uuid, p_debit uuid, p_credit uuid, p_expires_on date,
    p_reversal uuid, p_part text, p_amount bigint, p_reason text, p_source text,
    p_explanation jsonb, p_occurred_at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO points_transfer (id, community_id, key, debit_id, credit_id, amount, reason,
        source, explanation, occurred_at, reverses_id, expires_on)
    VALUES (uuid7(), p_community, 'reversal:' || p_reversal || ':' || p_part, p_credit, p_debit,
        p_amount, p_reason, p_source, p_explanation, p_occurred_at, p_transfer, p_expires_on);
END $$;
