"""Find what is exhausted at an endpoint without reading its whole past."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0002_queue_law"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                models.F("endpoint"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("state", "exhausted")),
                name="delivery_exhausted",
            ),
        ),
    ]
