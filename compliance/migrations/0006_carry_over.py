"""Rows of the first version in the new columns: listed parties, the published policy's step."""

from django.db import migrations

SQL = """
INSERT INTO compliance_watchlistparty (watchlist_id, subject, kind, remarks)
SELECT watchlist_id, subject, min(kind), coalesce(max(nullif(note, '')), '') FROM compliance_watchlistentry
GROUP BY watchlist_id, subject ORDER BY watchlist_id, subject;

UPDATE compliance_watchlistentry e SET party_id = p.id, is_primary = NOT EXISTS (
    SELECT 1 FROM compliance_watchlistentry o WHERE o.watchlist_id = e.watchlist_id AND o.subject = e.subject AND o.id < e.id)
FROM compliance_watchlistparty p WHERE p.watchlist_id = e.watchlist_id AND p.subject = e.subject;

INSERT INTO compliance_policystep (policy_id, kind, actor, note, at)
SELECT number, 'published', publisher, '', created_at FROM compliance_policy ORDER BY number;
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0005_cases_policies_and_lists_in_full")]

    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
