"""Who saved a draft: all of them wrote the policy it becomes, so none of them may publish it."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compliance", "0008_roles_in_full")]

    operations = [
        migrations.AddField(
            model_name="policydraft",
            name="editors",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=80),
                blank=True,
                db_default=[],
                default=list,
                help_text="Everybody who saved it, the latest last: none of them may publish what it becomes.",
                size=None,
            ),
        ),
    ]
