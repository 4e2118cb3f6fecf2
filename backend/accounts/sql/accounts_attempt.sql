CREATE FUNCTION accounts_attempt(
    p_scope text, p_subject text, p_limit int, p_window interval,
    OUT taken_at timestamptz, OUT wait_seconds int
) LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    INSERT INTO accounts_attempts AS a (scope, subject, moments, forgotten_at)
    VALUES (p_scope, p_subject, ARRAY[moment], moment + p_window)
    ON CONFLICT (scope, subject) DO UPDATE
    SET moments = ARRAY(SELECT m FROM unnest(a.moments) m WHERE m > moment - p_window) || moment,
        forgotten_at = greatest(a.forgotten_at, moment + p_window)
    WHERE (SELECT count(*) FROM unnest(a.moments) m WHERE m > moment - p_window) < p_limit;
    IF FOUND THEN
        taken_at := moment;
        wait_seconds := 0;
    ELSE
        wait_seconds := greatest(
            1, accounts_attempts_wait(p_scope, p_subject, p_limit, p_window)
        );
    END IF;
END $$;
