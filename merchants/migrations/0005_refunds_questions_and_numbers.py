import django.contrib.postgres.constraints
import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

import backend.ids


class Migration(migrations.Migration):
    dependencies = [
        ("communities", "0003_contact_and_join_code"),
        ("merchants", "0004_amount_owed_and_settlement_day"),
        ("points", "0005_expire_points"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Refund",
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
                ("quantity", models.PositiveIntegerField()),
                ("points", models.PositiveBigIntegerField()),
                ("amount_fen", models.PositiveBigIntegerField()),
                ("reason", models.CharField(max_length=200)),
                ("refunded_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="StatementQuestion",
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
                ("line_id", models.UUIDField()),
                ("words", models.CharField(max_length=500)),
                (
                    "asked_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("answer", models.CharField(blank=True, max_length=500)),
                ("answered_at", models.DateTimeField(null=True)),
            ],
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="statement",
            name="statement_figures_are_final",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="statement",
            name="statement_goes_forward",
        ),
        migrations.RemoveConstraint(
            model_name="statement",
            name="statement_status_is_complete",
        ),
        migrations.AddField(
            model_name="redemption",
            name="refunded_quantity",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="statement",
            name="carried_fen",
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="statement",
            name="digest",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="statement",
            name="number_in_year",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="statement",
            name="number_year",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="statement",
            name="refunds_count",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name="statement",
            name="amount_fen",
            field=models.BigIntegerField(),
        ),
        migrations.AlterField(
            model_name="statement",
            name="points",
            field=models.BigIntegerField(),
        ),
        # It names the column that changes.
        pgtrigger.migrations.RemoveTrigger(
            model_name="statement",
            name="paid_statement_is_final",
        ),
        migrations.AlterField(
            model_name="statement",
            name="status",
            field=models.CharField(
                choices=[
                    ("draft", "Draft"),
                    ("questioned", "Questioned"),
                    ("approved", "Approved"),
                    ("paid", "Paid"),
                ],
                default="draft",
                max_length=10,
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statement",
            trigger=pgtrigger.compiler.Trigger(
                name="paid_statement_is_final",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.\"status\" = 'paid')",
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="76adc18d6286a500f7c25385a9bf8d031217275f",
                    operation="UPDATE",
                    pgid="pgtrigger_paid_statement_is_final_9f840",
                    table="merchants_statement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="redemption",
            trigger=pgtrigger.compiler.Trigger(
                name="redemption_counts_its_refunds",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.refunded_quantity IS DISTINCT FROM NEW.refunded_quantity AND pg_trigger_depth() = 0)",
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="970f0238ff2811c900060675cb523354e5980ba2",
                    operation="UPDATE",
                    pgid="pgtrigger_redemption_counts_its_refunds_c44a6",
                    table="merchants_redemption",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statement",
            trigger=pgtrigger.compiler.Trigger(
                name="statement_figures_are_final",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."partnership_id" IS DISTINCT FROM (NEW."partnership_id") OR OLD."period_start" IS DISTINCT FROM (NEW."period_start") OR OLD."period_end" IS DISTINCT FROM (NEW."period_end") OR OLD."redemptions_count" IS DISTINCT FROM (NEW."redemptions_count") OR OLD."refunds_count" IS DISTINCT FROM (NEW."refunds_count") OR OLD."points" IS DISTINCT FROM (NEW."points") OR OLD."amount_fen" IS DISTINCT FROM (NEW."amount_fen") OR OLD."carried_fen" IS DISTINCT FROM (NEW."carried_fen") OR OLD."drafted_by_id" IS DISTINCT FROM (NEW."drafted_by_id"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="e96aaf70a4fd8993c6b39b212ca70f65be146452",
                    operation="UPDATE",
                    pgid="pgtrigger_statement_figures_are_final_55e46",
                    table="merchants_statement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statement",
            trigger=pgtrigger.compiler.Trigger(
                name="statement_goes_forward",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _is_valid_transition BOOLEAN;",
                    func='SELECT CONCAT(OLD."status", \':\', NEW."status") = ANY(\'{draft:questioned,questioned:draft,draft:approved,approved:paid}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."status" IS DISTINCT FROM NEW."status") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "status" from "%" to "%" on table %\', OLD."status", NEW."status", TG_TABLE_NAME; ELSE RETURN NEW; END IF;',
                    hash="a141f2e1374b27108a2f6650ed8e4edc81ac8aff",
                    operation="UPDATE",
                    pgid="pgtrigger_statement_goes_forward_e2ed7",
                    table="merchants_statement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statement",
            trigger=pgtrigger.compiler.Trigger(
                name="statement_agreed_on_has_a_number",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status = 'draft' AND NEW.status = 'approved' AND NEW.digest = '')",
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="5957f0c2ebb87d4fb8dc5e284926d23521519f77",
                    operation="UPDATE",
                    pgid="pgtrigger_statement_agreed_on_has_a_number_bb3f2",
                    table="merchants_statement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statement",
            trigger=pgtrigger.compiler.Trigger(
                name="statement_agreed_on_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.status IN ('approved', 'paid') AND (OLD.number_year, OLD.number_in_year, OLD.digest, OLD.approved_by_id, OLD.approved_at) IS DISTINCT FROM (NEW.number_year, NEW.number_in_year, NEW.digest, NEW.approved_by_id, NEW.approved_at))",
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="9f8763d2d1a5618a838ebd9e8b9495df6830d578",
                    operation="UPDATE",
                    pgid="pgtrigger_statement_agreed_on_stays_f2535",
                    table="merchants_statement",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("refunded_quantity", 0),
                    models.Q(
                        ("refunded_quantity__lte", models.F("quantity")), ("status", "redeemed")
                    ),
                    _connector="OR",
                ),
                name="refunded_at_most_what_was_redeemed",
            ),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.UniqueConstraint(
                fields=("community", "number_year", "number_in_year"), name="statement_number_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[
                    ("community", "="),
                    ("partnership", "="),
                    (
                        models.Func(
                            models.F("period_start"), models.F("period_end"), function="daterange"
                        ),
                        "&&",
                    ),
                ],
                name="statement_periods_apart",
            ),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.CheckConstraint(
                condition=models.Q(("carried_fen__lte", 0)), name="statement_carries_debts_only"
            ),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("digest", ""),
                        ("number_in_year__isnull", True),
                        ("number_year__isnull", True),
                    ),
                    models.Q(
                        ("digest__regex", "^[0-9a-f]{64}$"),
                        ("number_in_year__isnull", False),
                        ("number_year__isnull", False),
                        ("status__in", ["approved", "paid"]),
                    ),
                    _connector="OR",
                ),
                name="statement_numbered_when_agreed_on",
            ),
        ),
        # Who paid what they had approved before this was refused stays on record.
        AddConstraintNotValid(
            model_name="statement",
            constraint=models.CheckConstraint(
                condition=models.Q(("paid_by", models.F("approved_by")), _negated=True),
                name="statement_paid_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("approved_at__isnull", True),
                        ("paid_at__isnull", True),
                        ("status__in", ["draft", "questioned"]),
                    ),
                    models.Q(
                        ("approved_at__isnull", False),
                        ("approved_by__isnull", False),
                        ("paid_at__isnull", True),
                        ("status", "approved"),
                    ),
                    models.Q(
                        ("approved_at__isnull", False),
                        ("approved_by__isnull", False),
                        ("paid_at__isnull", False),
                        ("paid_by__isnull", False),
                        ("status", "paid"),
                    ),
                    _connector="OR",
                ),
                name="statement_status_is_complete",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="community",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="communities.community",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="partnership",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refunds",
                to="merchants.partnership",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="redemption",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refunds",
                to="merchants.redemption",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="refunded_by",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="reversal",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="points.reversal",
            ),
        ),
        migrations.AddField(
            model_name="refund",
            name="statement",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="refunds",
                to="merchants.statement",
            ),
        ),
        migrations.AddField(
            model_name="statementquestion",
            name="answered_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="statementquestion",
            name="asked_by",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="statementquestion",
            name="community",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="communities.community",
            ),
        ),
        migrations.AddField(
            model_name="statementquestion",
            name="statement",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="questions",
                to="merchants.statement",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["community", "redemption"], name="refund_of_redemption"),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(("statement__isnull", True)),
                fields=["community", "partnership", "refunded_at"],
                name="refund_unsettled",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["community", "statement"], name="refund_in_statement"),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("quantity__gt", 0)), name="refund_of_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="refund_has_a_reason"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refund",
            trigger=pgtrigger.compiler.Trigger(
                name="refund_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="b3cb3e6683163d799a3b45905f0046f82985c516",
                    operation="DELETE",
                    pgid="pgtrigger_refund_stays_db45e",
                    table="merchants_refund",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refund",
            trigger=pgtrigger.compiler.Trigger(
                name="refund_is_final",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."redemption_id" IS DISTINCT FROM (NEW."redemption_id") OR OLD."partnership_id" IS DISTINCT FROM (NEW."partnership_id") OR OLD."quantity" IS DISTINCT FROM (NEW."quantity") OR OLD."points" IS DISTINCT FROM (NEW."points") OR OLD."amount_fen" IS DISTINCT FROM (NEW."amount_fen") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."refunded_at" IS DISTINCT FROM (NEW."refunded_at") OR OLD."refunded_by_id" IS DISTINCT FROM (NEW."refunded_by_id") OR OLD."reversal_id" IS DISTINCT FROM (NEW."reversal_id"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="a8404a5b86568d2e68fcfeae1155accc5ccbbfd1",
                    operation="UPDATE",
                    pgid="pgtrigger_refund_is_final_04fa0",
                    table="merchants_refund",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refund",
            trigger=pgtrigger.compiler.Trigger(
                name="refund_settled_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."statement_id" IS NOT NULL)',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="aeea6dc5a0620701b7ed0ad2aa564729e98aff60",
                    operation="UPDATE",
                    pgid="pgtrigger_refund_settled_once_858e4",
                    table="merchants_refund",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refund",
            trigger=pgtrigger.compiler.Trigger(
                name="refund_is_counted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n                    UPDATE merchants_redemption\n                    SET refunded_quantity = refunded_quantity + NEW.quantity\n                    WHERE community_id = NEW.community_id AND id = NEW.redemption_id;\n                    RETURN NULL;\n                ",
                    hash="6be9d962933e8569533a0724d842b5a1d56db23f",
                    operation="INSERT",
                    pgid="pgtrigger_refund_is_counted_675e7",
                    table="merchants_refund",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="statementquestion",
            index=models.Index(
                fields=["community", "statement", "-id"], name="question_of_statement"
            ),
        ),
        migrations.AddConstraint(
            model_name="statementquestion",
            constraint=models.CheckConstraint(
                condition=models.Q(("answered_by", models.F("asked_by")), _negated=True),
                name="question_answered_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="statementquestion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("answer", ""), ("answered_at__isnull", True), ("answered_by__isnull", True)
                    ),
                    models.Q(
                        models.Q(("answer", ""), _negated=True),
                        ("answered_at__isnull", False),
                        ("answered_by__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="question_answer_is_complete",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statementquestion",
            trigger=pgtrigger.compiler.Trigger(
                name="question_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="284ee41e7f293de818946aa1292cdd61e0ae106a",
                    operation="DELETE",
                    pgid="pgtrigger_question_stays_62dca",
                    table="merchants_statementquestion",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statementquestion",
            trigger=pgtrigger.compiler.Trigger(
                name="question_as_it_was_asked",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."statement_id" IS DISTINCT FROM (NEW."statement_id") OR OLD."line_id" IS DISTINCT FROM (NEW."line_id") OR OLD."words" IS DISTINCT FROM (NEW."words") OR OLD."asked_by_id" IS DISTINCT FROM (NEW."asked_by_id") OR OLD."asked_at" IS DISTINCT FROM (NEW."asked_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="33801ee9763b8804ae5101d745dd700e6c136212",
                    operation="UPDATE",
                    pgid="pgtrigger_question_as_it_was_asked_c5ee1",
                    table="merchants_statementquestion",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statementquestion",
            trigger=pgtrigger.compiler.Trigger(
                name="question_answered_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."answered_at" IS NOT NULL)',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="6c4dcdb991c7b821d57ef1255c64bb539de9f935",
                    operation="UPDATE",
                    pgid="pgtrigger_question_answered_once_32df3",
                    table="merchants_statementquestion",
                    when="BEFORE",
                ),
            ),
        ),
    ]
