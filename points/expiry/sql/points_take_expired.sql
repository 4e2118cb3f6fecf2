-- Takes from each of these wallets, which the caller has locked, what it lost by the end of p_until
-- and of no day that is not over. Idempotent: there is nothing left to take then.
CREATE FUNCTION points_take_expired(p_community uuid, p_wallets uuid[], p_until date)
RETURNS TABLE (expires_on date, wallets bigint, points bigint) LANGUAGE plpgsql AS $$
DECLARE
    until date := least(p_until, points_yesterday(p_community));
    zone text := (SELECT c.timezone FROM communities_community c WHERE c.id = p_community);
    expired uuid;
    loser_ids uuid[];
    keys text[];
    sources text[];
    days date[];
    lost bigint[];
    explanations jsonb[];
BEGIN
    INSERT INTO points_account (id, community_id, kind, unit, holder, credits, debits, held,
        shortfall)
    VALUES (uuid7(), p_community, 'expired', 'points', '', 0, 0, 0, 0)
    ON CONFLICT (community_id, kind, unit, holder) DO NOTHING;
    SELECT a.id INTO expired FROM points_account a
    WHERE a.community_id = p_community AND a.kind = 'expired' AND a.unit = 'points'
        AND a.holder = '';
    SELECT array_agg(loss.account_id), array_agg('expiry:' || loss.earned_id),
        array_agg(points_free_key(
            p_community, 'expire:' || loss.account_id || ':' || loss.expires_on
        )),
        array_agg(loss.expires_on), array_agg(loss.points),
        array_agg(jsonb_build_object('expires_on', loss.expires_on, 'available', loss.available,
            'kept', loss.kept, 'points', loss.points))
    INTO loser_ids, sources, keys, days, lost, explanations
    FROM (
        SELECT * FROM points_losses(p_community, p_wallets, until) AS one
        ORDER BY one.account_id, one.expires_on
    ) AS loss;
    -- One statement, whose trigger moves all totals at once.
    INSERT INTO points_transfer (id, community_id, key, debit_id, credit_id, amount, reason,
        source, explanation, occurred_at)
    SELECT uuid7(), p_community, loss.key, loss.account_id, expired, loss.points, 'expiry',
        loss.source, loss.explanation, (loss.day + 1)::timestamp AT TIME ZONE zone
    FROM unnest(loser_ids, keys, sources, days, lost, explanations)
        AS loss (account_id, key, source, day, points, explanation);
    RETURN QUERY
    SELECT loss.day, count(*), sum(loss.points)::bigint
    FROM unnest(days, lost) AS loss (day, points) GROUP BY loss.day ORDER BY loss.day;
END $$;
