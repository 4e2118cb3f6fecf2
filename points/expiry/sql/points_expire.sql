-- Takes from each wallet of a community what it lost by the end of p_until and no movement of its
-- own has taken before.
CREATE FUNCTION points_expire(p_community uuid, p_until date)
RETURNS TABLE (expires_on date, wallets bigint, points bigint) LANGUAGE plpgsql AS $$
DECLARE
    losing uuid[] := ARRAY(
        SELECT a.id FROM points_account a
        WHERE a.community_id = p_community AND a.kind = 'wallet' AND a.unit = 'points'
            AND a.credits > a.debits + a.held AND EXISTS (SELECT FROM points_losses(
                p_community, a.id, a.credits - a.debits - a.held, p_until
            ))
    );
BEGIN
    PERFORM points_lock(p_community, losing);
    -- A statement of its own sees what was committed while the locks were waited for.
    RETURN QUERY SELECT * FROM points_take_expired(p_community, losing, p_until);
END $$;
