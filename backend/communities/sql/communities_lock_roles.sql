-- Lock the roles of volunteers in a place until the transaction ends: alone, to end those of a whole
-- list of people, which are too many to lock each; or with others who each lock a person as well.
CREATE FUNCTION communities_lock_roles(p_place uuid, p_alone boolean)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_alone THEN
        PERFORM pg_advisory_xact_lock(uuid_hash_extended(p_place, 1));
    ELSE
        PERFORM pg_advisory_xact_lock_shared(uuid_hash_extended(p_place, 1));
    END IF;
END $$;
