-- Two questions each movement out of a wallet or fund asks: locks those of the two accounts that
-- have a floor, and answers what the debited one can spend, and what it owes. Points whose day is
-- over can not be spent, whether or not anything has taken them: it takes them. Everybody locks
-- wallets in the order of ids, then funds: what repays a shortfall finds out late which fund is
-- to have it.
CREATE FUNCTION points_lock_available(
    p_community uuid, p_debit uuid, p_credit uuid, OUT available bigint, OUT shortfall bigint
) LANGUAGE plpgsql AS $$
DECLARE
    may_be_over boolean;
BEGIN
    PERFORM FROM points_account a
    WHERE a.community_id = p_community AND a.id IN (p_debit, p_credit)
        AND a.kind IN ('wallet', 'fund')
    ORDER BY a.kind DESC, a.id FOR NO KEY UPDATE;
    -- By the clock that is first to see a day over: nobody else's needs to be looked up.
    SELECT a.credits - a.debits - a.held, a.shortfall, EXISTS (
        SELECT FROM points_earned e
        WHERE e.community_id = p_community AND e.account_id = p_debit
            AND e.expires_on < (clock_timestamp() AT TIME ZONE 'Pacific/Kiritimati')::date
    ) INTO available, shortfall, may_be_over
    FROM points_account a WHERE a.community_id = p_community AND a.id = p_debit;
    IF may_be_over AND available > 0 AND EXISTS (SELECT FROM points_losses(
        p_community, p_debit, available, points_yesterday(p_community)
    )) THEN
        available := available - (
            SELECT coalesce(sum(taken.points), 0) FROM points_take_expired(
                p_community, ARRAY[p_debit], points_yesterday(p_community)
            ) AS taken
        );
    END IF;
END $$;
