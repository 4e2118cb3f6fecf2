import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0018_refused_scans"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="payout",
            name="payout_state_is_complete",
        ),
        migrations.AddField(
            model_name="payout",
            name="last_sent_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="payout",
            name="sent_parameters",
            field=models.JSONField(blank=True, default=dict),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="payout",
            trigger=pgtrigger.compiler.Trigger(
                name="payout_is_sent_as_it_was",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.sent_parameters <> '{}' AND NEW.sent_parameters NOT IN ('{}', OLD.sent_parameters))",
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="e66c6cb3e96fd582680c9e84cbe955d8e31f73e0",
                    operation="UPDATE",
                    pgid="pgtrigger_payout_is_sent_as_it_was_746d8",
                    table="merchants_payout",
                    when="BEFORE",
                ),
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
                        ("sent_parameters", {}),
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
                        ("sent_parameters", {}),
                        ("state", "succeeded"),
                    ),
                    models.Q(
                        ("finished_at__isnull", False),
                        ("openid", ""),
                        ("package_info", ""),
                        ("sent_parameters", {}),
                        ("state__in", ["failed", "cancelled"]),
                    ),
                    _connector="OR",
                ),
                name="payout_state_is_complete",
            ),
        ),
        # Those on their way may have been sent again until now.
        migrations.RunSQL(
            "UPDATE merchants_payout SET last_sent_at = now()"
            " WHERE sent_at IS NOT NULL AND finished_at IS NULL",
            migrations.RunSQL.noop,
        ),
    ]
