-- The lock makes a mark wait for a sign-off, and a sign-off for a mark.
DECLARE
    v_room bigint;
    v_signed_off_at timestamptz;
BEGIN
    SELECT least(s.size_asked, s.population), s.signed_off_at INTO v_room, v_signed_off_at
    FROM sampling_sample s WHERE s.community_id = NEW.community_id AND s.id = NEW.sample_id
    FOR SHARE;
    IF v_signed_off_at IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'sample_is_signed_off', MESSAGE = 'the sample is signed off';
    END IF;
    IF v_room IS NULL OR NEW.position > v_room THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'sample_item_was_drawn', MESSAGE = 'a sample has as many items as were drawn';
    END IF;
    RETURN NEW;
END;
