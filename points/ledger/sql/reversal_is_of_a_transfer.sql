BEGIN
    -- Reversals of one transfer queue here, each to see those before it.
    PERFORM FROM points_transfer
    WHERE community_id = NEW.community_id AND id = NEW.transfer_id FOR NO KEY UPDATE;
    IF NOT EXISTS (
        SELECT FROM points_transfer t
        WHERE t.id = NEW.transfer_id AND t.community_id = NEW.community_id
            AND t.credit_id = NEW.account_id AND t.reverses_id IS NULL
            AND (NEW.recovered = NEW.amount OR 'wallet' = (
                SELECT a.kind FROM points_account a
                WHERE a.community_id = NEW.community_id AND a.id = NEW.account_id
            ))
            AND t.amount >= NEW.amount + (
                SELECT coalesce(sum(r.amount), 0) FROM points_reversal r
                WHERE r.community_id = NEW.community_id AND r.transfer_id = t.id
            )
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'reversal_is_of_a_transfer',
            MESSAGE = 'not more is taken back than was moved';
    END IF;
    RETURN NEW;
END;
