-- Locks the two accounts of a movement, those of them that have a floor, and answers what the
-- debited one can spend; NULL if it has no floor. Points whose day is over can not be spent,
-- whether or not anything has taken them: it takes them. Everybody locks wallets in the order of
-- ids, then funds: what repays a shortfall finds out late which fund is to have it.
--
-- Each account is found by its community and id, one at a time: there is one row and one index for
-- that, whatever the planner knows. A kind, or two ids at once, and in a new community it reads all
-- accounts there are.
CREATE FUNCTION points_lock_available(
    p_community uuid, p_debit uuid, p_debit_kind text, p_credit uuid, p_credit_kind text
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    available bigint;
    yesterday date;
    debit_first boolean := p_debit_kind = 'wallet' AND p_credit_kind = 'fund'
        OR p_debit_kind = p_credit_kind AND p_debit < p_credit;
BEGIN
    IF p_credit_kind IN ('wallet', 'fund') AND NOT debit_first THEN
        PERFORM FROM points_account a
        WHERE a.community_id = p_community AND a.id = p_credit FOR NO KEY UPDATE;
    END IF;
    IF p_debit_kind NOT IN ('wallet', 'fund') THEN
        RETURN NULL;
    END IF;
    SELECT a.credits - a.debits - a.held INTO available FROM points_account a
    WHERE a.community_id = p_community AND a.id = p_debit FOR NO KEY UPDATE;
    IF p_credit_kind IN ('wallet', 'fund') AND debit_first THEN
        PERFORM FROM points_account a
        WHERE a.community_id = p_community AND a.id = p_credit FOR NO KEY UPDATE;
    END IF;
    -- By the clock that is first to see a day over: nobody else's needs to be looked up.
    IF available > 0 AND EXISTS (
        SELECT FROM points_earned e
        WHERE e.community_id = p_community AND e.account_id = p_debit
            AND e.expires_on < (clock_timestamp() AT TIME ZONE 'Pacific/Kiritimati')::date
    ) THEN
        yesterday := points_yesterday(p_community);
        IF EXISTS (SELECT FROM points_losses(p_community, ARRAY[p_debit], yesterday)) THEN
            available := available - (
                SELECT coalesce(sum(taken.points), 0)
                FROM points_take_expired(p_community, ARRAY[p_debit], yesterday) AS taken
            );
        END IF;
    END IF;
    RETURN available;
END $$;
