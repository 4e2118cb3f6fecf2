BEGIN
    IF NEW.state <> 'held' THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'hold_begins_held', MESSAGE = 'a hold begins as held';
    END IF;
    IF (
        SELECT d.kind IN ('wallet', 'fund') AND c.unit = d.unit
        FROM points_account d, points_account c
        WHERE d.community_id = NEW.community_id AND d.id = NEW.debit_id
            AND c.community_id = NEW.community_id AND c.id = NEW.credit_id
    ) IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'hold_in_one_book',
            MESSAGE = 'holds reserve from a wallet or fund in one book';
    END IF;
    UPDATE points_account SET held = held + NEW.amount
    WHERE community_id = NEW.community_id AND id = NEW.debit_id;
    RETURN NULL;
END;
