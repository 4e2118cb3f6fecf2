CREATE FUNCTION accounts_give_back_attempt(p_scope text, p_subject text, p_taken timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE accounts_attempts a
    SET moments = a.moments[:array_position(a.moments, p_taken) - 1]
        || a.moments[array_position(a.moments, p_taken) + 1:]
    WHERE a.scope = p_scope AND a.subject = p_subject AND p_taken = ANY (a.moments);
END $$;
