import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0031_forget_old_deliveries"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="redemption",
            name="redemption_is_told",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="refund",
            name="refund_is_told",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="statement",
            name="statement_draft_is_told",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="statement",
            name="statement_is_told",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="redemption",
            trigger=pgtrigger.compiler.Trigger(
                name="redemption_is_told",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (NEW.\"status\" = 'redeemed' AND OLD.\"status\" = 'held')",
                    func="\n        INSERT INTO merchants_webhookdelivery (id, community_id, endpoint_id, event, object_id,\n            data, happened_at, next_at, state, attempts, trouble)\n        SELECT (\n    lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'\n    || substr(replace(gen_random_uuid()::text, '-', ''), 14, 3)\n    || substr(replace(gen_random_uuid()::text, '-', ''), 17, 16)\n)::uuid, NEW.community_id, e.id, 'redemption.redeemed', NEW.id,\n            jsonb_build_object('community_id', NEW.community_id, 'partnership_id', NEW.partnership_id, 'redemption_id', NEW.id, 'offer_id', NEW.offer_id, 'quantity', NEW.quantity, 'price_points', NEW.price_points, 'amount_fen', NEW.amount_fen, 'redeemed_at', NEW.closed_at), clock_timestamp(), clock_timestamp(), 'pending', 0, ''\n        FROM merchants_webhookendpoint e JOIN merchants_partnership p\n            ON p.merchant_id = e.merchant_id\n        WHERE p.id = NEW.partnership_id AND e.disabled_at IS NULL;\n        RETURN NULL;\n    ",
                    hash="3ae61ea2263784f76b6e7e0b3a941f8d85b7c819",
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
                    func="\n        INSERT INTO merchants_webhookdelivery (id, community_id, endpoint_id, event, object_id,\n            data, happened_at, next_at, state, attempts, trouble)\n        SELECT (\n    lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'\n    || substr(replace(gen_random_uuid()::text, '-', ''), 14, 3)\n    || substr(replace(gen_random_uuid()::text, '-', ''), 17, 16)\n)::uuid, NEW.community_id, e.id, 'redemption.refunded', NEW.redemption_id,\n            jsonb_build_object('community_id', NEW.community_id, 'partnership_id', NEW.partnership_id, 'redemption_id', NEW.redemption_id, 'refund_id', NEW.id, 'quantity', NEW.quantity, 'points', NEW.points, 'amount_fen', NEW.amount_fen, 'refunded_at', NEW.refunded_at), clock_timestamp(), clock_timestamp(), 'pending', 0, ''\n        FROM merchants_webhookendpoint e JOIN merchants_partnership p\n            ON p.merchant_id = e.merchant_id\n        WHERE p.id = NEW.partnership_id AND e.disabled_at IS NULL;\n        RETURN NULL;\n    ",
                    hash="f2f34560dc6e2f00612bffaa1c566f9573c588b4",
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
                    func="\n        INSERT INTO merchants_webhookdelivery (id, community_id, endpoint_id, event, object_id,\n            data, happened_at, next_at, state, attempts, trouble)\n        SELECT (\n    lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'\n    || substr(replace(gen_random_uuid()::text, '-', ''), 14, 3)\n    || substr(replace(gen_random_uuid()::text, '-', ''), 17, 16)\n)::uuid, NEW.community_id, e.id, 'statement.' || CASE NEW.status WHEN 'draft' THEN 'drafted' ELSE NEW.status END, NEW.id,\n            jsonb_build_object('community_id', NEW.community_id, 'partnership_id', NEW.partnership_id, 'statement_id', NEW.id, 'status', NEW.status, 'period_start', NEW.period_start, 'period_end', NEW.period_end, 'points', NEW.points, 'amount_fen', NEW.amount_fen, 'carried_fen', NEW.carried_fen, 'number_year', NEW.number_year, 'number_in_year', NEW.number_in_year, 'digest', NEW.digest), clock_timestamp(), clock_timestamp(), 'pending', 0, ''\n        FROM merchants_webhookendpoint e JOIN merchants_partnership p\n            ON p.merchant_id = e.merchant_id\n        WHERE p.id = NEW.partnership_id AND e.disabled_at IS NULL;\n        RETURN NULL;\n    ",
                    hash="3e92b26b67b628d5fff07cdaf07e6205e110c8d6",
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
                    func="\n        INSERT INTO merchants_webhookdelivery (id, community_id, endpoint_id, event, object_id,\n            data, happened_at, next_at, state, attempts, trouble)\n        SELECT (\n    lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'\n    || substr(replace(gen_random_uuid()::text, '-', ''), 14, 3)\n    || substr(replace(gen_random_uuid()::text, '-', ''), 17, 16)\n)::uuid, NEW.community_id, e.id, 'statement.' || CASE NEW.status WHEN 'draft' THEN 'drafted' ELSE NEW.status END, NEW.id,\n            jsonb_build_object('community_id', NEW.community_id, 'partnership_id', NEW.partnership_id, 'statement_id', NEW.id, 'status', NEW.status, 'period_start', NEW.period_start, 'period_end', NEW.period_end, 'points', NEW.points, 'amount_fen', NEW.amount_fen, 'carried_fen', NEW.carried_fen, 'number_year', NEW.number_year, 'number_in_year', NEW.number_in_year, 'digest', NEW.digest), clock_timestamp(), clock_timestamp(), 'pending', 0, ''\n        FROM merchants_webhookendpoint e JOIN merchants_partnership p\n            ON p.merchant_id = e.merchant_id\n        WHERE p.id = NEW.partnership_id AND e.disabled_at IS NULL;\n        RETURN NULL;\n    ",
                    hash="993316119ed7eec6c8bcb2fc02ace30c67decec7",
                    operation="UPDATE",
                    pgid="pgtrigger_statement_is_told_1148c",
                    table="merchants_statement",
                    when="AFTER",
                ),
            ),
        ),
    ]
