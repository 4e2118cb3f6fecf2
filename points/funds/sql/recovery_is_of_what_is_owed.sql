BEGIN
    IF NOT EXISTS (
        SELECT FROM points_claim c
        JOIN points_account p ON p.community_id = c.community_id AND p.id = c.payee_id
        JOIN points_transfer t
            ON t.community_id = c.community_id AND t.key = 'fund_claim:' || c.id
        JOIN points_reversal r
            ON r.community_id = c.community_id AND r.key = 'recovery:' || NEW.id
        WHERE c.community_id = NEW.community_id AND c.id = NEW.claim_id
            AND p.community_id = NEW.community_id AND t.community_id = NEW.community_id
            AND r.community_id = NEW.community_id
            AND c.status = 'committed' AND c.taken_back_at IS NOT NULL
            AND NEW.recorded_by_id IS DISTINCT FROM c.taken_back_by_id
            AND p.holder IS DISTINCT FROM 'person:' || NEW.recorded_by_id
            AND r.transfer_id = t.id AND r.amount = NEW.amount
            AND (NEW.set_off_against_id IS NULL OR EXISTS (
                SELECT FROM points_claim o
                WHERE o.community_id = NEW.community_id AND o.id = NEW.set_off_against_id
                    AND o.payee_id = c.payee_id AND o.set_off >= NEW.amount
            ))
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'recovery_is_of_what_is_owed',
            MESSAGE = 'a recovery reverses a claim that was paid and taken back, by another person';
    END IF;
    RETURN NEW;
END;
