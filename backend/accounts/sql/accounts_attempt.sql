CREATE FUNCTION accounts_attempt(
    p_scope text, p_subject text, p_limit int, p_window interval,
    OUT taken_at timestamptz, OUT wait_seconds int
) LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    taken timestamptz[];
BEGIN
    INSERT INTO accounts_attempts AS a (scope, subject, moments, forgotten_at)
    VALUES (p_scope, p_subject, '{}', moment + p_window)
    ON CONFLICT (scope, subject) DO UPDATE
    SET forgotten_at = greatest(a.forgotten_at, excluded.forgotten_at)
    RETURNING a.moments INTO taken;
    taken := ARRAY(SELECT m FROM unnest(taken) m WHERE m > moment - p_window);
    IF cardinality(taken) < p_limit THEN
        UPDATE accounts_attempts a SET moments = taken || moment
        WHERE a.scope = p_scope AND a.subject = p_subject;
        taken_at := moment;
        wait_seconds := 0;
    ELSE
        wait_seconds := greatest(
            1, accounts_attempts_wait(p_scope, p_subject, p_limit, p_window)
        );
    END IF;
END $$;
