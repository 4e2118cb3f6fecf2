from typing import Any

from django.db import migrations, models

import backend.names


def compare(apps: Any, schema_editor: Any) -> None:
    """The field writes itself whenever its row is saved."""
    for row in apps.get_model("volunteers", "Activity").objects.order_by("pk").iterator():
        row.save(update_fields=["title_compared"])


class Migration(migrations.Migration):
    """Activities whose titles differ in width, blanks or brackets are one to a list of hours."""

    dependencies = [("volunteers", "0010_what_a_phone_claims")]

    operations = [
        migrations.RemoveIndex(model_name="activity", name="activity_by_title"),
        migrations.AddField(
            model_name="activity",
            name="title_compared",
            field=backend.names.ComparedField(null=True, of="title"),
        ),
        migrations.RunPython(compare, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="activity",
            name="title_compared",
            field=backend.names.ComparedField(of="title"),
        ),
        migrations.AddIndex(
            model_name="activity",
            index=models.Index(name="activity_by_title", fields=["community", "title_compared"]),
        ),
    ]
