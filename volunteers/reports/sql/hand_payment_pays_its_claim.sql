BEGIN
    IF NOT EXISTS (
        SELECT FROM points_claim c
        JOIN points_account a ON a.community_id = c.community_id AND a.id = c.payee_id
        WHERE c.community_id = NEW.community_id AND c.id = NEW.claim_id
            AND a.community_id = NEW.community_id AND c.status = 'reserved' AND a.unit = 'fen'
            AND c.amount - c.set_off = NEW.amount_fen AND a.holder = 'person:' || NEW.payee_id
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'hand_payment_pays_its_claim',
            MESSAGE = 'a payment by hand is of a reserved reward, to its payee, of what is not set off';
    END IF;
    IF EXISTS (
        SELECT FROM payouts_payout p
        WHERE p.community_id = NEW.community_id AND p.subject = 'reward:' || NEW.claim_id
            AND p.status NOT IN ('failed', 'cancelled')
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'hand_payment_not_beside_a_payout',
            MESSAGE = 'a reward is paid by hand or by WeChat';
    END IF;
    RETURN NEW;
END;
