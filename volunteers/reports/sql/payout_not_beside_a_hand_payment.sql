BEGIN
    IF EXISTS (
        SELECT FROM volunteers_handpayment h
        WHERE h.community_id = NEW.community_id AND h.withdrawn_at IS NULL
            AND h.claim_id = split_part(NEW.subject, ':', 2)::uuid
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'payout_not_beside_a_hand_payment',
            MESSAGE = 'a reward is paid by hand or by WeChat';
    END IF;
    RETURN NEW;
END;
