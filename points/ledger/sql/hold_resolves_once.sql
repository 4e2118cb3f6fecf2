BEGIN
    IF OLD.state <> 'held' OR NEW.state = 'held' THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'hold_resolves_once', MESSAGE = 'a hold is captured or voided, once';
    END IF;
    IF (OLD.id, OLD.community_id, OLD.key, OLD.debit_id, OLD.credit_id, OLD.amount,
        OLD.reason, OLD.source, OLD.explanation, OLD.occurred_at, OLD.posted_at,
        OLD.expires_at)
        IS DISTINCT FROM
        (NEW.id, NEW.community_id, NEW.key, NEW.debit_id, NEW.credit_id, NEW.amount,
        NEW.reason, NEW.source, NEW.explanation, NEW.occurred_at, NEW.posted_at,
        NEW.expires_at)
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'hold_terms_are_final',
            MESSAGE = 'what was agreed is not changed afterwards';
    END IF;
    -- The wall clock, not the start of the transaction: waiting for a lock takes time.
    IF NEW.state = 'captured' AND clock_timestamp() >= OLD.expires_at THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'hold_not_captured_late', MESSAGE = 'the hold has expired';
    END IF;
    RETURN NEW;
END;
