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
    SELECT array_agg(a.id ORDER BY a.id, loss.expires_on),
        array_agg(points_free_key(p_community, 'expire:' || a.id || ':' || loss.expires_on)
            ORDER BY a.id, loss.expires_on),
        array_agg('expiry:' || earned.id ORDER BY a.id, loss.expires_on),
        array_agg(loss.expires_on ORDER BY a.id, loss.expires_on),
        array_agg(loss.points ORDER BY a.id, loss.expires_on),
        array_agg(jsonb_build_object('expires_on', loss.expires_on, 'available', loss.available,
            'kept', loss.kept, 'points', loss.points) ORDER BY a.id, loss.expires_on)
    INTO loser_ids, keys, sources, days, lost, explanations
    FROM unnest(p_wallets) AS given (id) CROSS JOIN LATERAL (
        SELECT w.id, w.credits - w.debits - w.held AS available FROM points_account w
        WHERE w.community_id = p_community AND w.id = given.id
        OFFSET 0  -- each by its id, never all accounts of the community
    ) AS a CROSS JOIN LATERAL points_losses(p_community, a.id, a.available, until) AS loss
    CROSS JOIN LATERAL (
        SELECT e.id FROM points_earned e
        WHERE e.community_id = p_community AND e.account_id = a.id
            AND e.expires_on = loss.expires_on
        OFFSET 0
    ) AS earned;
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
