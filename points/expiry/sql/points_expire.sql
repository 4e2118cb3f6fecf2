-- Takes from each wallet of a community what it lost by the end of p_until and no movement of its
-- own has taken before.
CREATE FUNCTION points_expire(p_community uuid, p_until date)
RETURNS TABLE (expires_on date, wallets bigint, points bigint) LANGUAGE plpgsql AS $$
DECLARE
    losing uuid[] := ARRAY(
        SELECT DISTINCT loss.account_id FROM points_losses(p_community, NULL, p_until) AS loss
    );
BEGIN
    PERFORM points_lock(p_community, losing);
    -- A statement of its own sees what was committed while the locks were waited for.
    RETURN QUERY SELECT * FROM points_take_expired(p_community, losing, p_until);
END $$;
