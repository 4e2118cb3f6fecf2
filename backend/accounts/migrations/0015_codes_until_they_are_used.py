from django.db import migrations, models


class Migration(migrations.Migration):
    """A guardian's code can be read by the child until it is used, for an answer may be lost."""

    dependencies = [
        ("accounts", "0010_withdrawn_numbers"),
    ]

    operations = [
        migrations.AddField(
            model_name="guardiancode",
            name="code_encrypted",
            field=models.TextField(blank=True),
        ),
    ]
