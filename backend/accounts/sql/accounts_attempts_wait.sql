CREATE FUNCTION accounts_attempts_wait(
    p_scope text, p_subject text, p_limit int, p_window interval
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    recent timestamptz[];
BEGIN
    SELECT ARRAY(SELECT m FROM unnest(a.moments) m WHERE m > moment - p_window ORDER BY m)
    INTO recent
    FROM accounts_attempts a WHERE a.scope = p_scope AND a.subject = p_subject;
    IF coalesce(cardinality(recent), 0) < p_limit THEN
        RETURN 0;
    END IF;
    -- Until so many have run out that there is one left.
    RETURN ceil(extract(epoch FROM
        recent[cardinality(recent) - p_limit + 1] + p_window - moment));
END $$;
