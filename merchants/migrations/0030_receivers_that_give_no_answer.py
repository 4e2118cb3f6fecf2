from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0029_questions_have_a_side"),
    ]

    operations = [
        migrations.AddField(
            model_name="webhookendpoint",
            name="silences",
            field=models.PositiveSmallIntegerField(db_default=0),
        ),
        migrations.AddField(
            model_name="webhookendpoint",
            name="silent_until",
            field=models.DateTimeField(null=True),
        ),
    ]
