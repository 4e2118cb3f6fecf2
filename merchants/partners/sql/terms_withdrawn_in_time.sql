-- Asked at the update and again at the commit, and a minute before midnight: neither our clock nor
-- another's is exact, and what is taken at 0:00 is taken by the version.
BEGIN
    IF NEW.valid_from IS NULL OR clock_timestamp() > (
        SELECT NEW.valid_from::timestamp AT TIME ZONE c.timezone - interval '1 minute'
        FROM communities_community c WHERE c.id = NEW.community_id
    ) OR EXISTS (
        SELECT FROM merchants_redemption r WHERE r.community_id = NEW.community_id
        AND r.partnership_id = NEW.partnership_id AND r.terms_version = NEW.version
    ) THEN
        RAISE EXCEPTION 'terms % are in force', NEW.id
            USING ERRCODE = 'check_violation', DETAIL = 'terms_withdrawn_in_time';
    END IF;
    RETURN NEW;
END;
