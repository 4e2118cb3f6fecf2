-- So there are neither chains nor circles.
BEGIN
    IF NEW.duplicate_of_id = NEW.id OR EXISTS (
        SELECT FROM volunteers_report r WHERE r.community_id = NEW.community_id
            AND (r.id = NEW.duplicate_of_id AND r.status = 'duplicate'
                OR r.duplicate_of_id = NEW.id)
    ) OR NOT EXISTS (
        SELECT FROM volunteers_report r WHERE r.community_id = NEW.community_id
            AND r.id = NEW.duplicate_of_id
    )
    THEN
        RAISE EXCEPTION 'report % is no original of report %', NEW.duplicate_of_id, NEW.id
            USING ERRCODE = 'check_violation', DETAIL = 'report_duplicate_of_an_original';
    END IF;
    RETURN NEW;
END;
