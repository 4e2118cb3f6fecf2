"""Whether somebody was a child when they reported: growing up makes nothing of it public."""

from django.db import migrations, models

# By the birthday known today. A closed report is final, but for what was never written down.
AS_FAR_AS_IS_KNOWN = """
    ALTER TABLE volunteers_report DISABLE TRIGGER USER;
    UPDATE volunteers_report r SET is_by_child = true
    FROM accounts_user u
    WHERE u.id = r.reporter_id AND u.born_on
        > ((r.submitted_at AT TIME ZONE 'Asia/Shanghai')::date - interval '14 years')::date;
    ALTER TABLE volunteers_report ENABLE TRIGGER USER;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_guardians_and_erasure"),
        ("volunteers", "0020_activities_compared"),
    ]
    operations = [
        migrations.AddField(
            model_name="report",
            name="is_by_child",
            field=models.BooleanField(default=False),
        ),
        migrations.RunSQL(AS_FAR_AS_IS_KNOWN, migrations.RunSQL.noop),
    ]
