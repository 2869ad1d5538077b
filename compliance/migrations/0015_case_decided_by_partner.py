"""An index for what a case page says of the partner's past."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compliance", "0014_second_policy")]

    operations = [
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("state", "decided")),
                fields=["partner", "-closed_at"],
                name="case_decided_by_partner",
            ),
        ),
    ]
