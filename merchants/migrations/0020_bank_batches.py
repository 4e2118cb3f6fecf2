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
        ("merchants", "0019_payouts_sent_as_they_were"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BankBatch",
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
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("cancelled_at", models.DateTimeField(null=True)),
                (
                    "cancelled_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
                    "made_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BankBatchLine",
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
                ("freed_at", models.DateTimeField(null=True)),
                (
                    "batch",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="merchants.bankbatch",
                    ),
                ),
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
                    "statement",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bank_lines",
                        to="merchants.statement",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="bankbatch",
            index=models.Index(fields=["community", "-id"], name="bank_batch_newest"),
        ),
        migrations.AddConstraint(
            model_name="bankbatch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("cancelled_at__isnull", True), ("cancelled_by__isnull", True)),
                    models.Q(("cancelled_at__isnull", False), ("cancelled_by__isnull", False)),
                    _connector="OR",
                ),
                name="bank_batch_cancel_is_complete",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bankbatch",
            trigger=pgtrigger.compiler.Trigger(
                name="bank_batch_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="1aed52d0c05f5cd63dd396b6aa00afb6fa6cb2a2",
                    operation="DELETE",
                    pgid="pgtrigger_bank_batch_stays_b8fff",
                    table="merchants_bankbatch",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bankbatch",
            trigger=pgtrigger.compiler.Trigger(
                name="bank_batch_as_it_was_made",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."made_at" IS DISTINCT FROM (NEW."made_at") OR OLD."made_by_id" IS DISTINCT FROM (NEW."made_by_id"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="fa6f8aa2b6c0548ce8737fec38c3be482009715f",
                    operation="UPDATE",
                    pgid="pgtrigger_bank_batch_as_it_was_made_e5d84",
                    table="merchants_bankbatch",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bankbatch",
            trigger=pgtrigger.compiler.Trigger(
                name="bank_batch_cancelled_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."cancelled_at" IS NOT NULL)',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="2bf23478f0bf21f44867925fef233ebacd95afb3",
                    operation="UPDATE",
                    pgid="pgtrigger_bank_batch_cancelled_once_2b312",
                    table="merchants_bankbatch",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="bankbatchline",
            constraint=models.UniqueConstraint(
                condition=models.Q(("freed_at__isnull", True)),
                fields=("community", "statement"),
                name="bank_line_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="bankbatchline",
            constraint=models.UniqueConstraint(
                fields=("community", "batch", "statement"), name="bank_line_of_batch"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bankbatchline",
            trigger=pgtrigger.compiler.Trigger(
                name="bank_line_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="52bba52ddc94e19afddd0229d053f5f67442f609",
                    operation="DELETE",
                    pgid="pgtrigger_bank_line_stays_36e99",
                    table="merchants_bankbatchline",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bankbatchline",
            trigger=pgtrigger.compiler.Trigger(
                name="bank_line_as_it_was_made",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."batch_id" IS DISTINCT FROM (NEW."batch_id") OR OLD."statement_id" IS DISTINCT FROM (NEW."statement_id"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="ca039e7b337d4a8c78332cc98c141a2c674b97d9",
                    operation="UPDATE",
                    pgid="pgtrigger_bank_line_as_it_was_made_06d79",
                    table="merchants_bankbatchline",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="bankbatchline",
            trigger=pgtrigger.compiler.Trigger(
                name="bank_line_freed_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."freed_at" IS NOT NULL)',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="b953d57c0d6789870af3c9b8cb2543b32c19e3b0",
                    operation="UPDATE",
                    pgid="pgtrigger_bank_line_freed_once_80a93",
                    table="merchants_bankbatchline",
                    when="BEFORE",
                ),
            ),
        ),
    ]
