from django.db import migrations


class Migration(migrations.Migration):
    """The table behind settings.CACHES, as `manage.py createcachetable` makes it: migrations are
    the only set-up step."""

    dependencies = [("api", "0001_idempotency_keys")]

    operations = [
        migrations.RunSQL(
            sql=[
                """
                CREATE TABLE cache (
                    cache_key varchar(255) NOT NULL PRIMARY KEY,
                    value text NOT NULL,
                    expires timestamptz NOT NULL
                )
                """,
                "CREATE INDEX cache_expires ON cache (expires)",
            ],
            reverse_sql="DROP TABLE cache",
        ),
    ]
