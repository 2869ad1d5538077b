"""Attempts with which the schedule ended, so that sums know what was given up; sums by endpoint and
none by hour, which nobody read; an index that finds superseded deliveries.

Sums by endpoint begin now: `rebuild_rollups --only webhooks` counts the past.
"""

from django.db import migrations, models

_GAVE_UP = """
UPDATE webhooks_deliveryattempt a SET gave_up = true FROM webhooks_delivery d
WHERE d.state = 'exhausted' AND a.delivery_id = d.id AND a.number = d.attempt_count
"""
_NO_HOURS = """
DELETE FROM webhooks_deliveryrollup WHERE grain = 'h';
DELETE FROM webhooks_deliverytime WHERE grain = 'h';
"""
_OPEN = "ALTER TABLE webhooks_deliveryattempt DISABLE TRIGGER written_once"
_SHUT = "ALTER TABLE webhooks_deliveryattempt ENABLE TRIGGER written_once"


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0007_rollups"),
    ]

    operations = [
        migrations.AddField(
            model_name="deliveryattempt",
            name="gave_up",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="deliveryrollup",
            name="exhausted",
            field=models.BigIntegerField(db_default=0),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                models.F("endpoint"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("state", "superseded")),
                name="delivery_superseded",
            ),
        ),
        migrations.RunSQL(f"{_OPEN}; {_GAVE_UP}; {_SHUT}; {_NO_HOURS}", migrations.RunSQL.noop),
    ]
