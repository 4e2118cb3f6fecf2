-- The last day that is over by the community's clock.
CREATE FUNCTION points_yesterday(p_community uuid) RETURNS date LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT (clock_timestamp() AT TIME ZONE c.timezone)::date - 1
        FROM communities_community c WHERE c.id = p_community
    );
END $$;
