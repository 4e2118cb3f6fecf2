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
        ("merchants", "0010_causes_and_sponsorships"),
        ("points", "0005_expire_points"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Wish",
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
                ("words", models.CharField(blank=True, max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("proposed", "Proposed"),
                            ("published", "Published"),
                            ("rejected", "Rejected"),
                            ("adopted", "Adopted"),
                            ("delivered", "Delivered"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="proposed",
                        max_length=9,
                    ),
                ),
                ("price_points", models.PositiveIntegerField(null=True)),
                (
                    "proposed_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("because", models.CharField(blank=True, max_length=200)),
                ("closed_at", models.DateTimeField(null=True)),
                ("thanks", models.CharField(blank=True, max_length=200)),
                (
                    "community",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="communities.community",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "donor",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "hold",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="points.hold",
                    ),
                ),
                (
                    "partnership",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="wishes",
                        to="merchants.partnership",
                    ),
                ),
                (
                    "redemption",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="wishes",
                        to="merchants.redemption",
                    ),
                ),
                (
                    "volunteer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["community", "state", "-id"], name="wish_in_community"),
                    models.Index(fields=["community", "redemption"], name="wish_of_redemption"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["proposed", "published", "adopted"])),
                        fields=("community", "volunteer"),
                        name="wish_one_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("decided_by", models.F("volunteer")), _negated=True),
                        name="wish_decided_by_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("donor", models.F("volunteer")), _negated=True),
                        name="wish_granted_by_another",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("donor__isnull", True),
                                ("hold__isnull", True),
                                ("partnership__isnull", False),
                                ("redemption__isnull", False),
                                ("state__in", ["adopted", "delivered"]),
                            ),
                            models.Q(
                                ("donor__isnull", False),
                                ("hold__isnull", False),
                                ("partnership__isnull", True),
                                ("redemption__isnull", True),
                                ("state__in", ["adopted", "delivered"]),
                            ),
                            models.Q(
                                models.Q(("state__in", ["adopted", "delivered"]), _negated=True),
                                ("donor__isnull", True),
                                ("hold__isnull", True),
                                ("partnership__isnull", True),
                                ("redemption__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="wish_adopted_by_one",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["proposed", "rejected", "withdrawn"]),
                            models.Q(
                                ("decided_by__isnull", False),
                                ("price_points__gt", 0),
                                ("price_points__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="wish_has_a_price_once_published",
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="wish",
            trigger=pgtrigger.compiler.Trigger(
                name="wish_stays",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
                    hash="a7f09ab3377519eec5dd61d6408ec5eaa192c1f1",
                    operation="DELETE",
                    pgid="pgtrigger_wish_stays_ea58e",
                    table="merchants_wish",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="wish",
            trigger=pgtrigger.compiler.Trigger(
                name="wish_goes_its_way",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    declare="DECLARE _is_valid_transition BOOLEAN;",
                    func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{proposed:published,proposed:rejected,proposed:withdrawn,published:adopted,published:withdrawn,adopted:published,adopted:delivered,adopted:withdrawn}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;',
                    hash="df007593e3f0ba3530c7c64812cfda9cadb1551b",
                    operation="UPDATE",
                    pgid="pgtrigger_wish_goes_its_way_e4ef8",
                    table="merchants_wish",
                    when="BEFORE",
                ),
            ),
        ),
    ]
