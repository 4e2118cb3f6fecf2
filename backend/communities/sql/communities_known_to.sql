-- The communities that a person is, or was, a volunteer of, the first one first. None ever leaves
-- the list.
CREATE FUNCTION communities_known_to(p_user uuid) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
    v_community uuid;
    v_found uuid[] := '{}';
BEGIN
    FOR v_community IN
        SELECT m.community_id FROM communities_membership m
        WHERE m.user_id = p_user AND m.role = 'volunteer'
        GROUP BY m.community_id ORDER BY min(m.since_at)
    LOOP
        v_found := v_found || v_community;
    END LOOP;
    RETURN v_found;
END $$;
