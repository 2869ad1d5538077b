"""Leave room in the pages of the two tables whose rows are updated, so that updates touch no index.

Balances change with every posting and journals once, when they are sealed.
"""

from django.db import migrations

ROOM = """
ALTER TABLE ledger_balance SET
    (fillfactor = 40, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE ledger_journal SET (fillfactor = 80);
"""
NO_ROOM = """
ALTER TABLE ledger_balance RESET
    (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
ALTER TABLE ledger_journal RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_triggers")]
    operations = [migrations.RunSQL(ROOM, NO_ROOM)]
