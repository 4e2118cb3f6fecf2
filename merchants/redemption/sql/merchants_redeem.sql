-- Redeems a voucher at a merchant's counter, by whichever door it comes: what stands against it is
-- asked here alone, in this order, and the attempt is put on record with its outcome.
--
-- p_person hands out: a clerk, or (not p_is_clerk) the volunteer, who was p_shown the shop's code.
-- p_refusal is what stands against it before anything is asked here. p_at is given where the past
-- is played again. What begins with p_device is of a scan without signal, told later: the moment it
-- counts for, until when its code is good, and the latest moment that the device may have scanned.
-- A code that the community does not know is not put on record: the merchant may be in others.
CREATE FUNCTION merchants_redeem(
    p_community uuid, p_merchant uuid, p_person uuid, p_is_clerk boolean, p_code text,
    p_shown text, p_quantity int, p_refusal text, p_attempt uuid, p_transfer uuid,
    p_at timestamptz, p_device uuid DEFAULT NULL, p_nonce text DEFAULT '',
    p_device_time timestamptz DEFAULT NULL, p_counts_at timestamptz DEFAULT NULL,
    p_clock_mark text DEFAULT '', p_good_until timestamptz DEFAULT NULL,
    p_scanned_at timestamptz DEFAULT NULL,
    OUT refusal text, OUT redemption_id uuid, OUT closed_at timestamptz, OUT offer_title text,
    OUT quantity int, OUT price_points bigint, OUT volunteer_id uuid, OUT volunteer_name text,
    OUT offer_id uuid, OUT picture text
) LANGUAGE plpgsql AS $$
DECLARE
    v merchants_redemption;
    v_works_there boolean := EXISTS (
        SELECT FROM merchants_merchantmember m
        WHERE m.merchant_id = p_merchant AND m.user_id = p_person AND m.ended_at IS NULL
    );
    v_is_theirs boolean;
    v_is_retired boolean := false;
    v_now timestamptz;
    v_broken text;
BEGIN
    IF p_is_clerk AND NOT v_works_there THEN
        refusal := 'merchant_unknown';
        RETURN;
    END IF;
    SELECT r.* INTO v FROM merchants_redemption r
    WHERE r.community_id = p_community AND r.code = p_code FOR NO KEY UPDATE;
    IF v.id IS NULL AND p_refusal IS NULL THEN
        refusal := 'code_unknown';
        RETURN;
    END IF;
    v_now := clock_timestamp();  -- once nobody else has the voucher
    v_is_theirs := EXISTS (
        SELECT FROM merchants_partnership p
        WHERE p.community_id = p_community AND p.id = v.partnership_id
            AND p.merchant_id = p_merchant AND p.accepted_at IS NOT NULL
    );
    IF p_device IS NOT NULL THEN
        v_is_retired := EXISTS (
            SELECT FROM merchants_device d WHERE d.id = p_device AND d.retired_at <= p_scanned_at
        );
    END IF;
    refusal := CASE
        WHEN p_refusal IS NOT NULL THEN p_refusal
        WHEN NOT v_is_theirs THEN 'not_your_merchant'
        -- Nobody takes their own points: a colleague does.
        WHEN v_works_there AND v.volunteer_id = p_person THEN 'own_voucher'
        -- Whoever issued the card was shown its PIN.
        WHEN v.card_id IS NOT NULL AND EXISTS (
            SELECT FROM merchants_card c
            WHERE c.community_id = p_community AND c.id = v.card_id AND c.issued_by_id = p_person
        ) THEN 'card_issuer'
        WHEN v.status = 'redeemed' THEN 'code_used'
        WHEN v.status = 'cancelled' THEN 'code_cancelled'
        WHEN v.status = 'expired' THEN 'code_expired'
        WHEN p_device IS NOT NULL AND v.offline_until IS NULL THEN 'voucher_not_offline'
        WHEN v.cancel_asked_at IS NOT NULL AND (p_device IS NULL OR v_now >= v.offline_until)
            THEN 'code_cancelled'
        -- Points of what is scanned offline are held for longer than it is good.
        WHEN coalesce(p_counts_at, v_now) >= coalesce(p_good_until, v.expires_at)
            OR v_now >= v.offline_until THEN 'code_expired'
        -- No minute is forgiven here: it may be in anybody's hands, and set to any time.
        WHEN v_is_retired THEN 'device_retired'
        WHEN p_quantity > v.quantity THEN 'quantity_too_large'
    END;
    IF refusal IS NULL THEN
        BEGIN
            v.closed_at := coalesce(p_at, v_now);
            SELECT h.refusal, h.transfer_id INTO refusal, v.transfer_id
            FROM points_resolve_hold(p_community, v.hold_id, p_transfer, -1, v.closed_at) AS h;
            IF refusal = 'hold_expired' THEN
                refusal := 'code_expired';
            ELSIF refusal IS NOT NULL THEN
                RAISE EXCEPTION 'the hold of voucher % is in no state to be captured: %',
                    v.id, refusal;
            ELSE
                UPDATE merchants_redemption r SET status = 'redeemed',
                    transfer_id = v.transfer_id, closed_at = v.closed_at,
                    redeemed_by_id = CASE WHEN p_is_clerk THEN p_person END
                WHERE r.community_id = p_community AND r.id = v.id;
            END IF;
        EXCEPTION WHEN integrity_constraint_violation THEN
            GET STACKED DIAGNOSTICS v_broken = PG_EXCEPTION_DETAIL;
            IF v_broken <> 'hold_not_captured_late' THEN RAISE; END IF;
            refusal := 'code_expired';  -- it lapsed at this very instant
        END;
    END IF;
    INSERT INTO merchants_scanattempt (id, community_id, merchant_id, clerk_id, code, outcome,
        redemption_id, device_id, nonce, device_time, counts_at, clock_mark)
    VALUES (p_attempt, p_community, p_merchant, p_person, p_shown,
        coalesce(refusal, 'redeemed'), v.id, p_device, p_nonce, p_device_time,
        p_counts_at, p_clock_mark);
    redemption_id := v.id;
    closed_at := v.closed_at;
    quantity := v.quantity;
    price_points := v.price_points;
    SELECT o.id, o.title, o.picture INTO offer_id, offer_title, picture
    FROM merchants_offer o WHERE o.community_id = p_community AND o.id = v.offer_id;
    SELECT u.id, u.name INTO volunteer_id, volunteer_name
    FROM accounts_user u WHERE u.id = v.volunteer_id;
END $$;
