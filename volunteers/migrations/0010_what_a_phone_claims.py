from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("volunteers", "0003_join_requests"),
    ]

    operations = [
        migrations.AddField(
            model_name="attendance",
            name="check_in_claimed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="attendance",
            name="check_in_mark",
            field=models.CharField(blank=True, default="", max_length=9),
        ),
        migrations.AddField(
            model_name="attendance",
            name="check_out_claimed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="attendance",
            name="check_out_mark",
            field=models.CharField(blank=True, default="", max_length=9),
        ),
        migrations.RemoveConstraint(
            model_name="attendance",
            name="check_in_nonce_once",
        ),
        migrations.AddConstraint(
            model_name="attendance",
            constraint=models.UniqueConstraint(
                condition=models.Q(check_in_nonce__isnull=False),
                fields=("community", "volunteer", "check_in_nonce"),
                name="check_in_nonce_once",
            ),
        ),
    ]
