-- A sample is signed off once all that was drawn is there and marked. What it says is summed up by
-- the database, so nobody gives another digest.
DECLARE
    v_items bigint;
    v_unmarked bigint;
BEGIN
    SELECT count(*), count(*) FILTER (WHERE i.mark = 'unmarked') INTO v_items, v_unmarked
    FROM sampling_sampleitem i WHERE i.community_id = NEW.community_id AND i.sample_id = NEW.id;
    IF v_items <> least(NEW.size_asked, NEW.population) OR v_unmarked > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'sample_is_whole', MESSAGE = 'an item is not marked, or not there';
    END IF;
    NEW.digest := sampling_digest(NEW.community_id, NEW.id, NEW.conclusion);
    RETURN NEW;
END;
