-- p_key, or with a number if it is taken: what comes back after its day goes on the same day.
CREATE FUNCTION points_free_key(p_community uuid, p_key text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    free text := p_key;
    number integer := 1;
BEGIN
    WHILE EXISTS (
        SELECT FROM points_transfer t WHERE t.community_id = p_community AND t.key = free
    ) LOOP
        number := number + 1;
        free := p_key || ':' || number;
    END LOOP;
    RETURN free;
END $$;
