from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0070_guesses_are_counted_once"),
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
