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
        ("merchants", "0011_wishes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BankAccount",
            fields=[
                (
                    "merchant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="bank_account",
                        serialize=False,
                        to="merchants.merchant",
                    ),
                ),
                ("holder", models.CharField(max_length=60)),
                ("bank", models.CharField(max_length=60)),
                ("number_encrypted", models.TextField()),
                ("changed_at", models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name="Payout",
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
                ("openid", models.CharField(blank=True, max_length=128)),
                ("amount_fen", models.PositiveIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("unknown", "Unknown"),
                            ("waiting", "Waiting"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="pending",
                        max_length=9,
                    ),
                ),
                ("wechat_state", models.CharField(blank=True, max_length=32)),
                ("trouble", models.CharField(blank=True, max_length=64)),
                ("fail_reason", models.CharField(blank=True, max_length=64)),
                ("transfer_bill_no", models.CharField(blank=True, max_length=64)),
                ("package_info", models.TextField(blank=True)),
                (
                    "ordered_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("sent_at", models.DateTimeField(null=True)),
                ("cancel_asked_at", models.DateTimeField(null=True)),
                (
                    "next_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("finished_at", models.DateTimeField(null=True)),
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
                    "ordered_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "payee",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "statement",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="payouts",
                        to="merchants.statement",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PayoutCallback",
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
                ("event_id", models.CharField(max_length=64)),
                (
                    "received_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
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
                    "payout",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="callbacks",
                        to="merchants.payout",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="payout",
            index=models.Index(fields=["community", "-id"], name="payout_newest"),
        ),
        migrations.AddIndex(
            model_name="payout",
            index=models.Index(
                condition=models.Q(("state__in", ["pending", "unknown", "waiting"])),
                fields=["community", "next_at"],
                name="payout_owed",
            ),
        ),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["failed", "cancelled"]), _negated=True),
                fields=("community", "statement"),
                name="payout_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_fen__gt", 0)), name="payout_pays_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        models.Q(("openid", ""), _negated=True),
                        ("fail_reason", ""),
                        ("finished_at__isnull", True),
                        ("sent_at__isnull", True),
                        ("state", "pending"),
                    ),
                    models.Q(
                        models.Q(("openid", ""), _negated=True),
                        ("fail_reason", ""),
                        ("finished_at__isnull", True),
                        ("sent_at__isnull", False),
                        ("state__in", ["unknown", "waiting"]),
                    ),
                    models.Q(
                        ("fail_reason", ""),
                        ("finished_at__isnull", False),
                        ("openid", ""),
                        ("package_info", ""),
                        ("sent_at__isnull", False),
                        ("state", "succeeded"),
                    ),
                    models.Q(
                        ("finished_at__isnull", False),
                        ("openid", ""),
                        ("package_info", ""),
                        ("state__in", ["failed", "cancelled"]),
                    ),
                    _connector="OR",
                ),
                name="payout_state_is_complete",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="payout",
            trigger=pgtrigger.compiler.Trigger(
                name="payout_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="8989594d19f134e9ee286799e8428275cc0ca69b",
                    operation="DELETE",
                    pgid="pgtrigger_payout_stays_b0212",
                    table="merchants_payout",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="payout",
            trigger=pgtrigger.compiler.Trigger(
                name="payout_terms_are_final",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."statement_id" IS DISTINCT FROM (NEW."statement_id") OR OLD."payee_id" IS DISTINCT FROM (NEW."payee_id") OR OLD."amount_fen" IS DISTINCT FROM (NEW."amount_fen") OR OLD."ordered_by_id" IS DISTINCT FROM (NEW."ordered_by_id") OR OLD."ordered_at" IS DISTINCT FROM (NEW."ordered_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="777c4f003394780c9dd8ca0a972afb7ccae3c370",
                    operation="UPDATE",
                    pgid="pgtrigger_payout_terms_are_final_77680",
                    table="merchants_payout",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="payout",
            trigger=pgtrigger.compiler.Trigger(
                name="payout_goes_forward",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _is_valid_transition BOOLEAN;",
                    func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{pending:unknown,pending:cancelled,unknown:succeeded,unknown:failed,unknown:cancelled,waiting:succeeded,waiting:failed,waiting:cancelled,unknown:waiting}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;',
                    hash="b482406f86c17f92f746f2b4b32bc9a4d184d540",
                    operation="UPDATE",
                    pgid="pgtrigger_payout_goes_forward_c7149",
                    table="merchants_payout",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="payout",
            trigger=pgtrigger.compiler.Trigger(
                name="payout_goes_to_one_account",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.openid NOT IN ('', OLD.openid))",
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="9f104de22c32a608c99d3bfe949561327d4c2918",
                    operation="UPDATE",
                    pgid="pgtrigger_payout_goes_to_one_account_0f30d",
                    table="merchants_payout",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="payout",
            trigger=pgtrigger.compiler.Trigger(
                name="payout_end_is_final",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."finished_at" IS NOT NULL)',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="16610fac05bf63d78d6fa771aeb344a08a5fc270",
                    operation="UPDATE",
                    pgid="pgtrigger_payout_end_is_final_1d9e0",
                    table="merchants_payout",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="payoutcallback",
            constraint=models.UniqueConstraint(
                fields=("community", "event_id"), name="payout_callback_once"
            ),
        ),
    ]
