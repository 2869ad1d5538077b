"""The index of what is open in a batch goes by the time it ended, so that it serves nothing else."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("payouts", "0006_weekly_rollups")]

    operations = [
        migrations.RemoveIndex(model_name="payout", name="payout_batch_open"),
        migrations.AddIndex(
            model_name="payout",
            index=models.Index(
                fields=["batch"], condition=Q(final_at=None), name="payout_batch_open"
            ),
        ),
    ]
