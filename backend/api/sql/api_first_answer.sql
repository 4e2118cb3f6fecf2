-- The first answer to a key, in whichever of these communities it was kept, or among those of none:
-- where a second one was kept, the request was another. Also returns those of the communities that can
-- keep an answer: none that has moved away.
CREATE FUNCTION api_first_answer(
    p_communities uuid[], p_user uuid, p_key text,
    OUT communities uuid[], OUT method text, OUT path text, OUT digest text, OUT status int,
    OUT about uuid[], OUT refusal_encrypted text
) LANGUAGE plpgsql AS $$
DECLARE
    v_community uuid;
    v_key api_idempotencykey;
    v_first api_idempotencykey;
BEGIN
    communities := p_communities;
    IF p_communities <> '{}' THEN
        communities := ARRAY(
            SELECT c.id FROM communities_community c
            WHERE c.id = ANY(p_communities) AND c.moved_at IS NULL
            ORDER BY array_position(p_communities, c.id)
        );
        -- One at a time: what asks about an array is planned anew in each call.
        FOREACH v_community IN ARRAY p_communities LOOP
            SELECT k.* INTO v_key FROM api_idempotencykey k
            WHERE k.community_id = v_community AND k.user_id = p_user AND k.key = p_key;
            IF v_first IS NULL OR v_key.created_at < v_first.created_at THEN
                v_first := v_key;
            END IF;
        END LOOP;
        method := v_first.method;
        path := v_first.path;
        digest := v_first.digest;
        status := v_first.status;
        about := v_first.about;
        refusal_encrypted := v_first.refusal_encrypted;
    END IF;
    IF p_communities IS NOT NULL AND method IS NULL THEN
        SELECT k.method, k.path, k.digest, k.status, k.about, k.refusal_encrypted
        INTO method, path, digest, status, about, refusal_encrypted
        FROM api_ownidempotencykey k
        WHERE k.user_id = p_user AND k.key = p_key;
    END IF;
END
$$;
