-- The communities that a merchant is, or was, a partner of by its owner's own yes, the first one
-- first. None ever leaves the list.
CREATE FUNCTION merchants_communities(p_merchant uuid) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
    v_community uuid;
    v_found uuid[] := '{}';
BEGIN
    FOR v_community IN
        SELECT p.community_id FROM merchants_partnership p
        WHERE p.merchant_id = p_merchant AND p.accepted_at IS NOT NULL
        ORDER BY p.since_at, p.id
    LOOP
        v_found := v_found || v_community;
    END LOOP;
    RETURN v_found;
END $$;
