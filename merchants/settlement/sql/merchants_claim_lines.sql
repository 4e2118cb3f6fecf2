-- One statement claims and sums the unsettled rows, so that the figures are of exactly these rows,
-- however many they are. What is redeemed meanwhile is for the next period.
CREATE FUNCTION merchants_claim_lines(
    p_community uuid, p_partnership uuid, p_statement uuid, p_before timestamptz,
    OUT redemptions int, OUT refunds int, OUT points bigint, OUT amount_fen bigint,
    OUT earliest timestamptz
) LANGUAGE plpgsql AS $$
BEGIN
    WITH redeemed AS (
        UPDATE merchants_redemption r SET statement_id = p_statement
        WHERE r.community_id = p_community AND r.partnership_id = p_partnership
            AND r.status = 'redeemed' AND r.statement_id IS NULL AND r.closed_at < p_before
        RETURNING 1 AS is_redeemed, 0 AS is_refund,
            r.price_points::bigint AS points, r.amount_fen::bigint AS fen, r.closed_at AS at
    ), refunded AS (
        UPDATE merchants_refund b SET statement_id = p_statement
        WHERE b.community_id = p_community AND b.partnership_id = p_partnership
            AND b.statement_id IS NULL AND b.refunded_at < p_before
        RETURNING 0, 1, -b.points::bigint, -b.amount_fen::bigint, b.refunded_at
    )
    SELECT coalesce(sum(l.is_redeemed), 0), coalesce(sum(l.is_refund), 0),
        coalesce(sum(l.points), 0), coalesce(sum(l.fen), 0), min(l.at)
    INTO redemptions, refunds, points, amount_fen, earliest
    FROM (SELECT * FROM redeemed UNION ALL SELECT * FROM refunded) AS l;
END;
$$;
