-- What a wallet that can spend p_available loses day by day until p_until is over, if nothing moves
-- before: once a day is over it keeps what it earned that expires later, or never.
CREATE FUNCTION points_losses(p_community uuid, p_wallet uuid, p_available bigint, p_until date)
RETURNS TABLE (expires_on date, available bigint, kept bigint, points bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT loss.expires_on, p_available - loss.lost_before, loss.kept, loss.lost - loss.lost_before
    FROM (
        SELECT by_then.*,
            coalesce(lag(by_then.lost) OVER (ORDER BY by_then.expires_on), 0) AS lost_before
        FROM (
            SELECT later.expires_on, later.kept, greatest(p_available - later.kept, 0) AS lost
            FROM (
                SELECT e.expires_on, coalesce(sum(e.points) OVER (
                    ORDER BY e.expires_on DESC NULLS FIRST
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ), 0)::bigint AS kept
                FROM points_earned e
                WHERE e.community_id = p_community AND e.account_id = p_wallet
            ) AS later
            WHERE later.expires_on <= p_until
        ) AS by_then
    ) AS loss
    WHERE loss.lost > loss.lost_before
    ORDER BY loss.expires_on;
END $$;
