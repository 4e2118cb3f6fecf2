-- Whoever ordered a transfer by WeChat was checked when they ordered it.
BEGIN
    IF NOT EXISTS (
        SELECT FROM payouts_payout p WHERE p.community_id = NEW.community_id
            AND p.subject = 'statement:' || NEW.id AND p.status = 'succeeded'
    ) THEN
        PERFORM merchants_refuse_own(
            NEW.community_id, NEW.partnership_id, NEW.paid_by_id, NEW.period_start
        );
    END IF;
    RETURN NULL;
END;
