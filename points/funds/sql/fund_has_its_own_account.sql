BEGIN
    IF NEW.ending IS NOT NULL OR NOT EXISTS (
        SELECT FROM points_account a
        WHERE a.community_id = NEW.community_id AND a.id = NEW.account_id
            AND a.kind = 'fund' AND a.holder = 'fund:' || NEW.id
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'fund_has_its_own_account',
            MESSAGE = 'a fund is opened with an account of its own';
    END IF;
    RETURN NEW;
END;
