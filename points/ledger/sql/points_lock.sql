-- Locks those of these accounts that have a floor, in the order in which everybody does: wallets by
-- id, then funds by id (points_lock_available does so for two).
CREATE FUNCTION points_lock(p_community uuid, p_accounts uuid[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    account uuid;
BEGIN
    FOR account IN
        SELECT given.id FROM unnest(p_accounts) AS given (id) CROSS JOIN LATERAL (
            SELECT a.kind FROM points_account a
            WHERE a.community_id = p_community AND a.id = given.id
            OFFSET 0  -- each by its id, never all accounts of the community
        ) AS known
        WHERE known.kind IN ('wallet', 'fund')
        ORDER BY known.kind DESC, given.id
    LOOP
        PERFORM FROM points_account a
        WHERE a.community_id = p_community AND a.id = account FOR NO KEY UPDATE;
    END LOOP;
END $$;
