-- An id as backend/ids.py makes them (RFC 9562, version 7): milliseconds, then their thousandths
-- in rand_a, so that rows made one after the other sort so. uuidv7() is in PostgreSQL 18 only.
CREATE FUNCTION uuid7() RETURNS uuid LANGUAGE sql AS $$
    SELECT (
        lpad(to_hex(us / 1000), 12, '0')
        || to_hex(x'7000'::int + (us % 1000 * 4096 / 1000)::int)
        || right(gen_random_uuid()::text, 17)  -- from the variant on
    )::uuid
    FROM (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us) AS clock
$$;
