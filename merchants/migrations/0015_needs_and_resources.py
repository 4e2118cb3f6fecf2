import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

import backend.ids


class Migration(migrations.Migration):
    dependencies = [
        ("communities", "0003_contact_and_join_code"),
        ("merchants", "0014_offline_scans"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ActivityMatch",
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
                ("activity_id", models.UUIDField()),
                ("activity_title", models.CharField(max_length=80)),
                (
                    "matched_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("ended_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="ListEntry",
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
                (
                    "kind",
                    models.CharField(
                        choices=[("need", "Need"), ("resource", "Resource")], max_length=8
                    ),
                ),
                ("title", models.CharField(max_length=60)),
                ("description", models.CharField(blank=True, max_length=500)),
                (
                    "added_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("closed_at", models.DateTimeField(null=True)),
            ],
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="statement",
            name="statement_figures_are_final",
        ),
        migrations.AddField(
            model_name="statement",
            name="services",
            field=models.JSONField(default=list),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statement",
            trigger=pgtrigger.compiler.Trigger(
                name="statement_figures_are_final",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."partnership_id" IS DISTINCT FROM (NEW."partnership_id") OR OLD."period_start" IS DISTINCT FROM (NEW."period_start") OR OLD."period_end" IS DISTINCT FROM (NEW."period_end") OR OLD."redemptions_count" IS DISTINCT FROM (NEW."redemptions_count") OR OLD."refunds_count" IS DISTINCT FROM (NEW."refunds_count") OR OLD."points" IS DISTINCT FROM (NEW."points") OR OLD."amount_fen" IS DISTINCT FROM (NEW."amount_fen") OR OLD."carried_fen" IS DISTINCT FROM (NEW."carried_fen") OR OLD."services" IS DISTINCT FROM (NEW."services") OR OLD."drafted_by_id" IS DISTINCT FROM (NEW."drafted_by_id"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="135c9b2f7f73d5ad5ee8cfef1a2c7b5d4e2112c3",
                    operation="UPDATE",
                    pgid="pgtrigger_statement_figures_are_final_55e46",
                    table="merchants_statement",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddField(
            model_name="activitymatch",
            name="community",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="communities.community",
            ),
        ),
        migrations.AddField(
            model_name="activitymatch",
            name="ended_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="activitymatch",
            name="matched_by",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="listentry",
            name="added_by",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="listentry",
            name="closed_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="listentry",
            name="community",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="communities.community",
            ),
        ),
        migrations.AddField(
            model_name="listentry",
            name="partnership",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="list_entries",
                to="merchants.partnership",
            ),
        ),
        migrations.AddField(
            model_name="activitymatch",
            name="entry",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="matches",
                to="merchants.listentry",
            ),
        ),
        migrations.AddIndex(
            model_name="listentry",
            index=models.Index(
                fields=["community", "partnership", "-id"], name="list_entry_of_partner"
            ),
        ),
        migrations.AddConstraint(
            model_name="listentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at__isnull", True), ("closed_by__isnull", True)),
                    models.Q(("closed_at__isnull", False), ("closed_by__isnull", False)),
                    _connector="OR",
                ),
                name="list_entry_closed_by_somebody",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="listentry",
            trigger=pgtrigger.compiler.Trigger(
                name="list_entry_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="bd4d89eccbf4b1e5f61e577da0149c4827a4bef7",
                    operation="DELETE",
                    pgid="pgtrigger_list_entry_stays_847ac",
                    table="merchants_listentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="listentry",
            trigger=pgtrigger.compiler.Trigger(
                name="list_entry_is_final",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."partnership_id" IS DISTINCT FROM (NEW."partnership_id") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."title" IS DISTINCT FROM (NEW."title") OR OLD."description" IS DISTINCT FROM (NEW."description") OR OLD."added_at" IS DISTINCT FROM (NEW."added_at") OR OLD."added_by_id" IS DISTINCT FROM (NEW."added_by_id"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="a5f8aecec63733ebcfc46a6f8c2c3ffa30fba5d0",
                    operation="UPDATE",
                    pgid="pgtrigger_list_entry_is_final_6323f",
                    table="merchants_listentry",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="activitymatch",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True)),
                fields=("community", "entry", "activity_id"),
                name="matched_once",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="activitymatch",
            trigger=pgtrigger.compiler.Trigger(
                name="match_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="50183961b4f84f1564e2a02eb5b6f6135b96223a",
                    operation="DELETE",
                    pgid="pgtrigger_match_stays_88b61",
                    table="merchants_activitymatch",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="activitymatch",
            trigger=pgtrigger.compiler.Trigger(
                name="match_is_final",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."entry_id" IS DISTINCT FROM (NEW."entry_id") OR OLD."activity_id" IS DISTINCT FROM (NEW."activity_id") OR OLD."activity_title" IS DISTINCT FROM (NEW."activity_title") OR OLD."matched_at" IS DISTINCT FROM (NEW."matched_at") OR OLD."matched_by_id" IS DISTINCT FROM (NEW."matched_by_id"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="40ccbf5eb01904b8db86a6f323fbab9ed126e96f",
                    operation="UPDATE",
                    pgid="pgtrigger_match_is_final_22c04",
                    table="merchants_activitymatch",
                    when="BEFORE",
                ),
            ),
        ),
    ]
