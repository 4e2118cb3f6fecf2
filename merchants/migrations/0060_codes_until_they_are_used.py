from django.db import migrations, models


class Migration(migrations.Migration):
    """Codes and secrets can be told again until their first use, for an answer may be lost.

    What was renewed within the last day before this migration no longer signs beside what is new.
    """

    dependencies = [
        ("merchants", "0051_giving_back_never_fails"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="webhookendpoint",
            name="old_secret_encrypted",
        ),
        migrations.RemoveField(
            model_name="webhookendpoint",
            name="old_secret_until",
        ),
        migrations.AddField(
            model_name="invitation",
            name="code_encrypted",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="paycode",
            name="code_encrypted",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="old_secrets_encrypted",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="secret_confirmed_at",
            field=models.DateTimeField(null=True),
        ),
    ]
