"""Expiry: what each wallet loses on a day, and the one statement that takes it."""

from django.db import migrations

FUNCTIONS = """
-- What a wallet loses when p_on is over, if nothing moves before; no row if nothing. Of what it
-- can spend it keeps what it earned that expires later, or never. What it loses on p_since, a day
-- before that is still to come, is not counted; NULL: there is none. Wallet by wallet, so that
-- the work grows with their number whatever the planner believes of it.
CREATE FUNCTION points_loss(p_wallet points_account, p_on date, p_since date)
RETURNS TABLE (available bigint, kept bigint, points bigint) LANGUAGE sql STABLE AS $$
    SELECT available, kept, available - kept - greatest(available - kept_since, 0)
    FROM (
        SELECT p_wallet.credits - p_wallet.debits - p_wallet.held AS available,
            coalesce(sum(e.points) FILTER (
                WHERE e.expires_on IS NULL OR e.expires_on > p_on
            ), 0)::bigint AS kept,
            coalesce(sum(e.points) FILTER (
                WHERE e.expires_on IS NULL OR e.expires_on > coalesce(p_since, '-infinity'::date)
            ), 0)::bigint AS kept_since
        FROM points_earned e
        WHERE e.community_id = p_wallet.community_id AND e.account_id = p_wallet.id
    ) AS wallet
    WHERE available > kept AND kept_since > kept
$$;

-- The same of each wallet of a community that loses something.
CREATE FUNCTION points_losing(p_community uuid, p_on date, p_since date)
RETURNS TABLE (account_id uuid, holder text, available bigint, kept bigint, points bigint)
LANGUAGE sql STABLE AS $$
    SELECT a.id, a.holder::text, loss.*
    FROM points_account a CROSS JOIN LATERAL points_loss(a, p_on, p_since) AS loss
    WHERE a.community_id = p_community AND a.kind = 'wallet' AND a.unit = 'points'
$$;

-- Takes from each wallet what it loses on p_on, once for each community and day: again, it
-- answers the first run.
CREATE FUNCTION points_expire(
    p_community uuid, p_expired uuid, p_on date, p_occurred_at timestamptz
) RETURNS points_expiryrun LANGUAGE plpgsql AS $$
DECLARE
    run points_expiryrun;
    losing uuid[];
BEGIN
    -- Two runs of one community queue here; nobody else locks an account without a floor.
    PERFORM FROM points_account WHERE id = p_expired FOR NO KEY UPDATE;
    SELECT * INTO run FROM points_expiryrun
        WHERE community_id = p_community AND expires_on = p_on;
    IF FOUND THEN RETURN run; END IF;
    losing := ARRAY(SELECT account_id FROM points_losing(p_community, p_on, NULL));
    PERFORM FROM points_account a JOIN unnest(losing) AS one (id) ON one.id = a.id
        ORDER BY a.id FOR NO KEY UPDATE OF a;
    run.id := points_uuid7();
    -- A statement of its own sees what was committed while the locks were waited for. A wallet
    -- that has something to lose only since then is not locked: it loses that next time.
    WITH expired AS (
        INSERT INTO points_transfer (id, community_id, key, debit_id, credit_id, amount, reason,
            source, explanation, occurred_at)
        SELECT points_uuid7(), p_community, 'expire:' || a.id || ':' || p_on, a.id, p_expired,
            loss.points, 'expiry', 'expiry:' || run.id, jsonb_build_object(
                'expires_on', p_on, 'available', loss.available, 'kept', loss.kept,
                'points', loss.points
            ), p_occurred_at
        FROM unnest(losing) AS one (id) JOIN points_account a ON a.id = one.id
            CROSS JOIN LATERAL points_loss(a, p_on, NULL) AS loss
        RETURNING amount
    )
    INSERT INTO points_expiryrun (id, community_id, expires_on, wallets, points)
    SELECT run.id, p_community, p_on, count(*), coalesce(sum(amount), 0) FROM expired
    RETURNING * INTO run;
    RETURN run;
END $$;
"""

DROP = "DROP FUNCTION points_expire, points_losing, points_loss;"


class Migration(migrations.Migration):
    dependencies = [("points", "0004_ledger_functions")]
    operations = [migrations.RunSQL(FUNCTIONS, DROP)]
