-- The year of one volunteer, given to others as well: their accounts, attendances, awards and
-- redemptions, with the transfers between them, so many days ago. Triggers are off; sealing is left
-- to whoever calls. Each row is the template's, but for ids, names and moments.
CREATE TEMP TABLE copied ON COMMIT DROP AS
SELECT n, gen_random_uuid() AS person, gen_random_uuid() AS wallet
FROM generate_series(%(first)s::int, %(last)s::int) AS n;

-- UUIDv7 of then.
CREATE OR REPLACE FUNCTION pg_temp.id_of(age interval) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp() - age) * 1000)::bigint), 12, '0')
        || '7' || substr(gen_random_uuid()::text, 16))::uuid
$$;

CREATE TEMP TABLE line ON COMMIT DROP AS
SELECT copied.*, event.id AS of, event.transfer_id AS of_transfer, event.other_id AS of_other,
    pg_temp.id_of(%(age)s::interval) AS id, pg_temp.id_of(%(age)s::interval) AS transfer,
    pg_temp.id_of(%(age)s::interval) AS other
FROM copied CROSS JOIN (
    SELECT w.transfer_id, split_part(w.source, ':', 2)::uuid AS id, w.id AS other_id
    FROM points_award w WHERE w.community_id = %(community)s AND w.account_id = %(wallet)s
    UNION ALL SELECT r.transfer_id, r.id, r.hold_id
    FROM merchants_redemption r
    WHERE r.community_id = %(community)s AND r.volunteer_id = %(person)s
) AS event;

INSERT INTO accounts_user
SELECT (jsonb_populate_record(u, jsonb_build_object('id', c.person, 'username', 'copy-' || n))).*
FROM copied c, accounts_user u WHERE u.id = %(person)s;

INSERT INTO points_account
SELECT (jsonb_populate_record(a, jsonb_build_object(
    'id', c.wallet, 'holder', 'person:' || c.person))).*
FROM copied c, points_account a WHERE a.community_id = %(community)s AND a.id = %(wallet)s;

INSERT INTO points_earned
SELECT (jsonb_populate_record(e, jsonb_build_object(
    'id', gen_random_uuid(), 'account_id', c.wallet))).*
FROM copied c, points_earned e
WHERE e.community_id = %(community)s AND e.account_id = %(wallet)s;

INSERT INTO volunteers_attendance
SELECT (jsonb_populate_record(v, jsonb_build_object('id', line.id, 'volunteer_id', line.person,
    'verified_at', v.verified_at - %(age)s::interval))).*
FROM line JOIN volunteers_attendance v ON v.id = line.of
WHERE v.community_id = %(community)s;

INSERT INTO points_transfer
SELECT (jsonb_populate_record(t, jsonb_build_object(
    'id', line.transfer,
    'key', replace(t.key, line.of::text, line.id::text),
    'source', replace(t.source, line.of::text, line.id::text),
    'debit_id', CASE t.debit_id WHEN %(wallet)s THEN line.wallet ELSE t.debit_id END,
    'credit_id', CASE t.credit_id WHEN %(wallet)s THEN line.wallet ELSE t.credit_id END,
    'posted_at', clock_timestamp() - %(age)s::interval,
    'occurred_at', CASE t.reason WHEN 'redemption' THEN t.occurred_at - %(age)s::interval
        ELSE t.occurred_at END,
    'explanation', CASE WHEN t.explanation ? 'expiry'
        THEN jsonb_set(t.explanation, '{expiry,posted_on}', to_jsonb(
            ((clock_timestamp() - %(age)s::interval) AT TIME ZONE 'Asia/Shanghai')::date::text))
        ELSE t.explanation END
))).*
FROM line JOIN points_transfer t ON t.id = line.of_transfer
WHERE t.community_id = %(community)s;

INSERT INTO points_award
SELECT (jsonb_populate_record(w, jsonb_build_object('id', line.other, 'transfer_id', line.transfer,
    'account_id', line.wallet, 'source', replace(w.source, line.of::text, line.id::text),
    'awarded_at', clock_timestamp() - %(age)s::interval))).*
FROM line JOIN points_award w ON w.id = line.of_other
WHERE w.community_id = %(community)s;

INSERT INTO points_hold
SELECT (jsonb_populate_record(h, jsonb_build_object(
    'id', line.other, 'transfer_id', line.transfer, 'debit_id', line.wallet,
    'key', replace(h.key, line.of::text, line.id::text),
    'source', replace(h.source, line.of::text, line.id::text),
    'posted_at', clock_timestamp() - %(age)s::interval, 'resolved_at', clock_timestamp() - %(age)s::interval,
    'expires_at', h.expires_at - %(age)s::interval))).*
FROM line JOIN points_hold h ON h.id = line.of_other
WHERE h.community_id = %(community)s;

INSERT INTO merchants_redemption
SELECT (jsonb_populate_record(r, jsonb_build_object(
    'id', line.id, 'volunteer_id', line.person, 'hold_id', line.other,
    'transfer_id', line.transfer, 'code', line.n::text || '.' || left(r.code, 4),
    'taken_at', r.taken_at - %(age)s::interval, 'expires_at', r.expires_at - %(age)s::interval,
    'closed_at', r.closed_at - %(age)s::interval))).*
FROM line JOIN merchants_redemption r ON r.id = line.of
WHERE r.community_id = %(community)s;

INSERT INTO merchants_scanattempt
SELECT (jsonb_populate_record(s, jsonb_build_object('id', pg_temp.id_of(%(age)s::interval),
    'redemption_id', line.id, 'scanned_at', s.scanned_at - %(age)s::interval))).*
FROM line JOIN merchants_scanattempt s ON s.redemption_id = line.of
WHERE s.community_id = %(community)s;

WITH acts AS (
    INSERT INTO audit_auditentry
    SELECT (jsonb_populate_record(x, jsonb_build_object('id', pg_temp.id_of(%(age)s::interval),
        'target_id', line.id, 'at', x.at - %(age)s::interval))).*
    FROM line JOIN audit_auditentry x ON x.target_id = line.of::text
    WHERE x.community_id = %(community)s
    RETURNING id
)
INSERT INTO points_unsealed (id, community_id, kind, row_id)
SELECT acts.id, %(community)s, 'audit', acts.id FROM acts;

INSERT INTO points_unsealed (id, community_id) SELECT line.transfer, %(community)s FROM line;
