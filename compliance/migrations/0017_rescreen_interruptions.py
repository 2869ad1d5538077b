"""How often a rescreen was interrupted since it last got on, and when that was."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compliance", "0016_people_by_id")]

    operations = [
        migrations.AddField(
            "rescreen",
            "interruptions",
            models.PositiveSmallIntegerField(
                default=0, db_default=0, help_text="Workers it lost since it last got on."
            ),
        ),
        migrations.AddField(
            "rescreen", "progressed_at", models.DateTimeField(null=True, blank=True)
        ),
        migrations.AlterField(
            "rescreen",
            "state",
            models.CharField(
                choices=[
                    ("waiting", "Waiting"),
                    ("running", "Running"),
                    ("done", "Done"),
                    ("failed", "Given up"),
                ],
                default="waiting",
                max_length=8,
            ),
        ),
    ]
