from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0080_partners_compared"),
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
