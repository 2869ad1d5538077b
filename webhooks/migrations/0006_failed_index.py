"""Find what failed at an endpoint, exhausted or canceled, without reading its whole past."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0005_kept_until_pruned"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                models.F("endpoint"),
                models.OrderBy(models.F("id"), descending=True),
                condition=models.Q(("state__in", ["exhausted", "canceled"])),
                name="delivery_failed",
            ),
        ),
        migrations.RemoveIndex(model_name="delivery", name="delivery_exhausted"),
    ]
