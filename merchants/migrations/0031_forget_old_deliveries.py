import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0030_receivers_that_give_no_answer"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="webhookdelivery",
            name="webhook_stays",
        ),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state", "pending"), _negated=True),
                fields=["community", "happened_at"],
                name="webhook_old",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="webhookdelivery",
            trigger=pgtrigger.compiler.Trigger(
                name="webhook_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.state = 'pending' OR OLD.happened_at > now() - INTERVAL '90 days')",
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="d777755b4f8b8ad2d8f85a0840f71400071bf841",
                    operation="DELETE",
                    pgid="pgtrigger_webhook_stays_c61df",
                    table="merchants_webhookdelivery",
                    when="BEFORE",
                ),
            ),
        ),
    ]
