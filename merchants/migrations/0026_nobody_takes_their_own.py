from django.db import migrations

# As migration 0016 has it, but that nobody takes a voucher of their own, and that what a device told
# later is no guess.
FUNCTION = """
CREATE OR REPLACE FUNCTION merchants_scan(
    p_merchant uuid, p_clerk uuid, p_code text, p_attempt uuid, p_transfer uuid,
    p_at timestamptz, p_guesses int,
    OUT refusal text, OUT redemption_id uuid, OUT closed_at timestamptz, OUT offer_title text,
    OUT quantity int, OUT price_points bigint, OUT volunteer_id uuid, OUT volunteer_name text,
    OUT offer_id uuid, OUT picture text
) LANGUAGE plpgsql AS $$
DECLARE
    r merchants_redemption;
    in_community uuid;
    captured uuid;
    broken text;
BEGIN
    IF NOT EXISTS (
        SELECT FROM merchants_merchantmember m
        WHERE m.merchant_id = p_merchant AND m.user_id = p_clerk AND m.ended_at IS NULL
    ) THEN
        refusal := 'merchant_unknown';
        RETURN;
    END IF;
    IF (
        SELECT count(*) >= p_guesses FROM merchants_scanattempt a
        WHERE a.outcome = 'code_unknown' AND a.merchant_id = p_merchant
            AND a.clerk_id = p_clerk AND a.device_id IS NULL AND a.scanned_at > clock_timestamp() - interval '1 hour'
            AND a.community_id IN (
                SELECT p.community_id FROM merchants_partnership p
                WHERE p.merchant_id = p_merchant
            )
    ) THEN
        refusal := 'too_many_guesses';
        RETURN;
    END IF;
    SELECT v.* INTO r FROM merchants_redemption v
    WHERE v.code = p_code AND v.community_id IN (
        SELECT p.community_id FROM merchants_partnership p WHERE p.merchant_id = p_merchant
    )
    FOR NO KEY UPDATE;
    IF r.id IS NULL THEN
        refusal := 'code_unknown';
        SELECT p.community_id INTO in_community FROM merchants_partnership p
        WHERE p.merchant_id = p_merchant ORDER BY p.since_at LIMIT 1;
    ELSE
        redemption_id := r.id;
        in_community := r.community_id;
        closed_at := r.closed_at;
        IF NOT EXISTS (
            SELECT FROM merchants_partnership p
            WHERE p.id = r.partnership_id AND p.merchant_id = p_merchant
        ) THEN
            refusal := 'not_your_merchant';
        ELSIF r.volunteer_id = p_clerk THEN
            refusal := 'own_voucher';
        ELSIF r.status <> 'held' THEN
            refusal := CASE r.status WHEN 'redeemed' THEN 'code_used'
                WHEN 'cancelled' THEN 'code_cancelled' ELSE 'code_expired' END;
        ELSIF r.cancel_asked_at IS NOT NULL THEN
            refusal := 'code_cancelled';
        ELSIF r.offline_until IS NOT NULL AND clock_timestamp() >= r.expires_at THEN
            refusal := 'code_expired';  -- its points are held for longer
        ELSE
            BEGIN
                SELECT h.refusal, h.transfer_id INTO refusal, captured
                FROM points_resolve_hold(r.community_id, r.hold_id, p_transfer, -1, p_at) AS h;
                IF refusal = 'hold_expired' THEN
                    refusal := 'code_expired';
                ELSIF refusal IS NOT NULL THEN
                    RAISE EXCEPTION 'the hold of voucher % is in no state to be captured: %',
                        r.id, refusal;
                ELSE
                    closed_at := p_at;
                    UPDATE merchants_redemption v SET status = 'redeemed',
                        transfer_id = captured, closed_at = p_at, redeemed_by_id = p_clerk
                    WHERE v.community_id = r.community_id AND v.id = r.id;
                END IF;
            EXCEPTION WHEN integrity_constraint_violation THEN
                GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
                IF broken <> 'hold_not_captured_late' THEN RAISE; END IF;
                refusal := 'code_expired';  -- it lapsed at this very instant
            END;
        END IF;
        quantity := r.quantity;
        price_points := r.price_points;
        SELECT o.id, o.title, o.picture INTO offer_id, offer_title, picture
        FROM merchants_offer o WHERE o.id = r.offer_id;
        SELECT u.id, u.name INTO volunteer_id, volunteer_name
        FROM accounts_user u WHERE u.id = r.volunteer_id;
    END IF;
    INSERT INTO merchants_scanattempt (id, community_id, merchant_id, clerk_id, code, outcome,
        redemption_id)
    VALUES (p_attempt, in_community, p_merchant, p_clerk, p_code,
        coalesce(refusal, 'redeemed'), r.id);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0025_wishes_are_offers_of_a_kind"),
    ]

    operations = [
        migrations.RunSQL(FUNCTION, migrations.RunSQL.noop),
    ]
