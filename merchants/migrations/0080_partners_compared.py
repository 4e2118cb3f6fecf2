from typing import Any

from django.db import migrations, models

import backend.names


def compare(apps: Any, schema_editor: Any) -> None:
    """The field writes itself whenever its row is saved."""
    for row in apps.get_model("merchants", "Partnership").objects.order_by("pk").iterator():
        row.save(update_fields=["name_compared"])


class Migration(migrations.Migration):
    """Partners whose names differ in width, blanks or brackets are one."""

    dependencies = [("merchants", "0070_guesses_are_counted_once")]

    operations = [
        migrations.RemoveConstraint(model_name="partnership", name="partner_name_once"),
        migrations.AddField(
            model_name="partnership",
            name="name_compared",
            field=backend.names.ComparedField(null=True, of="name"),
        ),
        migrations.RunPython(compare, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="partnership",
            name="name_compared",
            field=backend.names.ComparedField(of="name"),
        ),
        migrations.AddConstraint(
            model_name="partnership",
            constraint=models.UniqueConstraint(
                name="partner_name_once", fields=["community", "name_compared"]
            ),
        ),
    ]
