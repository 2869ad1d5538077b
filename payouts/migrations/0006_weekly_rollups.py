"""Sums by week, added up from those by day: a year is read from a fifth of the rows."""

from django.db import migrations, models

_SUMS = (
    *("payouts", "amount_minor", "returned_minor", "timed", "prompt", "reviewed"),
    *("settle_ms", "screening_ms", "review_ms", "queue_ms", "bank_ms"),
)


def _weeks(table: str, key: str, sums: tuple[str, ...]) -> str:
    return (
        f"INSERT INTO {table} (generation, scope, grain, start_at, {key}, {', '.join(sums)})"
        f" SELECT generation, scope, 'w', date_trunc('week', start_at, 'UTC'), {key},"
        f" {', '.join(f'sum({name})::bigint' for name in sums)}"
        f" FROM {table} WHERE grain = 'd'"
        f" GROUP BY generation, scope, date_trunc('week', start_at, 'UTC'), {key}"
    )


FORWARD = f"""
SELECT count(*) FROM (SELECT FROM payouts_payoutrollupmark FOR UPDATE) held;
{_weeks("payouts_payoutrollup", "currency, rail, state, failure_code", _SUMS)};
{_weeks("payouts_payouttime", "currency, rail, bucket", ("payouts",))};
"""
BACKWARD = """
DELETE FROM payouts_payoutrollup WHERE grain = 'w';
DELETE FROM payouts_payouttime WHERE grain = 'w';
"""
_GRAINS = [("h", "One hour"), ("d", "One day"), ("w", "One week")]


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0005_bank_evidence"),
    ]

    operations = [
        migrations.AlterField(
            model_name=name,
            name="grain",
            field=models.CharField(choices=_GRAINS, max_length=1),
        )
        for name in ("payoutrollup", "payouttime")
    ] + [migrations.RunSQL(FORWARD, BACKWARD)]
