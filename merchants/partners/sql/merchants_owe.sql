-- Owes an event to every active endpoint of the partner's merchant. Whoever changes the row that it
-- is about knows nothing of it; a merchant with several communities tells them apart by its data.
CREATE FUNCTION merchants_owe(
    p_community uuid, p_partnership uuid, p_event text, p_object uuid, p_facts jsonb
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO merchants_webhookdelivery (id, community_id, endpoint_id, event, object_id,
        data, happened_at, next_at, state, attempts, trouble)
    SELECT uuid7(), p_community, e.id, p_event, p_object,
        jsonb_build_object('community_id', p_community, 'partnership_id', p_partnership) || p_facts,
        clock_timestamp(), clock_timestamp(), 'pending', 0, ''
    FROM merchants_webhookendpoint e JOIN merchants_partnership p ON p.merchant_id = e.merchant_id
    WHERE p.id = p_partnership AND e.disabled_at IS NULL;
END $$;
