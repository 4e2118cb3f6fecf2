from django.db import migrations, models

# What was told so far counts for what the device said. A trigger keeps scans as they are.
COUNTED = """
ALTER TABLE merchants_scanattempt DISABLE TRIGGER USER;
UPDATE merchants_scanattempt SET counts_at = device_time WHERE device_id IS NOT NULL;
ALTER TABLE merchants_scanattempt ENABLE TRIGGER USER;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0042_partners_are_asked"),
    ]

    operations = [
        migrations.AddField(
            model_name="redemption",
            name="signed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="scanattempt",
            name="counts_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="scanattempt",
            name="clock_mark",
            field=models.CharField(blank=True, db_default="", max_length=9),
        ),
        migrations.RunSQL(COUNTED, migrations.RunSQL.noop),
        migrations.RemoveConstraint(
            model_name="scanattempt",
            name="scan_of_a_device_is_complete",
        ),
        migrations.AddConstraint(
            model_name="scanattempt",
            constraint=models.CheckConstraint(
                name="scan_of_a_device_is_complete",
                condition=models.Q(
                    device__isnull=True,
                    nonce="",
                    device_time__isnull=True,
                    counts_at__isnull=True,
                    clock_mark="",
                )
                | models.Q(
                    models.Q(
                        device__isnull=False, device_time__isnull=False, counts_at__isnull=False
                    ),
                    ~models.Q(nonce=""),
                ),
            ),
        ),
    ]
