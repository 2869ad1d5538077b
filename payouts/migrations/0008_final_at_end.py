"""Only what has ended has a time of its end: who looks for what is open by that misses nothing."""

from django.db import migrations, models
from django.db.models import Q

FINAL = ["canceled", "failed", "returned", "settled"]


class Migration(migrations.Migration):
    dependencies = [("payouts", "0007_batch_open_by_time")]

    operations = [
        migrations.AddConstraint(
            model_name="payout",
            constraint=models.CheckConstraint(
                condition=Q(final_at=None) | Q(state__in=FINAL), name="payout_final_at_end"
            ),
        ),
    ]
