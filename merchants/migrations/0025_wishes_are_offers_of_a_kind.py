from django.db import migrations, models

KIND = """
UPDATE merchants_offer SET kind = 'wish' WHERE code LIKE 'WISH-%' AND id IN (
    SELECT r.offer_id FROM merchants_redemption r
    JOIN merchants_wish w ON w.community_id = r.community_id AND w.redemption_id = r.id
);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0024_codes_that_are_out"),
    ]

    operations = [
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
                    ("wish", "Wish"),
                ],
                default="goods",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="wish",
            name="value_fen",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.RunSQL(KIND, migrations.RunSQL.noop),
    ]
