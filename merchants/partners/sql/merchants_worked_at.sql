CREATE FUNCTION merchants_worked_at(
    p_community uuid, p_partnership uuid, p_user uuid, p_since date
) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_from timestamptz := now() - INTERVAL '90 days';
BEGIN
    IF p_since IS NOT NULL THEN
        SELECT least(v_from, p_since::timestamp AT TIME ZONE c.timezone) INTO v_from
        FROM communities_community c WHERE c.id = p_community;
    END IF;
    RETURN EXISTS (
        SELECT FROM merchants_partnership p
        JOIN merchants_merchantmember m ON m.merchant_id = p.merchant_id
        WHERE p.community_id = p_community AND p.id = p_partnership AND m.user_id = p_user
            AND (m.ended_at IS NULL OR m.ended_at > v_from)
    );
END $$;
