from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0050_what_a_device_claims"),
    ]

    operations = [
        migrations.AlterField(
            model_name="offer",
            name="stock",
            field=models.PositiveBigIntegerField(),
        ),
        migrations.AlterField(
            model_name="stockmove",
            name="stock",
            field=models.PositiveBigIntegerField(),
        ),
    ]
