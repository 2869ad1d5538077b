"""Rights for a role that runs the platform and does not own its tables: what is evidence it can add
and read, and nothing else. Whoever owns the tables migrates them, and does nothing besides.

Which tables those are is read out of the migrations' own guards.
"""

from django.db import connection

from compliance.services.audit import law
from compliance.services.audit.probes import rows

# Bits of pg_trigger.tgtype.
_ROW, _BEFORE, _DELETE, _UPDATE = 1, 2, 8, 16
# Locked by a service before something is added: SELECT FOR UPDATE asks for the right to update a
# column, and the table's guard refuses the update itself.
LOCKED = {"compliance_autopolicy": "number"}
_HELD = """
SELECT c.relname,
    has_table_privilege(c.oid, 'UPDATE'), has_table_privilege(c.oid, 'DELETE'),
    has_table_privilege(c.oid, 'TRUNCATE'), pg_has_role(c.relowner, 'USAGE')
FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
ORDER BY 1
"""


def append_only() -> dict[str, frozenset[str]]:
    """Return the rights nobody needs, by table: UPDATE, DELETE or both.

    A guard with a condition lets triggers through (the ledger's balances): its table needs them.
    """
    refused: dict[str, set[str]] = {}
    for (table, _), guard in law.of_migrations().triggers.items():
        if not guard.kind & _BEFORE or guard.kind & _ROW or guard.is_conditional:
            continue
        found = refused.setdefault(table, set())
        if guard.kind & _UPDATE:
            found.add("UPDATE")
        if guard.kind & _DELETE:
            found.add("DELETE")
    return {table: frozenset(rights) for table, rights in refused.items() if rights}


def statements(role: str) -> list[str]:
    """Return the SQL that gives a role what it needs, and takes what it must not have. To be run by
    the tables' owner after each migration; safe to repeat."""
    quote = connection.ops.quote_name
    name, refused = quote(role), append_only()
    made = [
        f"GRANT USAGE ON SCHEMA public TO {name};",
        f"REVOKE CREATE ON SCHEMA public FROM {name};",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name};",
    ]
    for table in sorted(connection.introspection.table_names()):
        rights = {"SELECT", "INSERT", "UPDATE", "DELETE"} - refused.get(table, frozenset())
        if table == "django_migrations":
            rights = {"SELECT"}
        made.append(f"REVOKE ALL ON {quote(table)} FROM {name};")
        made.append(f"GRANT {', '.join(sorted(rights))} ON {quote(table)} TO {name};")
        if column := LOCKED.get(table):
            made.append(f"GRANT UPDATE ({quote(column)}) ON {quote(table)} TO {name};")
    return made


def faults() -> list[str]:
    """Return what the role of this session could do to evidence, a line each."""
    refused = append_only()
    found = []
    for table, may_update, may_delete, may_truncate, is_owner in rows(_HELD):
        if table not in refused:
            continue
        if is_owner:
            found.append(f"{table}: its owner can switch the guards off")
            continue
        held = {"UPDATE": may_update, "DELETE": may_delete, "TRUNCATE": may_truncate}
        wrong = [
            right
            for right, is_held in held.items()
            if is_held and (right == "TRUNCATE" or right in refused[table])
        ]
        if wrong:
            found.append(f"{table}: may {', '.join(wrong)}")
    return found
