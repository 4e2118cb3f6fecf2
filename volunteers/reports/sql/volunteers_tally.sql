-- Count a report in, or out with -1: as one of its month, category, status and time to fix, or as
-- a confidential one of its month. What the public does not see is not counted.
CREATE FUNCTION volunteers_tally(
    p_community uuid, p_category text, p_status text, p_is_confidential boolean, p_is_shown boolean,
    p_submitted_at timestamptz, p_fixed_at timestamptz, p_count int
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_month date;
    v_within int;
BEGIN
    IF NOT (p_is_confidential OR p_is_shown) THEN
        RETURN;
    END IF;
    SELECT date_trunc('month', timezone(place.timezone, p_submitted_at)) INTO v_month
    FROM communities_community AS place WHERE place.id = p_community;
    IF NOT p_is_confidential AND p_status IN ('fixed', 'closed') THEN
        SELECT coalesce(min(step), 32767) INTO v_within
        FROM unnest(ARRAY[
            1, 2, 4, 8, 12, 24, 48, 72, 120, 168, 336, 720, 1440, 2160, 4320, 8760, 17520
        ]) AS step
        WHERE p_fixed_at <= p_submitted_at + step * interval '1 hour';
    END IF;
    INSERT INTO volunteers_reporttally
        (id, community_id, month, category, status, within_hours, count)
    VALUES (
        uuid7(), p_community, v_month,
        CASE WHEN p_is_confidential THEN '' ELSE p_category END,
        CASE WHEN p_is_confidential THEN '' ELSE p_status END,
        v_within, p_count
    );
END;
$$;
