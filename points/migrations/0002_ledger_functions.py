"""The ledger's functions: one round trip for a posting, a hold, a capture or a release."""

from django.db import migrations

FUNCTIONS = """
-- Why these two accounts can not stand on the two sides of one movement, or NULL.
CREATE FUNCTION points_accounts_refusal(p_community uuid, p_debit uuid, p_credit uuid)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN count(*) < 2 THEN 'account_unknown'
        WHEN count(DISTINCT a.unit) > 1 THEN 'units_differ'
    END
    FROM points_account a WHERE a.community_id = p_community AND a.id IN (p_debit, p_credit)
$$;

-- Locks those of the two accounts that have a floor, in the order of ids, and answers what the
-- debited one can spend: NULL if it has no floor.
CREATE FUNCTION points_lock_available(p_community uuid, p_debit uuid, p_credit uuid)
RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM points_account a
    WHERE a.community_id = p_community AND a.id IN (p_debit, p_credit)
        AND a.kind IN ('wallet', 'fund')
    ORDER BY a.id FOR NO KEY UPDATE;
    RETURN (
        SELECT a.credits - a.debits - a.held FROM points_account a
        WHERE a.community_id = p_community AND a.id = p_debit AND a.kind IN ('wallet', 'fund')
    );
END $$;

-- One posting in one round trip. Answers a refusal's code, or the transfer: the new one, or the
-- one this key made before. Refusals come in this order: transfer_id_reused, account_unknown,
-- units_differ, insufficient_points (amount_invalid and accounts_must_differ come before the
-- database is asked).
CREATE FUNCTION points_post(
    p_community uuid, p_id uuid, p_key text, p_debit uuid, p_credit uuid, p_amount bigint,
    p_reason text, p_source text, p_explanation jsonb, p_occurred_at timestamptz,
    OUT refusal text, OUT available bigint, OUT id uuid, OUT posted_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    known points_transfer;
BEGIN
    SELECT * INTO known FROM points_transfer t
        WHERE t.community_id = p_community AND t.key = p_key;
    IF known IS NULL THEN
        refusal := points_accounts_refusal(p_community, p_debit, p_credit);
        IF refusal IS NOT NULL THEN RETURN; END IF;
        available := points_lock_available(p_community, p_debit, p_credit);
        IF available < p_amount THEN
            -- A twin with the same key may have spent it while we waited for the lock.
            SELECT * INTO known FROM points_transfer t
                WHERE t.community_id = p_community AND t.key = p_key;
            IF known IS NULL THEN refusal := 'insufficient_points'; RETURN; END IF;
        ELSE
            INSERT INTO points_transfer AS t (id, community_id, key, debit_id, credit_id, amount,
                reason, source, explanation, occurred_at)
            VALUES (p_id, p_community, p_key, p_debit, p_credit, p_amount, p_reason, p_source,
                p_explanation, p_occurred_at)
            ON CONFLICT (community_id, key) DO NOTHING
            RETURNING t.id, t.posted_at INTO points_post.id, points_post.posted_at;
            IF points_post.id IS NOT NULL THEN RETURN; END IF;
            SELECT * INTO known FROM points_transfer t
                WHERE t.community_id = p_community AND t.key = p_key;
        END IF;
    END IF;
    IF (known.debit_id, known.credit_id, known.amount, known.reason, known.source)
        IS DISTINCT FROM (p_debit, p_credit, p_amount, p_reason, p_source)
    THEN
        refusal := 'transfer_id_reused';
        RETURN;
    END IF;
    id := known.id;
    posted_at := known.posted_at;
END $$;

-- The same for a hold: transfer_id_reused, account_unknown, units_differ, account_has_no_floor,
-- insufficient_points.
CREATE FUNCTION points_hold(
    p_community uuid, p_id uuid, p_key text, p_debit uuid, p_credit uuid, p_amount bigint,
    p_reason text, p_source text, p_explanation jsonb, p_occurred_at timestamptz,
    p_lifetime interval,
    OUT refusal text, OUT available bigint, OUT id uuid, OUT posted_at timestamptz,
    OUT expires_at timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    known points_hold;
BEGIN
    SELECT * INTO known FROM points_hold h
        WHERE h.community_id = p_community AND h.key = p_key;
    IF known IS NULL THEN
        refusal := points_accounts_refusal(p_community, p_debit, p_credit);
        IF refusal IS NOT NULL THEN RETURN; END IF;
        available := points_lock_available(p_community, p_debit, p_credit);
        IF available IS NULL THEN refusal := 'account_has_no_floor'; RETURN; END IF;
        IF available < p_amount THEN
            SELECT * INTO known FROM points_hold h
                WHERE h.community_id = p_community AND h.key = p_key;
            IF known IS NULL THEN refusal := 'insufficient_points'; RETURN; END IF;
        ELSE
            INSERT INTO points_hold AS h (id, community_id, key, debit_id, credit_id, amount,
                reason, source, explanation, occurred_at, state, expires_at)
            VALUES (p_id, p_community, p_key, p_debit, p_credit, p_amount, p_reason, p_source,
                p_explanation, p_occurred_at, 'held', clock_timestamp() + p_lifetime)
            ON CONFLICT (community_id, key) DO NOTHING
            RETURNING h.id, h.posted_at, h.expires_at
            INTO points_hold.id, points_hold.posted_at, points_hold.expires_at;
            IF points_hold.id IS NOT NULL THEN RETURN; END IF;
            SELECT * INTO known FROM points_hold h
                WHERE h.community_id = p_community AND h.key = p_key;
        END IF;
    END IF;
    IF (known.debit_id, known.credit_id, known.amount, known.reason, known.source)
        IS DISTINCT FROM (p_debit, p_credit, p_amount, p_reason, p_source)
    THEN
        refusal := 'transfer_id_reused';
        RETURN;
    END IF;
    id := known.id;
    posted_at := known.posted_at;
    expires_at := known.expires_at;
END $$;

-- Capture (p_amount, or the whole when it is -1) or void (p_amount NULL) a hold, once. Refusals:
-- hold_unknown, hold_resolved, capture_too_large, hold_expired. Doing again what was done
-- answers the same.
CREATE FUNCTION points_resolve_hold(
    p_community uuid, p_hold uuid, p_transfer uuid, p_amount bigint, p_at timestamptz,
    OUT refusal text, OUT transfer_id uuid
) LANGUAGE plpgsql AS $$
DECLARE
    h points_hold;
    wanted bigint := p_amount;
BEGIN
    SELECT * INTO h FROM points_hold
        WHERE community_id = p_community AND points_hold.id = p_hold FOR NO KEY UPDATE;
    IF h IS NULL THEN refusal := 'hold_unknown'; RETURN; END IF;
    IF wanted = -1 THEN wanted := h.amount; END IF;
    IF h.state <> 'held' THEN
        IF h.captured_amount IS NOT DISTINCT FROM wanted THEN
            transfer_id := h.transfer_id;
        ELSE
            refusal := 'hold_resolved';
        END IF;
        RETURN;
    END IF;
    IF wanted > h.amount THEN refusal := 'capture_too_large'; RETURN; END IF;
    IF wanted IS NOT NULL AND clock_timestamp() >= h.expires_at THEN
        refusal := 'hold_expired';
        RETURN;
    END IF;
    UPDATE points_hold u SET
        state = CASE WHEN wanted IS NULL THEN 'voided' ELSE 'captured' END,
        captured_amount = wanted,
        transfer_id = CASE WHEN wanted IS NULL THEN NULL ELSE p_transfer END,
        resolved_at = coalesce(p_at, clock_timestamp())
    WHERE u.community_id = p_community AND u.id = p_hold
    RETURNING u.transfer_id INTO transfer_id;
END $$;
"""

DROP = """
DROP FUNCTION points_resolve_hold, points_hold, points_post, points_lock_available,
    points_accounts_refusal;
"""


class Migration(migrations.Migration):
    dependencies = [("points", "0001_ledger_and_rules")]
    operations = [migrations.RunSQL(FUNCTIONS, DROP)]
