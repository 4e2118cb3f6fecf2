from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("merchants", "0006_catalogue")]

    operations = []
