import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

import backend.ids

# As migration 0006 has it, but for the vouchers that can be scanned without signal: points are held
# for them beyond their end, and beyond the wish to cancel them.
FUNCTION = """
CREATE OR REPLACE FUNCTION merchants_scan(
    p_merchant uuid, p_clerk uuid, p_code text, p_attempt uuid, p_transfer uuid,
    p_at timestamptz, p_guesses int,
    OUT refusal text, OUT redemption_id uuid, OUT closed_at timestamptz, OUT offer_title text,
    OUT quantity int, OUT price_points bigint, OUT volunteer_id uuid, OUT volunteer_name text
) LANGUAGE plpgsql AS $$
DECLARE
    r merchants_redemption;
    in_community uuid;
    captured uuid;
    broken text;
BEGIN
    IF NOT EXISTS (
        SELECT FROM merchants_merchantmember m
        WHERE m.merchant_id = p_merchant AND m.user_id = p_clerk AND m.ended_at IS NULL
    ) THEN
        refusal := 'merchant_unknown';
        RETURN;
    END IF;
    IF (
        SELECT count(*) >= p_guesses FROM merchants_scanattempt a
        WHERE a.outcome = 'code_unknown' AND a.merchant_id = p_merchant
            AND a.clerk_id = p_clerk AND a.scanned_at > clock_timestamp() - interval '1 hour'
            AND a.community_id IN (
                SELECT p.community_id FROM merchants_partnership p
                WHERE p.merchant_id = p_merchant
            )
    ) THEN
        refusal := 'too_many_guesses';
        RETURN;
    END IF;
    SELECT v.* INTO r FROM merchants_redemption v
    WHERE v.code = p_code AND v.community_id IN (
        SELECT p.community_id FROM merchants_partnership p WHERE p.merchant_id = p_merchant
    )
    FOR NO KEY UPDATE;
    IF r.id IS NULL THEN
        refusal := 'code_unknown';
        SELECT p.community_id INTO in_community FROM merchants_partnership p
        WHERE p.merchant_id = p_merchant ORDER BY p.since_at LIMIT 1;
    ELSE
        redemption_id := r.id;
        in_community := r.community_id;
        closed_at := r.closed_at;
        IF NOT EXISTS (
            SELECT FROM merchants_partnership p
            WHERE p.id = r.partnership_id AND p.merchant_id = p_merchant
        ) THEN
            refusal := 'not_your_merchant';
        ELSIF r.status <> 'held' THEN
            refusal := CASE r.status WHEN 'redeemed' THEN 'code_used'
                WHEN 'cancelled' THEN 'code_cancelled' ELSE 'code_expired' END;
        ELSIF r.cancel_asked_at IS NOT NULL THEN
            refusal := 'code_cancelled';
        ELSIF r.offline_until IS NOT NULL AND clock_timestamp() >= r.expires_at THEN
            refusal := 'code_expired';  -- its points are held for longer
        ELSE
            BEGIN
                SELECT h.refusal, h.transfer_id INTO refusal, captured
                FROM points_resolve_hold(r.community_id, r.hold_id, p_transfer, -1, p_at) AS h;
                IF refusal = 'hold_expired' THEN
                    refusal := 'code_expired';
                ELSIF refusal IS NOT NULL THEN
                    RAISE EXCEPTION 'the hold of voucher % is in no state to be captured: %',
                        r.id, refusal;
                ELSE
                    closed_at := p_at;
                    UPDATE merchants_redemption v SET status = 'redeemed',
                        transfer_id = captured, closed_at = p_at, redeemed_by_id = p_clerk
                    WHERE v.community_id = r.community_id AND v.id = r.id;
                END IF;
            EXCEPTION WHEN integrity_constraint_violation THEN
                GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
                IF broken <> 'hold_not_captured_late' THEN RAISE; END IF;
                refusal := 'code_expired';  -- it lapsed at this very instant
            END;
        END IF;
        quantity := r.quantity;
        price_points := r.price_points;
        SELECT o.title INTO offer_title FROM merchants_offer o WHERE o.id = r.offer_id;
        SELECT u.id, u.name INTO volunteer_id, volunteer_name
        FROM accounts_user u WHERE u.id = r.volunteer_id;
    END IF;
    INSERT INTO merchants_scanattempt (id, community_id, merchant_id, clerk_id, code, outcome,
        redemption_id)
    VALUES (p_attempt, in_community, p_merchant, p_clerk, p_code,
        coalesce(refusal, 'redeemed'), r.id);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("communities", "0003_contact_and_join_code"),
        ("merchants", "0013_webhooks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Device",
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
                ("name", models.CharField(max_length=40)),
                (
                    "registered_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("retired_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="VoucherKey",
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
                ("kid", models.CharField(max_length=8)),
                ("public_key", models.CharField(max_length=43)),
                ("private_key_encrypted", models.TextField()),
                (
                    "made_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
        ),
        migrations.AddField(
            model_name="offer",
            name="offline_hours",
            field=models.PositiveSmallIntegerField(default=24),
        ),
        migrations.AddField(
            model_name="offer",
            name="scans_offline",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="redemption",
            name="cancel_asked_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="redemption",
            name="offline_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="scanattempt",
            name="device_time",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="scanattempt",
            name="nonce",
            field=models.CharField(blank=True, db_default="", max_length=64),
        ),
        migrations.AlterField(
            model_name="offer",
            name="kind",
            field=models.CharField(
                choices=[
                    ("goods", "Goods"),
                    ("discount", "Discount"),
                    ("service", "Service"),
                    ("seat", "Seat"),
                    ("points", "Points"),
                ],
                default="goods",
                max_length=8,
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(("offline_hours__range", (1, 168))),
                name="offer_told_within_a_week",
            ),
        ),
        migrations.AddField(
            model_name="device",
            name="merchant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="devices",
                to="merchants.merchant",
            ),
        ),
        migrations.AddField(
            model_name="device",
            name="registered_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="device",
            name="retired_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="scanattempt",
            name="device",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="merchants.device",
            ),
        ),
        migrations.AddIndex(
            model_name="scanattempt",
            index=models.Index(fields=["community", "redemption"], name="scan_of_voucher"),
        ),
        migrations.AddConstraint(
            model_name="scanattempt",
            constraint=models.UniqueConstraint(
                condition=models.Q(("device__isnull", False)),
                fields=("community", "merchant", "device", "nonce"),
                name="scan_told_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="scanattempt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("device__isnull", True), ("device_time__isnull", True), ("nonce", "")
                    ),
                    models.Q(
                        models.Q(("device__isnull", False), ("device_time__isnull", False)),
                        models.Q(("nonce", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="scan_of_a_device_is_complete",
            ),
        ),
        migrations.AddField(
            model_name="voucherkey",
            name="community",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="communities.community",
            ),
        ),
        migrations.AddConstraint(
            model_name="voucherkey",
            constraint=models.UniqueConstraint(
                fields=("community", "kid"), name="voucher_key_once"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="voucherkey",
            trigger=pgtrigger.compiler.Trigger(
                name="voucher_key_is_final",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."community_id" IS DISTINCT FROM (NEW."community_id") OR OLD."kid" IS DISTINCT FROM (NEW."kid") OR OLD."public_key" IS DISTINCT FROM (NEW."public_key") OR OLD."made_at" IS DISTINCT FROM (NEW."made_at"))',
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
                    hash="5b9dd7051e8a4d4588d4da05415387943d6677c4",
                    operation="UPDATE",
                    pgid="pgtrigger_voucher_key_is_final_24a73",
                    table="merchants_voucherkey",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.RunSQL(FUNCTION, migrations.RunSQL.noop),
    ]
