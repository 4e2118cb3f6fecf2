import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("communities", "0003_contact_and_join_code"),
        ("merchants", "0080_partners_compared"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="terms",
            name="terms_stay",
        ),
        migrations.AddField(
            model_name="terms",
            name="withdrawn_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="terms",
            name="withdrawn_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="terms",
            trigger=pgtrigger.compiler.Trigger(
                name="terms_stay",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="82defedb7db7c0b9628770723bf28cd172695ed3",
                    operation="DELETE",
                    pgid="pgtrigger_terms_stay_25750",
                    table="merchants_terms",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="terms",
            trigger=pgtrigger.compiler.Trigger(
                name="terms_say_what_they_said",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."partnership_id" IS DISTINCT FROM (NEW."partnership_id") OR OLD."version" IS DISTINCT FROM (NEW."version") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."fen_per_point" IS DISTINCT FROM (NEW."fen_per_point") OR OLD."share_bp" IS DISTINCT FROM (NEW."share_bp") OR OLD."valid_from" IS DISTINCT FROM (NEW."valid_from") OR OLD."agreed_at" IS DISTINCT FROM (NEW."agreed_at") OR OLD."agreed_by_id" IS DISTINCT FROM (NEW."agreed_by_id"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="d95e28351487779b0905e6682441186bcad38ffe",
                    operation="UPDATE",
                    pgid="pgtrigger_terms_say_what_they_said_7eadd",
                    table="merchants_terms",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="terms",
            trigger=pgtrigger.compiler.Trigger(
                name="terms_withdrawn_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."withdrawn_at" IS NOT NULL)',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="84b66ee57d682c930ffe15295e176d7e38d258c4",
                    operation="UPDATE",
                    pgid="pgtrigger_terms_withdrawn_once_eea0d",
                    table="merchants_terms",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="terms",
            trigger=pgtrigger.compiler.Trigger(
                name="terms_withdrawn_in_time",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (NEW."withdrawn_at" IS NOT NULL AND OLD."withdrawn_at" IS NULL)',
                    func="\n    IF NEW.valid_from IS NULL OR clock_timestamp() > (\n        SELECT NEW.valid_from::timestamp AT TIME ZONE c.timezone - interval '1 minute'\n        FROM communities_community c WHERE c.id = NEW.community_id\n    ) OR EXISTS (\n        SELECT FROM merchants_redemption r WHERE r.community_id = NEW.community_id\n        AND r.partnership_id = NEW.partnership_id AND r.terms_version = NEW.version\n    ) THEN\n        RAISE EXCEPTION 'terms % are in force', NEW.id\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'terms_withdrawn_in_time';\n    END IF;\n    RETURN NEW;\n",
                    hash="3188dd30e7da3531d701d6e49d2034fa12be2fe7",
                    operation="UPDATE",
                    pgid="pgtrigger_terms_withdrawn_in_time_9c0dc",
                    table="merchants_terms",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="terms",
            trigger=pgtrigger.compiler.Trigger(
                name="terms_withdrawn_in_time_still",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (NEW."withdrawn_at" IS NOT NULL AND OLD."withdrawn_at" IS NULL)',
                    constraint="CONSTRAINT",
                    func="\n    IF NEW.valid_from IS NULL OR clock_timestamp() > (\n        SELECT NEW.valid_from::timestamp AT TIME ZONE c.timezone - interval '1 minute'\n        FROM communities_community c WHERE c.id = NEW.community_id\n    ) OR EXISTS (\n        SELECT FROM merchants_redemption r WHERE r.community_id = NEW.community_id\n        AND r.partnership_id = NEW.partnership_id AND r.terms_version = NEW.version\n    ) THEN\n        RAISE EXCEPTION 'terms % are in force', NEW.id\n            USING ERRCODE = 'check_violation', CONSTRAINT = 'terms_withdrawn_in_time';\n    END IF;\n    RETURN NEW;\n",
                    hash="88ac8675b6dc8e3e4cbf4dfc72e5c83e51aa75c9",
                    operation="UPDATE",
                    pgid="pgtrigger_terms_withdrawn_in_time_still_1e5d3",
                    table="merchants_terms",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="terms",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("withdrawn_at__isnull", True), ("withdrawn_by__isnull", True)),
                    models.Q(("withdrawn_at__isnull", False), ("withdrawn_by__isnull", False)),
                    _connector="OR",
                ),
                name="terms_withdrawn_by_somebody",
            ),
        ),
    ]
