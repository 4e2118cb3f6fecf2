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
        ("merchants", "0012_payouts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="WebhookDelivery",
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
                ("event", models.CharField(max_length=30)),
                ("object_id", models.UUIDField()),
                ("data", models.JSONField()),
                ("happened_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Pending"),
                            ("delivered", "Delivered"),
                            ("failed", "Failed"),
                        ],
                        default="pending",
                        max_length=9,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_at", models.DateTimeField()),
                ("last_status", models.PositiveSmallIntegerField(null=True)),
                ("trouble", models.CharField(blank=True, max_length=40)),
                ("delivered_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="WebhookEndpoint",
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
                ("url", models.CharField(max_length=500)),
                ("secret_encrypted", models.TextField()),
                ("old_secret_encrypted", models.TextField(blank=True)),
                ("old_secret_until", models.DateTimeField(null=True)),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("disabled_at", models.DateTimeField(null=True)),
                ("disabled_because", models.CharField(blank=True, max_length=10)),
            ],
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="redemption",
            trigger=pgtrigger.compiler.Trigger(
                name="redemption_is_told",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.\"status\" = 'redeemed' AND OLD.\"status\" = 'held')",
                    func="\n        INSERT INTO merchants_webhookdelivery (id, community_id, endpoint_id, event, object_id,\n            data, happened_at, next_at, state, attempts, trouble)\n        SELECT (\n    lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'\n    || substr(replace(gen_random_uuid()::text, '-', ''), 14, 3)\n    || substr(replace(gen_random_uuid()::text, '-', ''), 17, 16)\n)::uuid, NEW.community_id, e.id, 'redemption.redeemed', NEW.id,\n            jsonb_build_object('redemption_id', NEW.id, 'offer_id', NEW.offer_id, 'quantity', NEW.quantity, 'price_points', NEW.price_points, 'amount_fen', NEW.amount_fen, 'redeemed_at', NEW.closed_at), clock_timestamp(), clock_timestamp(), 'pending', 0, ''\n        FROM merchants_webhookendpoint e JOIN merchants_partnership p\n            ON p.merchant_id = e.merchant_id\n        WHERE p.id = NEW.partnership_id AND e.disabled_at IS NULL;\n        RETURN NULL;\n    ",
                    hash="1b8ef8e721a73762cf082f3e1c9e3aa5bc5963ef",
                    operation="UPDATE",
                    pgid="pgtrigger_redemption_is_told_ee5a8",
                    table="merchants_redemption",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="refund",
            trigger=pgtrigger.compiler.Trigger(
                name="refund_is_told",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n        INSERT INTO merchants_webhookdelivery (id, community_id, endpoint_id, event, object_id,\n            data, happened_at, next_at, state, attempts, trouble)\n        SELECT (\n    lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'\n    || substr(replace(gen_random_uuid()::text, '-', ''), 14, 3)\n    || substr(replace(gen_random_uuid()::text, '-', ''), 17, 16)\n)::uuid, NEW.community_id, e.id, 'redemption.refunded', NEW.redemption_id,\n            jsonb_build_object('redemption_id', NEW.redemption_id, 'refund_id', NEW.id, 'quantity', NEW.quantity, 'points', NEW.points, 'amount_fen', NEW.amount_fen, 'refunded_at', NEW.refunded_at), clock_timestamp(), clock_timestamp(), 'pending', 0, ''\n        FROM merchants_webhookendpoint e JOIN merchants_partnership p\n            ON p.merchant_id = e.merchant_id\n        WHERE p.id = NEW.partnership_id AND e.disabled_at IS NULL;\n        RETURN NULL;\n    ",
                    hash="0beda3987d6b046c543cc009b79832576bb08ee2",
                    operation="INSERT",
                    pgid="pgtrigger_refund_is_told_f4a51",
                    table="merchants_refund",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statement",
            trigger=pgtrigger.compiler.Trigger(
                name="statement_draft_is_told",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n        INSERT INTO merchants_webhookdelivery (id, community_id, endpoint_id, event, object_id,\n            data, happened_at, next_at, state, attempts, trouble)\n        SELECT (\n    lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'\n    || substr(replace(gen_random_uuid()::text, '-', ''), 14, 3)\n    || substr(replace(gen_random_uuid()::text, '-', ''), 17, 16)\n)::uuid, NEW.community_id, e.id, 'statement.' || CASE NEW.status WHEN 'draft' THEN 'drafted' ELSE NEW.status END, NEW.id,\n            jsonb_build_object('statement_id', NEW.id, 'status', NEW.status, 'period_start', NEW.period_start, 'period_end', NEW.period_end, 'points', NEW.points, 'amount_fen', NEW.amount_fen, 'carried_fen', NEW.carried_fen, 'number_year', NEW.number_year, 'number_in_year', NEW.number_in_year, 'digest', NEW.digest), clock_timestamp(), clock_timestamp(), 'pending', 0, ''\n        FROM merchants_webhookendpoint e JOIN merchants_partnership p\n            ON p.merchant_id = e.merchant_id\n        WHERE p.id = NEW.partnership_id AND e.disabled_at IS NULL;\n        RETURN NULL;\n    ",
                    hash="24a8bc8bc252a275735765f1a6575c3bc3b818e1",
                    operation="INSERT",
                    pgid="pgtrigger_statement_draft_is_told_f6ede",
                    table="merchants_statement",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statement",
            trigger=pgtrigger.compiler.Trigger(
                name="statement_is_told",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."status" IS DISTINCT FROM (NEW."status"))',
                    func="\n        INSERT INTO merchants_webhookdelivery (id, community_id, endpoint_id, event, object_id,\n            data, happened_at, next_at, state, attempts, trouble)\n        SELECT (\n    lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'\n    || substr(replace(gen_random_uuid()::text, '-', ''), 14, 3)\n    || substr(replace(gen_random_uuid()::text, '-', ''), 17, 16)\n)::uuid, NEW.community_id, e.id, 'statement.' || CASE NEW.status WHEN 'draft' THEN 'drafted' ELSE NEW.status END, NEW.id,\n            jsonb_build_object('statement_id', NEW.id, 'status', NEW.status, 'period_start', NEW.period_start, 'period_end', NEW.period_end, 'points', NEW.points, 'amount_fen', NEW.amount_fen, 'carried_fen', NEW.carried_fen, 'number_year', NEW.number_year, 'number_in_year', NEW.number_in_year, 'digest', NEW.digest), clock_timestamp(), clock_timestamp(), 'pending', 0, ''\n        FROM merchants_webhookendpoint e JOIN merchants_partnership p\n            ON p.merchant_id = e.merchant_id\n        WHERE p.id = NEW.partnership_id AND e.disabled_at IS NULL;\n        RETURN NULL;\n    ",
                    hash="5552ad2c324e6e403bdce08c522f6fe9b41a2d85",
                    operation="UPDATE",
                    pgid="pgtrigger_statement_is_told_1148c",
                    table="merchants_statement",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="community",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="communities.community",
            ),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="made_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="merchant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="webhooks",
                to="merchants.merchant",
            ),
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="endpoint",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deliveries",
                to="merchants.webhookendpoint",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.UniqueConstraint(fields=("merchant", "url"), name="webhook_url_once"),
        ),
        migrations.AddConstraint(
            model_name="webhookendpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("disabled_at__isnull", True), ("disabled_because", "")),
                    models.Q(
                        ("disabled_at__isnull", False),
                        ("disabled_because__in", ["owner", "failing"]),
                    ),
                    _connector="OR",
                ),
                name="webhook_disabled_for_a_reason",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state", "pending")),
                fields=["community", "next_at"],
                name="webhook_owed",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state", "pending")),
                fields=["community", "endpoint", "object_id", "happened_at"],
                name="webhook_in_order",
            ),
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["community", "endpoint", "-id"], name="webhook_newest"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookdelivery",
            trigger=pgtrigger.compiler.Trigger(
                name="webhook_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="2186668cccad5981f4336460f5e372eb7c0a91bc",
                    operation="DELETE",
                    pgid="pgtrigger_webhook_stays_c61df",
                    table="merchants_webhookdelivery",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookdelivery",
            trigger=pgtrigger.compiler.Trigger(
                name="webhook_says_what_happened",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."endpoint_id" IS DISTINCT FROM (NEW."endpoint_id") OR OLD."event" IS DISTINCT FROM (NEW."event") OR OLD."object_id" IS DISTINCT FROM (NEW."object_id") OR OLD."data" IS DISTINCT FROM (NEW."data") OR OLD."happened_at" IS DISTINCT FROM (NEW."happened_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="6cbdf36956778210f7a9662f0dcd81dae278169a",
                    operation="UPDATE",
                    pgid="pgtrigger_webhook_says_what_happened_01fad",
                    table="merchants_webhookdelivery",
                    when="BEFORE",
                ),
            ),
        ),
    ]
