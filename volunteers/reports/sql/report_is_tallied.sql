BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM volunteers_tally(
            OLD.community_id, OLD.category, OLD.status, OLD.is_confidential,
            OLD.is_screened AND NOT OLD.is_by_child AND OLD.text <> '',
            OLD.submitted_at, coalesce(OLD.fixed_at, OLD.closed_at), -1
        );
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM volunteers_tally(
            NEW.community_id, NEW.category, NEW.status, NEW.is_confidential,
            NEW.is_screened AND NOT NEW.is_by_child AND NEW.text <> '',
            NEW.submitted_at, coalesce(NEW.fixed_at, NEW.closed_at), 1
        );
    END IF;
    RETURN NULL;
END;
