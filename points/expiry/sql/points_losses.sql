-- What each of these wallets, or of all that are in points (NULL), loses day by day until p_until is
-- over, if nothing moves before: once a day is over it keeps what it earned that expires later, or
-- never.
--
-- Wallet by wallet: nothing that reads a tenant's table may be called out of a statement about one,
-- and what asks about an array is planned anew in each call.
CREATE FUNCTION points_losses(p_community uuid, p_wallets uuid[], p_until date)
RETURNS TABLE (account_id uuid, holder text, expires_on date, available bigint, kept bigint,
    points bigint, earned_id uuid)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    given uuid;
    wallet record;
BEGIN
    IF p_wallets IS NULL THEN
        p_wallets := ARRAY(
            SELECT a.id FROM points_account a
            WHERE a.community_id = p_community AND a.kind = 'wallet' AND a.unit = 'points'
                AND a.credits > a.debits + a.held
        );
    END IF;
    FOREACH given IN ARRAY p_wallets LOOP
        SELECT a.id, a.holder, a.credits - a.debits - a.held AS available INTO wallet
        FROM points_account a WHERE a.community_id = p_community AND a.id = given;
        CONTINUE WHEN (wallet.available > 0) IS NOT TRUE;
        RETURN QUERY
        SELECT wallet.id, wallet.holder::text, loss.expires_on, wallet.available - loss.lost_before,
            loss.kept, loss.lost - loss.lost_before, loss.id
        FROM (
            SELECT by_then.*,
                coalesce(lag(by_then.lost) OVER (ORDER BY by_then.expires_on), 0) AS lost_before
            FROM (
                SELECT later.*, greatest(wallet.available - later.kept, 0) AS lost
                FROM (
                    SELECT e.id, e.expires_on, coalesce(sum(e.points) OVER (
                        ORDER BY e.expires_on DESC NULLS FIRST
                        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                    ), 0)::bigint AS kept
                    FROM points_earned e
                    WHERE e.community_id = p_community AND e.account_id = wallet.id
                ) AS later
                WHERE later.expires_on <= p_until
            ) AS by_then
        ) AS loss
        WHERE loss.lost > loss.lost_before
        ORDER BY loss.expires_on;
    END LOOP;
END $$;
