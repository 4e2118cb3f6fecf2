import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("communities", "0003_contact_and_join_code"),
        ("merchants", "0003_invitations"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="redemption",
            name="redemption_terms_are_final",
        ),
        migrations.AddField(
            model_name="partnership",
            name="settlement_day",
            field=models.PositiveSmallIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="redemption",
            name="amount_fen",
            field=models.PositiveBigIntegerField(null=True),
        ),
        migrations.RunSQL(
            "UPDATE merchants_redemption SET amount_fen = price_points * fen_per_point",
            migrations.RunSQL.noop,
        ),
        migrations.AlterField(
            model_name="redemption",
            name="amount_fen",
            field=models.PositiveBigIntegerField(),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="redemption",
            trigger=pgtrigger.compiler.Trigger(
                name="redemption_terms_are_final",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."offer_id" IS DISTINCT FROM (NEW."offer_id") OR OLD."partnership_id" IS DISTINCT FROM (NEW."partnership_id") OR OLD."volunteer_id" IS DISTINCT FROM (NEW."volunteer_id") OR OLD."code" IS DISTINCT FROM (NEW."code") OR OLD."quantity" IS DISTINCT FROM (NEW."quantity") OR OLD."price_points" IS DISTINCT FROM (NEW."price_points") OR OLD."fen_per_point" IS DISTINCT FROM (NEW."fen_per_point") OR OLD."amount_fen" IS DISTINCT FROM (NEW."amount_fen") OR OLD."hold_id" IS DISTINCT FROM (NEW."hold_id"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="ebbd20df76515157929dcdda79b58f3fab0b52ff",
                    operation="UPDATE",
                    pgid="pgtrigger_redemption_terms_are_final_d17a1",
                    table="merchants_redemption",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="partnership",
            constraint=models.CheckConstraint(
                condition=models.Q(("settlement_day__range", (1, 28))),
                name="partner_settled_on_a_day_of_every_month",
            ),
        ),
    ]
