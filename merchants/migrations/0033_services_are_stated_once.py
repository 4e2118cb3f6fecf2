import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

import backend.ids


class Migration(migrations.Migration):
    dependencies = [
        ("communities", "0003_contact_and_join_code"),
        ("merchants", "0032_deliveries_name_the_community"),
    ]

    operations = [
        migrations.CreateModel(
            name="StatedAttendance",
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
                ("attendance_id", models.UUIDField()),
                (
                    "community",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="communities.community",
                    ),
                ),
                (
                    "partnership",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="merchants.partnership",
                    ),
                ),
                (
                    "statement",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="merchants.statement",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("community", "partnership", "attendance_id"),
                        name="attendance_stated_once",
                    )
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statedattendance",
            trigger=pgtrigger.compiler.Trigger(
                name="stated_attendance_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="4e7e8a355aa64b1c6df1cc2945fc25782693e2f7",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_stated_attendance_stays_44123",
                    table="merchants_statedattendance",
                    when="BEFORE",
                ),
            ),
        ),
    ]
