from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0017_shop_codes_and_fairs"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="scanattempt",
            index=models.Index(
                condition=~models.Q(outcome="redeemed"),
                fields=["community", "-id"],
                name="scan_that_was_refused",
            ),
        ),
    ]
