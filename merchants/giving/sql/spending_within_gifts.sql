BEGIN
    IF (SELECT coalesce(sum(s.points), 0) FROM merchants_spending s
        WHERE s.community_id = NEW.community_id AND s.cause_id = NEW.cause_id)
        > (SELECT coalesce(sum(g.points), 0) FROM merchants_gift g
        WHERE g.community_id = NEW.community_id AND g.cause_id = NEW.cause_id)
    THEN
        RAISE EXCEPTION 'cause % spends more than it was given', NEW.cause_id
            USING ERRCODE = 'check_violation', DETAIL = 'spending_within_gifts';
    END IF;
    RETURN NULL;
END;
