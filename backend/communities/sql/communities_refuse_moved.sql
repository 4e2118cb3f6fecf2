-- What the triggers of backend/communities/fence.py call for a row of a community that has moved. The
-- message is the address where it goes on.
CREATE FUNCTION communities_refuse_moved() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    v_row jsonb;
    v_place uuid;
    v_moved_to text;
BEGIN
    v_row := CASE TG_ARGV[0] WHEN 'new' THEN to_jsonb(NEW) ELSE to_jsonb(OLD) END;
    v_place := v_row ->> 'community_id';
    SELECT c.moved_to INTO v_moved_to FROM communities_community c
    WHERE c.id IN (v_place, (v_row ->> 'id')::uuid, (v_row ->> 'parent_id')::uuid)
        AND c.moved_at IS NOT NULL
    LIMIT 1;
    RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
        DETAIL = 'community_moved', MESSAGE = coalesce(v_moved_to, '');
END $$;
