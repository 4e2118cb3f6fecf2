-- Reserves for those who wait on a fund, by closing time, until the next one asks for more than
-- is left: nobody overtakes, however little they ask. Answers for how many. The caller holds the
-- fund's lock. Holds are written here and not by points_hold, which locks payees' wallets too:
-- whoever awards has a wallet locked before they ask for the fund.
CREATE FUNCTION points_take_up(p_community uuid, p_fund uuid, p_account uuid)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    c points_claim;
    available bigint;
    hold uuid;
    held_at timestamptz;
    taken integer := 0;
BEGIN
    SELECT a.credits - a.debits - a.held INTO available FROM points_account a
    WHERE a.community_id = p_community AND a.id = p_account FOR NO KEY UPDATE;
    FOR c IN
        SELECT * FROM points_claim
        WHERE community_id = p_community AND fund_id = p_fund AND status = 'waiting'
            AND frozen_at IS NULL
        ORDER BY closed_at, id
    LOOP
        EXIT WHEN c.amount > available;
        INSERT INTO points_hold (id, community_id, key, debit_id, credit_id, amount, reason,
            source, explanation, occurred_at, state, expires_at)
        VALUES (uuid7(), p_community,
            format('fund_claim:%s:%s', c.id, c.reservations + 1), p_account, c.payee_id, c.amount,
            c.reason, 'fund_claim:' || c.id, c.explanation, c.closed_at, 'held', NULL)
        RETURNING id, posted_at INTO hold, held_at;
        UPDATE points_claim SET status = 'reserved', hold_id = hold, reserved_at = held_at,
            reservations = c.reservations + 1
        WHERE community_id = p_community AND id = c.id;
        available := available - c.amount;
        taken := taken + 1;
    END LOOP;
    RETURN taken;
END $$;
