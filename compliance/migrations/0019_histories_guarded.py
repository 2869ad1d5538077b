"""Every history is append-only, and rescreens, backtests and the days of automatic approval are never
deleted. Cases and payouts have had such guards all along.
"""

from django.db import migrations

HISTORIES = (
    "partners_historicalpartner",
    "partners_historicalapikey",
    "payouts_historicalbatch",
    "payouts_historicalrailstate",
    "webhooks_historicalendpoint",
    "portal_historicalmembership",
)
KEPT = ("compliance_rescreen", "compliance_autoday", "compliance_backtest")
SQL = "".join(
    f"""
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
"""
    for table in HISTORIES
) + "".join(
    f"""
CREATE TRIGGER no_delete BEFORE DELETE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
"""
    for table in KEPT
)
REVERSE = "".join(
    f"DROP TRIGGER append_only ON {table}; DROP TRIGGER no_truncate ON {table};\n"
    for table in HISTORIES
) + "".join(
    f"DROP TRIGGER no_delete ON {table}; DROP TRIGGER no_truncate ON {table};\n" for table in KEPT
)


class Migration(migrations.Migration):
    dependencies = [
        ("compliance", "0018_longer_lists"),
        ("partners", "0003_kept"),
        ("payouts", "0003_reconciliation"),
        ("portal", "0001_members"),
        ("webhooks", "0006_failed_index"),
    ]

    operations = [migrations.RunSQL(SQL, REVERSE)]
