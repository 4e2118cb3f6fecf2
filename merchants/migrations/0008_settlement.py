from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("merchants", "0007_scanning")]

    operations = []
