-- The first answer to a key, in whichever of these communities it was kept, or among those of none:
-- where a second one was kept, the request was another. Also returns those of the communities that can
-- keep an answer: none that has moved away.
CREATE FUNCTION api_first_answer(
    p_communities uuid[], p_user uuid, p_key text,
    OUT communities uuid[], OUT method text, OUT path text, OUT digest text, OUT status int,
    OUT about uuid[], OUT refusal_encrypted text
) LANGUAGE plpgsql AS $$
BEGIN
    communities := p_communities;
    IF p_communities <> '{}' THEN
        communities := ARRAY(
            SELECT c.id FROM communities_community c
            WHERE c.id = ANY(p_communities) AND c.moved_at IS NULL
            ORDER BY array_position(p_communities, c.id)
        );
        SELECT k.method, k.path, k.digest, k.status, k.about, k.refusal_encrypted
        INTO method, path, digest, status, about, refusal_encrypted
        FROM api_idempotencykey k
        WHERE k.community_id = ANY(p_communities) AND k.user_id = p_user AND k.key = p_key
        ORDER BY k.created_at LIMIT 1;
    END IF;
    IF p_communities IS NOT NULL AND method IS NULL THEN
        SELECT k.method, k.path, k.digest, k.status, k.about, k.refusal_encrypted
        INTO method, path, digest, status, about, refusal_encrypted
        FROM api_ownidempotencykey k
        WHERE k.user_id = p_user AND k.key = p_key;
    END IF;
END
$$;
