"""Mails to people go over the same outbox as mails to partners."""

from django.db import migrations, models

# What somebody asked for in the last hour and was not sent: the others are asked for again.
CARRY_OVER = """
INSERT INTO webhooks_mailmessage
  (partner_id, kind, context, dedupe_key, state, recipient, subject, attempt_count, last_error)
SELECT DISTINCT ON (l.user_id) m.partner_id, 'portal.reset',
       jsonb_build_object('user_id', l.user_id), 'portal.reset:' || l.user_id || ':letter',
       'pending', '', '', 0, ''
FROM portal_letter l JOIN portal_membership m ON m.user_id = l.user_id
WHERE l.sent_at IS NULL AND l.created_at > now() - interval '1 hour'
ORDER BY l.user_id, m.id
ON CONFLICT (dedupe_key) DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0005_support_role"),
        ("webhooks", "0004_checks_and_recovery"),
    ]

    operations = [
        migrations.AddField(
            model_name="invitation",
            name="seed",
            field=models.BinaryField(max_length=16, null=True),
        ),
        migrations.RunSQL(CARRY_OVER, migrations.RunSQL.noop),
        migrations.DeleteModel(name="Letter"),
    ]
