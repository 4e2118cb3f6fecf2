from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("merchants", "0009_wishes_and_causes")]

    operations = []
