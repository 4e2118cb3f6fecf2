CREATE FUNCTION merchants_scan(
    p_merchant uuid, p_clerk uuid, p_code text, p_attempt uuid, p_transfer uuid,
    p_at timestamptz, p_scope text, p_guesses int, p_window interval,
    OUT wait_seconds int, OUT refusal text, OUT redemption_id uuid, OUT closed_at timestamptz, OUT offer_title text,
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
    wait_seconds := accounts_attempts_wait(p_scope, p_clerk::text, p_guesses, p_window);
    IF wait_seconds > 0 THEN
        RETURN;
    END IF;
    SELECT v.* INTO r FROM merchants_redemption v
    WHERE v.code = p_code AND v.community_id IN (
        SELECT p.community_id FROM merchants_partnership p
        WHERE p.merchant_id = p_merchant AND p.accepted_at IS NOT NULL
    )
    FOR NO KEY UPDATE;
    IF r.id IS NULL THEN
        -- Of all that were looked up at this moment no more are told than there are tries.
        SELECT t.wait_seconds INTO wait_seconds
        FROM accounts_attempt(p_scope, p_clerk::text, p_guesses, p_window) t;
        IF wait_seconds > 0 THEN
            RETURN;
        END IF;
        refusal := 'code_unknown';
        SELECT p.community_id INTO in_community FROM merchants_partnership p
        WHERE p.merchant_id = p_merchant AND p.accepted_at IS NOT NULL
        ORDER BY p.since_at LIMIT 1;
    ELSE
        redemption_id := r.id;
        in_community := r.community_id;
        closed_at := r.closed_at;
        IF NOT EXISTS (
            SELECT FROM merchants_partnership p
            WHERE p.id = r.partnership_id AND p.merchant_id = p_merchant
                AND p.accepted_at IS NOT NULL
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
