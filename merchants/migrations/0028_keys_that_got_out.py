from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0027_staff_take_offers_off"),
    ]

    operations = [
        migrations.AddField(
            model_name="voucherkey",
            name="withdrawn_at",
            field=models.DateTimeField(null=True),
        ),
    ]
