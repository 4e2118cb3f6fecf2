-- Takes from each of these wallets, which the caller has locked, what it lost by the end of p_until
-- and of no day that is not over. Again, there is nothing left to take.
CREATE FUNCTION points_take_expired(p_community uuid, p_wallets uuid[], p_until date)
RETURNS TABLE (expires_on date, wallets bigint, points bigint) LANGUAGE plpgsql AS $$
DECLARE
    until date := least(p_until, points_yesterday(p_community));
    zone text := (SELECT c.timezone FROM communities_community c WHERE c.id = p_community);
    expired uuid;
BEGIN
    INSERT INTO points_account (id, community_id, kind, unit, holder, credits, debits, held,
        shortfall)
    VALUES (uuid7(), p_community, 'expired', 'points', '', 0, 0, 0, 0)
    ON CONFLICT (community_id, kind, unit, holder) DO NOTHING;
    SELECT a.id INTO expired FROM points_account a
    WHERE a.community_id = p_community AND a.kind = 'expired' AND a.unit = 'points'
        AND a.holder = '';
    RETURN QUERY
    WITH taken AS (
        INSERT INTO points_transfer AS t (id, community_id, key, debit_id, credit_id, amount,
            reason, source, explanation, occurred_at)
        SELECT uuid7(), p_community,
            points_free_key(p_community, 'expire:' || a.id || ':' || loss.expires_on), a.id,
            expired, loss.points, 'expiry', 'expiry:' || loss.expires_on, jsonb_build_object(
                'expires_on', loss.expires_on, 'available', loss.available, 'kept', loss.kept,
                'points', loss.points
            ), (loss.expires_on + 1)::timestamp AT TIME ZONE zone
        FROM points_account a CROSS JOIN LATERAL points_losses(
            p_community, a.id, a.credits - a.debits - a.held, until
        ) AS loss
        WHERE a.community_id = p_community AND a.id = ANY (p_wallets)
        ORDER BY a.id, loss.expires_on
        RETURNING (t.explanation ->> 'expires_on')::date AS day, t.amount
    )
    SELECT taken.day, count(*), sum(taken.amount)::bigint FROM taken
    GROUP BY taken.day ORDER BY taken.day;
END $$;
