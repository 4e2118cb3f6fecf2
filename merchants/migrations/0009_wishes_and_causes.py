from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("merchants", "0008_settlement")]

    operations = []
