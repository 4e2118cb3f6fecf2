CREATE FUNCTION merchants_worked_at(
    p_community uuid, p_partnership uuid, p_user uuid, p_since date
) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_from timestamptz := now() - INTERVAL '90 days';
    v_merchant uuid;
BEGIN
    IF p_since IS NOT NULL THEN
        SELECT least(v_from, p_since::timestamp AT TIME ZONE c.timezone) INTO v_from
        FROM communities_community c WHERE c.id = p_community;
    END IF;
    SELECT p.merchant_id INTO v_merchant FROM merchants_partnership p
    WHERE p.community_id = p_community AND p.id = p_partnership;
    RETURN EXISTS (
        SELECT FROM merchants_merchantmember m
        WHERE m.merchant_id = v_merchant AND m.user_id = p_user
            AND (m.ended_at IS NULL OR m.ended_at > v_from)
    );
END $$;
