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
        ("merchants", "0016_pictures"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Fair",
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
                ("title", models.CharField(max_length=60)),
                ("place", models.CharField(blank=True, max_length=120)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                (
                    "announced_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("cancelled_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="FairStall",
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
            ],
        ),
        migrations.AddField(
            model_name="partnership",
            name="shop_code",
            field=models.CharField(max_length=12, null=True),
        ),
        migrations.AddConstraint(
            model_name="partnership",
            constraint=models.UniqueConstraint(
                fields=("community", "shop_code"), name="shop_code_once"
            ),
        ),
        migrations.AddField(
            model_name="fair",
            name="announced_by",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="fair",
            name="cancelled_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="fair",
            name="community",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="communities.community",
            ),
        ),
        migrations.AddField(
            model_name="fairstall",
            name="community",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="communities.community",
            ),
        ),
        migrations.AddField(
            model_name="fairstall",
            name="fair",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="stalls",
                to="merchants.fair",
            ),
        ),
        migrations.AddField(
            model_name="fairstall",
            name="partnership",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="stalls",
                to="merchants.partnership",
            ),
        ),
        migrations.AddField(
            model_name="fair",
            name="partners",
            field=models.ManyToManyField(
                related_name="+", through="merchants.FairStall", to="merchants.partnership"
            ),
        ),
        migrations.AddIndex(
            model_name="fairstall",
            index=models.Index(fields=["community", "partnership"], name="stall_of_partner"),
        ),
        migrations.AddConstraint(
            model_name="fairstall",
            constraint=models.UniqueConstraint(
                fields=("community", "fair", "partnership"), name="stall_once"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="fairstall",
            trigger=pgtrigger.compiler.Trigger(
                name="stall_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="bb12fccc611498685e2bda6123a8312a64466b25",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_stall_stays_3221d",
                    table="merchants_fairstall",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="fair",
            index=models.Index(fields=["community", "ends_at"], name="fair_by_end"),
        ),
        migrations.AddConstraint(
            model_name="fair",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                name="fair_ends_after_it_begins",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="fair",
            trigger=pgtrigger.compiler.Trigger(
                name="fair_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="0d6359d6b54c08ee8a253fa63076aefbd435bd01",
                    operation="DELETE",
                    pgid="pgtrigger_fair_stays_a9fc9",
                    table="merchants_fair",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="fair",
            trigger=pgtrigger.compiler.Trigger(
                name="fair_is_final",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."title" IS DISTINCT FROM (NEW."title") OR OLD."place" IS DISTINCT FROM (NEW."place") OR OLD."starts_at" IS DISTINCT FROM (NEW."starts_at") OR OLD."ends_at" IS DISTINCT FROM (NEW."ends_at") OR OLD."announced_at" IS DISTINCT FROM (NEW."announced_at") OR OLD."announced_by_id" IS DISTINCT FROM (NEW."announced_by_id"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="17bd9e53f4bb227b41a60b3f0e11732705a1e341",
                    operation="UPDATE",
                    pgid="pgtrigger_fair_is_final_845b6",
                    table="merchants_fair",
                    when="BEFORE",
                ),
            ),
        ),
    ]
