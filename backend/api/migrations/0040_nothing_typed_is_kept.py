from django.db import migrations, models


class Migration(migrations.Migration):
    """A refusal may quote what was typed, and a hash of a few digits is guessed.

    What was kept of requests so far can be read or guessed, so it is forgotten.
    """

    dependencies = [("api", "0010_keep_no_answers")]

    operations = [
        migrations.RunSQL("DELETE FROM api_idempotencykey", migrations.RunSQL.noop),
        migrations.RenameField("idempotencykey", "body_sha256", "digest"),
        migrations.RenameField("idempotencykey", "refusal", "refusal_encrypted"),
        migrations.AlterField("idempotencykey", "refusal_encrypted", models.TextField(blank=True)),
    ]
