import django.db.models.functions.datetime
from django.db import migrations, models

import backend.ids


class Migration(migrations.Migration):
    """Numbers that their people took off the record: no list puts them back."""

    dependencies = [("accounts", "0003_guardians_and_erasure")]

    operations = [
        migrations.CreateModel(
            name="WithdrawnNumber",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=backend.ids.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                (
                    "withdrawn_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
        ),
    ]
