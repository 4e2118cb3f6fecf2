"""Whether a request with a key may go on, and the answer it got before: one round trip."""

from django.db import migrations

# Two statements, because the second has to see what the holder of the lock has just committed:
# within one, what is seen is settled before the lock is asked for.
BEGIN = """
CREATE FUNCTION api_begin_idempotent(
    p_lock bigint, p_user uuid, p_key text, OUT is_locked boolean, OUT first api_idempotencykey
) LANGUAGE plpgsql AS $$
BEGIN
    is_locked := pg_try_advisory_xact_lock(p_lock);
    IF is_locked THEN
        SELECT * INTO first FROM api_idempotencykey k WHERE k.user_id = p_user AND k.key = p_key;
    END IF;
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("api", "0003_no_cache_table")]

    operations = [
        migrations.RunSQL(BEGIN, "DROP FUNCTION api_begin_idempotent(bigint, uuid, text)")
    ]
