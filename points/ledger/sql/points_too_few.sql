-- Why p_available, of an account that is locked, is too few: points that are owed go first. Answers
-- how many are owed, or how many there are.
CREATE FUNCTION points_too_few(
    p_community uuid, p_account uuid, p_available bigint, OUT refusal text, OUT available bigint
) LANGUAGE plpgsql AS $$
BEGIN
    SELECT CASE WHEN a.shortfall > 0 THEN 'shortfall_outstanding' ELSE 'insufficient_points' END,
        CASE WHEN a.shortfall > 0 THEN a.shortfall ELSE p_available END
    INTO refusal, available
    FROM points_account a WHERE a.community_id = p_community AND a.id = p_account;
END $$;
