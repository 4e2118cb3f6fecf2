CREATE FUNCTION api_begin_idempotent(
    p_lock bigint, p_user uuid, p_key text, OUT is_locked boolean, OUT first_id bigint
) LANGUAGE plpgsql AS $$
BEGIN
    is_locked := pg_try_advisory_xact_lock(p_lock);
    IF is_locked THEN
        SELECT k.id INTO first_id FROM api_idempotencykey k
        WHERE k.user_id = p_user AND k.key = p_key;
    END IF;
END
$$;
