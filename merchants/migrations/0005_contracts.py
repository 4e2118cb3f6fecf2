from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("merchants", "0004_amount_owed_and_settlement_day")]

    operations = []
