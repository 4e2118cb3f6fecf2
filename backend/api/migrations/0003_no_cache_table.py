from django.db import migrations


class Migration(migrations.Migration):
    """Counters of attempts are kept in Redis now."""

    dependencies = [("api", "0002_cache_table")]

    operations = [
        migrations.RunSQL(
            sql="DROP TABLE cache",
            reverse_sql=[
                """
                CREATE TABLE cache (
                    cache_key varchar(255) NOT NULL PRIMARY KEY,
                    value text NOT NULL,
                    expires timestamptz NOT NULL
                )
                """,
                "CREATE INDEX cache_expires ON cache (expires)",
            ],
        ),
    ]
