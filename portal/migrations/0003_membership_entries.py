"""When somebody was last at a partner, apart from when they last signed in anywhere."""

from django.db import migrations, models

# Who has one partner was there when they signed in. Of several nobody knows which one it was.
FILL = """
UPDATE portal_membership m SET last_entered_at = u.last_login
FROM auth_user u
WHERE u.id = m.user_id
  AND NOT EXISTS (SELECT FROM portal_membership o WHERE o.user_id = m.user_id AND o.id <> m.id)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0002_uploads_and_letters"),
    ]

    operations = [
        migrations.AddField(
            model_name="membership",
            name="last_entered_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="Signed in to this partner's portal, or switched to it.",
                null=True,
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
