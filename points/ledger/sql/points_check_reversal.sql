-- Refuses if what was posted against a transfer is not its reversal, or more than it. Called by
-- the trigger of transfers, for whoever goes round points_reverse. A reversal has the day of its
-- transfer, but for what comes back to a wallet after its day.
CREATE FUNCTION points_check_reversal(p_community uuid, p_reversed uuid)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    t points_transfer;
    is_refund boolean;
BEGIN
    SELECT * INTO t FROM points_transfer
        WHERE id = p_reversed AND community_id = p_community FOR NO KEY UPDATE;
    SELECT d.kind = 'wallet' AND c.kind <> 'wallet' INTO is_refund
    FROM points_account c, points_account d
    WHERE c.community_id = p_community AND c.id = t.credit_id
        AND d.community_id = p_community AND d.id = t.debit_id;
    IF t IS NULL OR t.reverses_id IS NOT NULL OR EXISTS (
        SELECT FROM points_transfer r
        WHERE r.community_id = p_community AND r.reverses_id = p_reversed
        HAVING sum(r.amount) > t.amount OR NOT bool_and(
            r.debit_id = t.credit_id AND r.credit_id = t.debit_id
            AND (r.expires_on IS NOT DISTINCT FROM t.expires_on OR is_refund)
        )
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'transfer_reverses_at_most_all',
            MESSAGE = 'reversals go the other way and never add up to more than was moved';
    END IF;
END $$;
