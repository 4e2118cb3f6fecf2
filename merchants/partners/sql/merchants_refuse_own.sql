CREATE FUNCTION merchants_refuse_own(
    p_community uuid, p_partnership uuid, p_user uuid, p_since date
) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF merchants_worked_at(p_community, p_partnership, p_user, p_since) THEN
        RAISE EXCEPTION 'who works for a merchant decides nothing about it for the community'
        USING ERRCODE = 'check_violation', DETAIL = 'nobody_decides_for_their_own';
    END IF;
END $$;
