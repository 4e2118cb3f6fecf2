import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

# Batches made so far say the account that their merchants have now. The tokens are copied.
FILLED = """
UPDATE merchants_bankbatchline AS line
SET payee = coalesce(account.holder, partnership.name),
    bank = coalesce(account.bank, ''),
    account_encrypted = coalesce(account.number_encrypted, '')
FROM merchants_statement AS statement
JOIN merchants_partnership AS partnership
    ON partnership.id = statement.partnership_id
    AND partnership.community_id = statement.community_id
LEFT JOIN merchants_bankaccount AS account ON account.merchant_id = partnership.merchant_id
WHERE statement.id = line.statement_id AND statement.community_id = line.community_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0086_terms_are_withdrawn"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="bankbatchline",
            name="bank_line_as_it_was_made",
        ),
        migrations.AddField(
            model_name="bankbatchline",
            name="account_encrypted",
            field=models.TextField(blank=True, default=""),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="bankbatchline",
            name="bank",
            field=models.CharField(blank=True, default="", max_length=60),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="bankbatchline",
            name="payee",
            field=models.CharField(default="", max_length=60),
            preserve_default=False,
        ),
        migrations.RunSQL(FILLED, migrations.RunSQL.noop),
        pgtrigger.migrations.AddTrigger(
            model_name="bankbatchline",
            trigger=pgtrigger.compiler.Trigger(
                name="bank_line_as_it_was_made",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."batch_id" IS DISTINCT FROM (NEW."batch_id") OR OLD."statement_id" IS DISTINCT FROM (NEW."statement_id") OR OLD."payee" IS DISTINCT FROM (NEW."payee") OR OLD."bank" IS DISTINCT FROM (NEW."bank"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="62f8abac8f3f7b94d4a3ce8dca89352a3f36ef82",
                    operation="UPDATE",
                    pgid="pgtrigger_bank_line_as_it_was_made_06d79",
                    table="merchants_bankbatchline",
                    when="BEFORE",
                ),
            ),
        ),
    ]
