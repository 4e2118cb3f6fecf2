-- Lock a person, and tell of their role as a volunteer in a place, if they hold one, and of what
-- may stand against acting there. One call, because the rush hour asks it with each scan.
CREATE FUNCTION communities_volunteering(
    p_user uuid, p_place uuid,
    OUT role_id uuid, OUT since_at timestamptz, OUT is_suspended boolean,
    OUT born_on date, OUT suspended_until timestamptz
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_by_id(ARRAY[p_user]);
    PERFORM communities_lock_roles(p_place, false);
    SELECT m.id, m.since_at INTO role_id, communities_volunteering.since_at
    FROM communities_membership m
    WHERE m.community_id = p_place AND m.user_id = p_user AND m.role = 'volunteer'
        AND m.ended_at IS NULL;
    SELECT u.born_on, u.suspended_until
    INTO communities_volunteering.born_on, communities_volunteering.suspended_until
    FROM accounts_user u WHERE u.id = p_user;
    IF suspended_until IS NOT NULL THEN
        SELECT s.is_suspended INTO communities_volunteering.is_suspended
        FROM communities_suspended(p_user, ARRAY[p_place]) AS s;
    END IF;
    is_suspended := coalesce(is_suspended, false);
END $$;
