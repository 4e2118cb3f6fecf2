BEGIN
    IF NEW.status <> 'waiting' OR NEW.hold_id IS NOT NULL OR NEW.approved_by_id IS NOT NULL
        OR NOT EXISTS (
            SELECT FROM points_fund f
            JOIN points_account a ON a.community_id = f.community_id AND a.id = f.account_id
            JOIN points_account p ON p.community_id = f.community_id AND p.id = NEW.payee_id
            WHERE f.community_id = NEW.community_id AND f.id = NEW.fund_id
                AND a.community_id = NEW.community_id AND p.community_id = NEW.community_id
                AND f.ending IS NULL AND p.unit = a.unit
                AND p.kind = CASE a.unit WHEN 'fen' THEN 'payout' ELSE 'wallet' END
                AND NEW.needs_approval = (NEW.amount > coalesce(f.approval_above, NEW.amount))
        )
    THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            DETAIL = 'claim_begins_waiting',
            MESSAGE = 'a claim begins as waiting, for an approval too if its fund says so';
    END IF;
    RETURN NEW;
END;
