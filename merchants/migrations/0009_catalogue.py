import django.contrib.postgres.fields
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
        ("merchants", "0008_partners_and_their_terms"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="OfferPrice",
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
                ("price_points", models.PositiveIntegerField()),
                ("value_fen", models.PositiveIntegerField(null=True)),
                ("settled_fen", models.PositiveIntegerField(null=True)),
                (
                    "since_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StockMove",
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
                ("change", models.IntegerField()),
                ("stock", models.PositiveIntegerField()),
                ("reason", models.CharField(blank=True, max_length=200)),
                (
                    "moved_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
        ),
        migrations.AddField(
            model_name="offer",
            name="decided_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="offer",
            name="decided_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="offer",
            name="description",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddField(
            model_name="offer",
            name="groups",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=10), default=list, size=None
            ),
        ),
        migrations.AddField(
            model_name="offer",
            name="kind",
            field=models.CharField(
                choices=[
                    ("goods", "Goods"),
                    ("discount", "Discount"),
                    ("service", "Service"),
                    ("seat", "Seat"),
                ],
                default="goods",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="offer",
            name="limit_period",
            field=models.CharField(
                choices=[
                    ("day", "Day"),
                    ("week", "Week"),
                    ("month", "Month"),
                    ("year", "Year"),
                    ("ever", "Ever"),
                ],
                max_length=5,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="offer",
            name="limit_quantity",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="offer",
            name="max_age",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="offer",
            name="min_age",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="offer",
            name="min_hours",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="offer",
            name="min_stars",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="offer",
            name="proposed_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="offer",
            name="starts_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="offer",
            name="state",
            field=models.CharField(
                choices=[
                    ("proposed", "Proposed"),
                    ("listed", "Listed"),
                    ("rejected", "Rejected"),
                    ("withdrawn", "Withdrawn"),
                ],
                default="listed",
                max_length=9,
            ),
        ),
        migrations.AddField(
            model_name="offer",
            name="valid_from",
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name="offer",
            name="valid_until",
            field=models.DateField(null=True),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="offer",
            trigger=pgtrigger.compiler.Trigger(
                name="offer_is_decided_once",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _is_valid_transition BOOLEAN;",
                    func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{proposed:listed,proposed:rejected,listed:withdrawn,withdrawn:listed}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;',
                    hash="a4d258f912432fa552ccaa6f57fef28d7b05ad16",
                    operation="UPDATE",
                    pgid="pgtrigger_offer_is_decided_once_01352",
                    table="merchants_offer",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                name="offer_decided_by_another",
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "seat"), ("starts_at__isnull", False)),
                    models.Q(
                        models.Q(("kind", "seat"), _negated=True), ("starts_at__isnull", True)
                    ),
                    _connector="OR",
                ),
                name="offer_seat_has_a_date",
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(("valid_until__gte", models.F("valid_from"))),
                name="offer_days_in_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("limit_period__isnull", True), ("limit_quantity__isnull", True)),
                    models.Q(
                        ("limit_period__isnull", False),
                        ("limit_quantity__gt", 0),
                        ("limit_quantity__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="offer_limit_is_complete",
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("min_stars__lte", 5),
                    models.Q(
                        ("max_age__gte", models.F("min_age")),
                        ("max_age", None),
                        ("min_age", None),
                        _connector="OR",
                    ),
                ),
                name="offer_stars_and_ages",
            ),
        ),
        migrations.AddField(
            model_name="offerprice",
            name="community",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="communities.community",
            ),
        ),
        migrations.AddField(
            model_name="offerprice",
            name="offer",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="prices",
                to="merchants.offer",
            ),
        ),
        migrations.AddField(
            model_name="offerprice",
            name="set_by",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="stockmove",
            name="community",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="communities.community",
            ),
        ),
        migrations.AddField(
            model_name="stockmove",
            name="moved_by",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="stockmove",
            name="offer",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="stock_moves",
                to="merchants.offer",
            ),
        ),
        migrations.AddIndex(
            model_name="offerprice",
            index=models.Index(fields=["community", "offer", "-id"], name="price_of_offer"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="offerprice",
            trigger=pgtrigger.compiler.Trigger(
                name="price_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="4da96af12b06a156c9f2856eeb077cb5f7afd74c",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_price_stays_854c0",
                    table="merchants_offerprice",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddIndex(
            model_name="stockmove",
            index=models.Index(fields=["community", "offer", "-id"], name="stock_move_of_offer"),
        ),
        migrations.AddConstraint(
            model_name="stockmove",
            constraint=models.CheckConstraint(
                condition=models.Q(("change", 0), _negated=True), name="stock_move_moves"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="stockmove",
            trigger=pgtrigger.compiler.Trigger(
                name="stock_move_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="25193a9126c7753eae283ea79d1fa19bd7cc5b94",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_stock_move_stays_dff1a",
                    table="merchants_stockmove",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.RunSQL(
            """
            UPDATE merchants_offer SET state = 'withdrawn' WHERE NOT is_listed;
            INSERT INTO merchants_offerprice (id, community_id, offer_id, price_points)
            SELECT gen_random_uuid(), community_id, id, price_points FROM merchants_offer;
            SET CONSTRAINTS ALL IMMEDIATE;
            """,
            migrations.RunSQL.noop,
        ),
        migrations.RemoveField(
            model_name="offer",
            name="is_listed",
        ),
    ]
