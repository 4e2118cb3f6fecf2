-- What drafting reads of a redemption; of the ledger, which it leaves alone, there is nothing.
INSERT INTO merchants_redemption (id, community_id, offer_id, partnership_id, volunteer_id,
    code, quantity, price_points, fen_per_point, amount_fen, refunded_quantity, status,
    hold_id, transfer_id, taken_at, expires_at, closed_at, redeemed_by_id)
SELECT uuidv7(), %(community)s, %(offer)s, partners.ids[1 + number %% %(partners)s],
    %(volunteer)s, number::text, 1, 10, 10, 100, 0, 'redeemed', uuidv7(), uuidv7(), moment,
    moment, moment, %(volunteer)s
FROM generate_series(1, %(rows)s) AS number,
    (SELECT array_agg(id ORDER BY id) AS ids FROM merchants_partnership) AS partners,
    LATERAL (SELECT timestamptz '2024-03-01 08:00+08' + number %% 30 * interval '1 day') AS
        of_march (moment)
