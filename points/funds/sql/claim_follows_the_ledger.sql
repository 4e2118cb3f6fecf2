DECLARE
    refused text;
    fund_account uuid;
    h points_hold;
BEGIN
    IF NEW.approved_by_id IS DISTINCT FROM OLD.approved_by_id AND EXISTS (
        SELECT FROM points_account a
        WHERE a.community_id = NEW.community_id AND a.id = NEW.payee_id
            AND a.holder = 'person:' || NEW.approved_by_id
    ) THEN
        refused := 'claim_not_approved_by_its_payee';
    END IF;
    SELECT account_id INTO fund_account FROM points_fund
    WHERE community_id = NEW.community_id AND id = NEW.fund_id;
    SELECT * INTO h FROM points_hold
    WHERE community_id = NEW.community_id AND id = NEW.hold_id;
    IF (NEW.status = 'reserved') <> (h.state IS NOT DISTINCT FROM 'held')
        OR h.state = 'captured'
        OR NEW.status = 'reserved' AND (h.debit_id, h.credit_id, h.amount, h.expires_at)
            IS DISTINCT FROM (fund_account, NEW.payee_id, NEW.amount, NULL::timestamptz)
        OR NEW.status = 'committed' AND NOT EXISTS (
            SELECT FROM points_transfer t
            WHERE t.community_id = NEW.community_id AND t.key = 'fund_claim:' || NEW.id
                AND t.debit_id = fund_account AND t.credit_id = NEW.payee_id
                AND t.amount = NEW.amount
        )
    THEN
        refused := 'claim_follows_the_ledger';
    END IF;
    -- Its own row waits until this update is over.
    IF NEW.status = 'reserved' AND OLD.status = 'waiting' AND (NEW.frozen_at IS NOT NULL OR EXISTS (
        SELECT FROM points_claim c
        WHERE c.community_id = NEW.community_id AND c.fund_id = NEW.fund_id
            AND c.status = 'waiting' AND c.frozen_at IS NULL AND (c.closed_at, c.id) < (NEW.closed_at, NEW.id)
    )) THEN
        refused := 'claim_overtakes_nobody';
    END IF;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', DETAIL = refused,
            MESSAGE = 'a claim is reserved in its turn, by its hold, and paid by its transfer';
    END IF;
    RETURN NEW;
END;
