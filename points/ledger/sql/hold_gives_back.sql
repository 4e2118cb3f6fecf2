DECLARE
    owed bigint;
BEGIN
    UPDATE points_account SET held = held - OLD.amount
    WHERE community_id = OLD.community_id AND id = OLD.debit_id
    RETURNING shortfall INTO owed;
    IF NEW.state = 'captured' THEN
        INSERT INTO points_transfer (id, community_id, key, debit_id, credit_id, amount,
            reason, source, explanation, occurred_at)
        VALUES (NEW.transfer_id, NEW.community_id, NEW.key, NEW.debit_id, NEW.credit_id,
            NEW.captured_amount, NEW.reason, NEW.source, NEW.explanation,
            NEW.resolved_at);
    END IF;
    IF owed > 0 THEN
        PERFORM points_recover(OLD.community_id, ARRAY[OLD.debit_id]);
    END IF;
    RETURN NULL;
END;
