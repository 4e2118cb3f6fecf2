-- Lock rows of which every node of a cluster has a copy, by their ids, until the transaction ends:
-- a person, a community, a merchant. It excludes nobody but those who call it too. It is for
-- statements of its own, or for a function that is not STABLE: what they ask next sees what the last
-- one left. Several ids are locked in order.
CREATE FUNCTION lock_by_id(p_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_id uuid;
BEGIN
    FOR v_id IN SELECT DISTINCT given.id FROM unnest(p_ids) AS given (id) ORDER BY 1 LOOP
        PERFORM pg_advisory_xact_lock(uuid_hash_extended(v_id, 0));
    END LOOP;
END $$;
