BEGIN
    IF (SELECT coalesce(sum(s.points), 0) FROM merchants_disbursement s
        WHERE s.community_id = NEW.community_id AND s.campaign_id = NEW.campaign_id)
        > (SELECT coalesce(sum(g.points), 0) FROM merchants_donation g
        WHERE g.community_id = NEW.community_id AND g.campaign_id = NEW.campaign_id)
    THEN
        RAISE EXCEPTION 'campaign % spends more than it was given', NEW.campaign_id
            USING ERRCODE = 'check_violation', DETAIL = 'disbursement_within_donations';
    END IF;
    RETURN NULL;
END;
