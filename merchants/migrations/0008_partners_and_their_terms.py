import django.core.validators
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
        ("merchants", "0007_pay_codes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Terms",
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
                ("version", models.PositiveIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("per_point", "Per Point"),
                            ("share", "Share"),
                            ("per_piece", "Per Piece"),
                            ("donated", "Donated"),
                        ],
                        max_length=9,
                    ),
                ),
                ("fen_per_point", models.PositiveIntegerField(null=True)),
                ("share_bp", models.PositiveIntegerField(null=True)),
                ("valid_from", models.DateField(null=True)),
                (
                    "agreed_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="redemption",
            name="redemption_terms_are_final",
        ),
        migrations.AddField(
            model_name="offer",
            name="settled_fen",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="offer",
            name="value_fen",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="partnership",
            name="address",
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name="partnership",
            name="contact_phone",
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.AddField(
            model_name="partnership",
            name="coord_type",
            field=models.CharField(
                choices=[("wgs84", "Wgs84"), ("gcj02", "Gcj02")], default="wgs84", max_length=5
            ),
        ),
        migrations.AddField(
            model_name="partnership",
            name="latitude",
            field=models.FloatField(
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(-90),
                    django.core.validators.MaxValueValidator(90),
                ],
            ),
        ),
        migrations.AddField(
            model_name="partnership",
            name="longitude",
            field=models.FloatField(
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(-180),
                    django.core.validators.MaxValueValidator(180),
                ],
            ),
        ),
        migrations.AddField(
            model_name="partnership",
            name="opening_hours",
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name="partnership",
            name="state",
            field=models.CharField(
                choices=[
                    ("candidate", "Candidate"),
                    ("contract", "Contract"),
                    ("active", "Active"),
                    ("suspended", "Suspended"),
                    ("ended", "Ended"),
                ],
                default="active",
                max_length=9,
            ),
        ),
        migrations.AddField(
            model_name="redemption",
            name="terms_version",
            field=models.PositiveIntegerField(db_default=1),
        ),
        migrations.AlterField(
            model_name="redemption",
            name="fen_per_point",
            field=models.PositiveIntegerField(null=True),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="partnership",
            trigger=pgtrigger.compiler.Trigger(
                name="partnership_goes_its_way",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _is_valid_transition BOOLEAN;",
                    func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{candidate:contract,candidate:ended,contract:active,contract:ended,active:suspended,active:ended,suspended:active,suspended:ended}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;',
                    hash="1f1106ff0139d0cf5b78e7620dde06006ddbf58a",
                    operation="UPDATE",
                    pgid="pgtrigger_partnership_goes_its_way_0fb84",
                    table="merchants_partnership",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="redemption",
            trigger=pgtrigger.compiler.Trigger(
                name="redemption_terms_are_final",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."offer_id" IS DISTINCT FROM (NEW."offer_id") OR OLD."partnership_id" IS DISTINCT FROM (NEW."partnership_id") OR OLD."volunteer_id" IS DISTINCT FROM (NEW."volunteer_id") OR OLD."code" IS DISTINCT FROM (NEW."code") OR OLD."quantity" IS DISTINCT FROM (NEW."quantity") OR OLD."price_points" IS DISTINCT FROM (NEW."price_points") OR OLD."terms_version" IS DISTINCT FROM (NEW."terms_version") OR OLD."fen_per_point" IS DISTINCT FROM (NEW."fen_per_point") OR OLD."amount_fen" IS DISTINCT FROM (NEW."amount_fen") OR OLD."hold_id" IS DISTINCT FROM (NEW."hold_id"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="3590f8b32d4754cf54921b698314882cfaa119cd",
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
                condition=models.Q(
                    models.Q(("latitude__isnull", True), ("longitude__isnull", True)),
                    models.Q(("latitude__isnull", False), ("longitude__isnull", False)),
                    _connector="OR",
                ),
                name="partner_on_the_map_or_not",
            ),
        ),
        migrations.AddField(
            model_name="terms",
            name="agreed_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="terms",
            name="community",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="communities.community",
            ),
        ),
        migrations.AddField(
            model_name="terms",
            name="partnership",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="terms",
                to="merchants.partnership",
            ),
        ),
        migrations.AddConstraint(
            model_name="terms",
            constraint=models.UniqueConstraint(
                fields=("community", "partnership", "version"), name="terms_version_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="terms",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("fen_per_point__isnull", False),
                        ("kind", "per_point"),
                        ("share_bp__isnull", True),
                    ),
                    models.Q(
                        ("fen_per_point__isnull", True),
                        ("kind", "share"),
                        ("share_bp__range", (1, 10000)),
                    ),
                    models.Q(
                        ("fen_per_point__isnull", True),
                        ("kind", "per_piece"),
                        ("share_bp__isnull", True),
                    ),
                    models.Q(("kind", "donated"), ("share_bp__isnull", True)),
                    _connector="OR",
                ),
                name="terms_are_complete",
            ),
        ),
        migrations.AddConstraint(
            model_name="terms",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("version", 1),
                    models.Q(("valid_from__isnull", False), ("version__gt", 1)),
                    _connector="OR",
                ),
                name="terms_begin_with_the_first",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="terms",
            trigger=pgtrigger.compiler.Trigger(
                name="terms_stay",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="bcc9b9369f8fd5dc9312d83c82802f3154bdf1d0",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_terms_stay_25750",
                    table="merchants_terms",
                    when="BEFORE",
                ),
            ),
        ),
        # What each contract says so far is its first version.
        migrations.RunSQL(
            """
            INSERT INTO merchants_terms
                (id, community_id, partnership_id, version, kind, fen_per_point)
            SELECT gen_random_uuid(), community_id, id, 1,
                CASE WHEN is_donated THEN 'donated' ELSE 'per_point' END, fen_per_point
            FROM merchants_partnership;
            SET CONSTRAINTS ALL IMMEDIATE;
            """,
            migrations.RunSQL.noop,
        ),
        migrations.RemoveField(
            model_name="partnership",
            name="fen_per_point",
        ),
        migrations.RemoveField(
            model_name="partnership",
            name="is_donated",
        ),
    ]
