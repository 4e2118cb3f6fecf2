-- Owes an event about the row p_object to every active endpoint of the partner's merchant. What has
-- one p_ordering arrives in order.
CREATE FUNCTION merchants_owe(
    p_community uuid, p_partnership uuid, p_event text, p_object uuid, p_ordering uuid
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_merchant uuid;
BEGIN
    SELECT p.merchant_id INTO v_merchant FROM merchants_partnership p
    WHERE p.community_id = p_community AND p.id = p_partnership;
    PERFORM webhooks_owe(p_community, v_merchant, p_event, p_object, p_ordering);
END $$;
