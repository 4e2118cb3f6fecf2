-- Owes p_event, about the row p_object, to every active endpoint of p_owner. Triggers of the row
-- call it, so that it is owed if and only if the row is committed. What has one p_ordering arrives
-- in order.
CREATE FUNCTION webhooks_owe(
    p_community uuid, p_owner uuid, p_event text, p_object uuid, p_ordering uuid
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_endpoint uuid;
    v_now timestamptz;
    v_id uuid;
BEGIN
    FOR v_endpoint IN
        SELECT id FROM webhooks_endpoint WHERE owner_id = p_owner AND disabled_at IS NULL
    LOOP
        v_now := clock_timestamp();
        v_id := uuid7();
        INSERT INTO webhooks_delivery (
            id, community_id, endpoint_id, event, object_id, ordering_id, happened_at, next_at
        ) VALUES (
            v_id, p_community, v_endpoint, p_event, p_object, p_ordering, v_now, v_now
        );
    END LOOP;
END $$;
