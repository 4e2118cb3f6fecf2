-- The suspension of a person that holds now in one of the communities, or everywhere: the one that
-- lasts longest. One that has no end lasts until it is lifted.
CREATE FUNCTION communities_suspended(
    p_user uuid, p_communities uuid[], OUT is_suspended boolean, OUT ends_at timestamptz
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT true, s.ends_at INTO is_suspended, communities_suspended.ends_at
    FROM communities_suspension s
    WHERE s.user_id = p_user AND s.lifted_at IS NULL
        AND (s.ends_at IS NULL OR s.ends_at > statement_timestamp())
        AND (s.is_everywhere OR s.community_id IN (
            SELECT c.id FROM communities_community c WHERE c.id = ANY (p_communities)
            UNION ALL
            SELECT c.parent_id FROM communities_community c WHERE c.id = ANY (p_communities)
        ))
    ORDER BY s.ends_at DESC NULLS FIRST LIMIT 1;
END $$;
