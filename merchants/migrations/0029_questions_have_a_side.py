import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

# Whoever worked for the merchant when they asked. Answered ones are final but for this once.
SIDES = """
ALTER TABLE merchants_statementquestion DISABLE TRIGGER USER;
UPDATE merchants_statementquestion q SET asked_by_merchant = TRUE
FROM merchants_statement s
JOIN merchants_partnership p ON p.community_id = s.community_id AND p.id = s.partnership_id
JOIN merchants_merchantmember m ON m.merchant_id = p.merchant_id
WHERE s.community_id = q.community_id AND s.id = q.statement_id AND m.user_id = q.asked_by_id
    AND (m.ended_at IS NULL OR m.ended_at > q.asked_at);
ALTER TABLE merchants_statementquestion ENABLE TRIGGER USER;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0028_keys_that_got_out"),
    ]

    operations = [
        migrations.AddField(
            model_name="statementquestion",
            name="asked_by_merchant",
            field=models.BooleanField(default=False),
            preserve_default=False,
        ),
        migrations.RunSQL(SIDES, migrations.RunSQL.noop),
        pgtrigger.migrations.RemoveTrigger(
            model_name="statementquestion",
            name="question_as_it_was_asked",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statementquestion",
            trigger=pgtrigger.compiler.Trigger(
                name="question_as_it_was_asked",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."statement_id" IS DISTINCT FROM (NEW."statement_id") OR OLD."line_id" IS DISTINCT FROM (NEW."line_id") OR OLD."words" IS DISTINCT FROM (NEW."words") OR OLD."asked_by_id" IS DISTINCT FROM (NEW."asked_by_id") OR OLD."asked_by_merchant" IS DISTINCT FROM (NEW."asked_by_merchant") OR OLD."asked_at" IS DISTINCT FROM (NEW."asked_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="7813c98cd08715c3be2586f120adc17835285f81",
                    operation="UPDATE",
                    pgid="pgtrigger_question_as_it_was_asked_c5ee1",
                    table="merchants_statementquestion",
                    when="BEFORE",
                ),
            ),
        ),
    ]
