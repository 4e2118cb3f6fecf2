from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0026_nobody_takes_their_own"),
    ]

    operations = [
        migrations.AddField(
            model_name="offer",
            name="staff_withdrew",
            field=models.BooleanField(default=False),
        ),
    ]
