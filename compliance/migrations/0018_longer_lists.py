"""Room for more lists, and the matcher of names, in what a screening run names."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compliance", "0017_rescreen_interruptions")]

    operations = [
        migrations.AlterField(
            "screeningrun",
            "lists",
            models.CharField(
                max_length=2000,
                blank=True,
                help_text="Watchlists and their revisions at that moment, and the matcher of names.",
            ),
        ),
    ]
