-- Repays what these wallets owe with what reached them, oldest reversal first. Called by triggers
-- that hold the wallets' locks.
CREATE FUNCTION points_recover(p_community uuid, p_wallets uuid[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r points_reversal;
    t points_transfer;
    part bigint;
    payers uuid[];
BEGIN
    payers := ARRAY(
        SELECT owed.debit_id FROM points_reversal o CROSS JOIN LATERAL (
            SELECT f.debit_id FROM points_transfer f
            WHERE f.community_id = p_community AND f.id = o.transfer_id
            OFFSET 0  -- each by its id, never all transfers of the community
        ) AS owed
        WHERE o.community_id = p_community AND o.account_id = ANY (p_wallets)
            AND o.recovered < o.amount
    );
    PERFORM points_lock(p_community, payers);
    FOR r IN
        SELECT * FROM points_reversal
        WHERE community_id = p_community AND account_id = ANY (p_wallets) AND recovered < amount
        ORDER BY id
    LOOP
        SELECT least(credits - debits - held, r.amount - r.recovered) INTO part
        FROM points_account WHERE community_id = p_community AND id = r.account_id;
        CONTINUE WHEN part <= 0;
        SELECT * INTO t FROM points_transfer
        WHERE community_id = p_community AND id = r.transfer_id;
        UPDATE points_reversal SET recovered = recovered + part
        WHERE community_id = p_community AND id = r.id;
        PERFORM points_take_back(p_community, t.id, t.debit_id, t.credit_id, t.expires_on, r.id,
            r.recovered::text, part, r.reason, r.source, r.explanation, clock_timestamp());
    END LOOP;
END $$;
