"""Sums of deliveries by week, for partners and all, added up from those by day."""

from django.db import migrations

_SUMS = ("attempts", "tried", "first_delivered", "delivered", "prompt", "exhausted")


def _weeks(table: str, key: tuple[str, ...], sums: tuple[str, ...]) -> str:
    return (
        f"INSERT INTO {table} (generation, scope, grain, start_at, {', '.join((*key, *sums))})"
        f" SELECT generation, scope, 'w', {', '.join(('date_trunc(%s)', *key))},"
        f" {', '.join(f'sum({name})::bigint' for name in sums)}"
        f" FROM {table} WHERE grain = 'd' AND scope NOT LIKE 'we\\_%'"
        f" GROUP BY {', '.join(('generation', 'scope', 'date_trunc(%s)', *key))}"
    ).replace("date_trunc(%s)", "date_trunc('week', start_at, 'UTC')")


FORWARD = f"""
SELECT count(*) FROM (SELECT FROM webhooks_deliveryrollupmark FOR UPDATE) held;
{_weeks("webhooks_deliveryrollup", (), _SUMS)};
{_weeks("webhooks_deliverytime", ("bucket",), ("deliveries",))};
"""
BACKWARD = """
DELETE FROM webhooks_deliveryrollup WHERE grain = 'w';
DELETE FROM webhooks_deliverytime WHERE grain = 'w';
"""


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0008_given_up"),
    ]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
