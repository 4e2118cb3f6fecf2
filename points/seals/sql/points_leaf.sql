-- What of a transfer is hashed: everything, and who the two accounts are. jsonb has one spelling.
CREATE FUNCTION points_leaf(t points_transfer, d points_account, c points_account)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'format', 'linli-transfer-1',
        'id', t.id,
        'community', t.community_id,
        'key', t.key,
        'debit', jsonb_build_object(
            'id', t.debit_id, 'kind', d.kind, 'unit', d.unit, 'holder', d.holder),
        'credit', jsonb_build_object(
            'id', t.credit_id, 'kind', c.kind, 'unit', c.unit, 'holder', c.holder),
        'amount', t.amount,
        'reason', t.reason,
        'source', t.source,
        'explanation', t.explanation,
        'occurred_at', to_char(t.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'posted_at', to_char(t.posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'reverses', t.reverses_id,
        'expires_on', to_char(t.expires_on, 'YYYY-MM-DD')
    )::text
$$;
