-- A clerk scans a code that says of no community: their merchant's are asked in turn, nearly always
-- one, and none for whom there is no try left at guessing codes. One round trip for a counter.
CREATE FUNCTION merchants_scan(
    p_merchant uuid, p_clerk uuid, p_code text, p_quantity int, p_attempt uuid, p_transfer uuid,
    p_at timestamptz, p_scope text, p_guesses int, p_window interval,
    OUT wait_seconds int, OUT refusal text, OUT redemption_id uuid, OUT closed_at timestamptz,
    OUT offer_title text, OUT quantity int, OUT price_points bigint, OUT volunteer_id uuid,
    OUT volunteer_name text, OUT offer_id uuid, OUT picture text, OUT community_id uuid
) LANGUAGE plpgsql AS $$
BEGIN
    refusal := 'merchant_unknown';
    wait_seconds := accounts_attempts_wait(p_scope, p_clerk::text, p_guesses, p_window);
    IF wait_seconds > 0 THEN
        RETURN;
    END IF;
    FOREACH community_id IN ARRAY merchants_communities(p_merchant) LOOP
        SELECT r.* INTO refusal, redemption_id, closed_at, offer_title, quantity, price_points,
            volunteer_id, volunteer_name, offer_id, picture
        FROM merchants_redeem(community_id, p_merchant, p_clerk, TRUE, p_code, p_code, p_quantity,
            NULL, p_attempt, p_transfer, p_at) AS r;
        EXIT WHEN refusal IS DISTINCT FROM 'code_unknown';
    END LOOP;
END $$;
