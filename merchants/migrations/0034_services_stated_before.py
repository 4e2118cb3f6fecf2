from django.db import migrations

# What statements said so far, by the rule of then: hours of the activities on it, verified from
# the end of the merchant's statement before until its own. Else all of it would be said again.
# Where the volunteers app has no table yet there is no statement either.
STATED = """
DO $$ BEGIN
IF to_regclass('volunteers_attendance') IS NOT NULL THEN
    INSERT INTO merchants_statedattendance
        (id, community_id, partnership_id, statement_id, attendance_id)
    SELECT (
        lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
        || substr(replace(gen_random_uuid()::text, '-', ''), 14, 3)
        || substr(replace(gen_random_uuid()::text, '-', ''), 17, 16)
    )::uuid, s.community_id, s.partnership_id, s.id, a.id
    FROM (
        SELECT *, lag(period_end) OVER (
            PARTITION BY community_id, partnership_id ORDER BY period_start
        ) AS since FROM merchants_statement
    ) s
    JOIN communities_community c ON c.id = s.community_id
    JOIN volunteers_shift f ON f.community_id = s.community_id
        AND f.activity_id IN (
            SELECT (one ->> 'activity_id')::uuid FROM jsonb_array_elements(s.services) AS one
        )
    JOIN volunteers_attendance a ON a.community_id = s.community_id AND a.shift_id = f.id
    WHERE a.status = 'verified'
        AND a.verified_at < s.period_end::timestamp AT TIME ZONE c.timezone
        AND (s.since IS NULL OR a.verified_at >= s.since::timestamp AT TIME ZONE c.timezone);
END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0033_services_are_stated_once"),
    ]

    operations = [
        migrations.RunSQL(STATED, migrations.RunSQL.noop),
    ]
