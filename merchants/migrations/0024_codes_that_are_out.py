from django.db import migrations, models

# Every code that was signed so far is good as long as its voucher.
SIGNED = """
UPDATE merchants_redemption SET signed_until = expires_at
WHERE status = 'held' AND offline_until IS NOT NULL AND cancel_asked_at IS NULL;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0020_bank_batches"),
    ]

    operations = [
        migrations.AddField(
            model_name="redemption",
            name="signed_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(SIGNED, migrations.RunSQL.noop),
    ]
