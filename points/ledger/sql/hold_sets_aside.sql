BEGIN
    IF NEW.state <> 'held' THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'hold_begins_held', MESSAGE = 'a hold begins as held';
    END IF;
    UPDATE points_account d SET held = d.held + NEW.amount
    FROM points_account c
    WHERE d.community_id = NEW.community_id AND d.id = NEW.debit_id
        AND d.kind IN ('wallet', 'fund')
        AND c.community_id = NEW.community_id AND c.id = NEW.credit_id
        AND c.unit = d.unit;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'hold_in_one_book',
            MESSAGE = 'holds reserve from a wallet or fund in one book';
    END IF;
    RETURN NULL;
END;
