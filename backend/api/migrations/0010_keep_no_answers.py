import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    """Of an answer its status and the ids of what it is about are kept, and it is rendered anew.

    What was kept before says which: but for lists, whose rows are not told again.
    """

    dependencies = [("api", "0004_begin_idempotent")]

    operations = [
        migrations.AddField(
            model_name="idempotencykey",
            name="about",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.UUIDField(), default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="idempotencykey",
            name="refusal",
            field=models.TextField(blank=True, default=""),
            preserve_default=False,
        ),
        migrations.RunSQL(
            [
                """
                UPDATE api_idempotencykey SET about = ARRAY[(body::jsonb ->> 'id')::uuid]
                WHERE status < 400 AND body LIKE '{%' AND body::jsonb ? 'id'
                """,
                """
                UPDATE api_idempotencykey
                SET refusal = jsonb_build_object(
                    'name', '', 'told', body::jsonb - ARRAY['type', 'title', 'status']
                )::text WHERE status >= 400
                """,
            ],
            migrations.RunSQL.noop,
        ),
        migrations.RemoveField(model_name="idempotencykey", name="body"),
        migrations.RemoveField(model_name="idempotencykey", name="content_type"),
    ]
