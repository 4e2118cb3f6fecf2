"""Guesses at secrets are counted in the database: exact, and there after Redis was emptied."""

import django.contrib.postgres.fields
from django.db import migrations, models

# One statement looks and counts: whoever asks at the same moment queues at the row.
ATTEMPT = """
CREATE FUNCTION accounts_attempt(
    p_scope text, p_subject text, p_limit int, p_window interval,
    OUT taken_at timestamptz, OUT wait_seconds int
) LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    INSERT INTO accounts_attempts AS a (scope, subject, moments, forgotten_at)
    VALUES (p_scope, p_subject, ARRAY[moment], moment + p_window)
    ON CONFLICT (scope, subject) DO UPDATE
    SET moments = ARRAY(SELECT m FROM unnest(a.moments) m WHERE m > moment - p_window) || moment,
        forgotten_at = greatest(a.forgotten_at, moment + p_window)
    WHERE (SELECT count(*) FROM unnest(a.moments) m WHERE m > moment - p_window) < p_limit;
    IF FOUND THEN
        taken_at := moment;
        wait_seconds := 0;
    ELSE
        wait_seconds := greatest(
            1, accounts_attempts_wait(p_scope, p_subject, p_limit, p_window)
        );
    END IF;
END $$;
"""

WAIT = """
CREATE FUNCTION accounts_attempts_wait(
    p_scope text, p_subject text, p_limit int, p_window interval
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    recent timestamptz[];
BEGIN
    SELECT ARRAY(SELECT m FROM unnest(a.moments) m WHERE m > moment - p_window ORDER BY m)
    INTO recent
    FROM accounts_attempts a WHERE a.scope = p_scope AND a.subject = p_subject;
    IF coalesce(cardinality(recent), 0) < p_limit THEN
        RETURN 0;
    END IF;
    -- Until so many have run out that there is one left.
    RETURN ceil(extract(epoch FROM
        recent[cardinality(recent) - p_limit + 1] + p_window - moment));
END $$;
"""

GIVE_BACK = """
CREATE FUNCTION accounts_give_back_attempt(p_scope text, p_subject text, p_taken timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE accounts_attempts a
    SET moments = a.moments[:array_position(a.moments, p_taken) - 1]
        || a.moments[array_position(a.moments, p_taken) + 1:]
    WHERE a.scope = p_scope AND a.subject = p_subject AND p_taken = ANY (a.moments);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0015_codes_until_they_are_used")]

    operations = [
        migrations.CreateModel(
            name="Attempts",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("scope", models.SlugField(db_index=False, max_length=30)),
                ("subject", models.CharField(max_length=64)),
                (
                    "moments",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.DateTimeField(), size=None
                    ),
                ),
                ("forgotten_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["forgotten_at"], name="attempts_by_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("scope", "subject"), name="attempts_once")
                ],
            },
        ),
        migrations.RunSQL(WAIT, "DROP FUNCTION accounts_attempts_wait"),
        migrations.RunSQL(ATTEMPT, "DROP FUNCTION accounts_attempt"),
        migrations.RunSQL(GIVE_BACK, "DROP FUNCTION accounts_give_back_attempt"),
    ]
