"""The law in the database against the law in the migrations: every trigger as it was made, switched
on, running the function it was given; no rule, no row security, no setting that goes around it.

What must be there is read out of the migrations themselves, so that nobody keeps a second list.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db.migrations import RunSQL
from django.db.migrations.loader import MigrationLoader
from django.db.models import Model

from compliance.services.audit.probes import rows
from compliance.services.audit.report import Check

ROOMS = ("core", "partners", "ledger", "webhooks", "payouts", "compliance", "portal")
_STATEMENT = re.compile(
    r"""CREATE\s+(?:CONSTRAINT\s+)?TRIGGER\s+(?P<trigger>\w+)\s+(?P<timing>BEFORE|AFTER)\s+
            (?P<events>[\w\s,]+?)\s+ON\s+(?P<table>\w+)\b(?P<rest>.*?)
            EXECUTE\s+FUNCTION\s+(?P<runs>\w+)\s*\((?P<arguments>[^)]*)\)
        |CREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\s+(?P<function>\w+)\s*\(.*?AS\s+\$\$(?P<body>.*?)\$\$
        |DROP\s+TRIGGER\s+(?:IF\s+EXISTS\s+)?(?P<gone>\w+)\s+ON\s+(?P<gone_from>\w+)
        |DROP\s+FUNCTION\s+(?:IF\s+EXISTS\s+)?(?P<undone>\w+)""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
# pg_trigger.tgtype, from PostgreSQL's catalog/pg_trigger.h.
_ROW, _BEFORE = 1, 2
_EVENTS = {"INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}

_TRIGGERS = """
SELECT c.relname, t.tgname, t.tgenabled, t.tgtype, p.proname, t.tgqual IS NOT NULL,
    replace(encode(t.tgargs, 'escape'), '\\000', ',')
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace
"""
_FUNCTIONS = """
SELECT proname, prosrc FROM pg_proc
WHERE pronamespace = current_schema()::regnamespace AND prolang IN (
    SELECT oid FROM pg_language WHERE lanname IN ('plpgsql', 'sql'))
"""
_ROLE_SETTINGS = """
SELECT coalesce(r.rolname, 'every role') FROM pg_db_role_setting s
LEFT JOIN pg_roles r ON r.oid = s.setrole
WHERE EXISTS (SELECT FROM unnest(s.setconfig) AS one WHERE one LIKE 'session_replication_role=%%')
ORDER BY 1
"""
_AROUND = """
SELECT tablename || '.' || rulename, 'rule' FROM pg_rules WHERE schemaname = current_schema()
UNION ALL
SELECT relname, 'row security' FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relrowsecurity
ORDER BY 1
"""
_CONSTRAINTS = """
SELECT conname FROM pg_constraint WHERE convalidated
UNION SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indisvalid AND i.indisready
"""


@dataclass(frozen=True, slots=True)
class Guard:
    """One trigger: when it fires, whether it has a condition, what it runs."""

    kind: int
    is_conditional: bool
    runs: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Law:
    """Triggers by table and name; functions' bodies by name."""

    triggers: dict[tuple[str, str], Guard]
    functions: dict[str, str]


def of_migrations() -> Law:
    """Read what the migrations of our rooms make, in their order."""
    law = Law({}, {})
    for sql in _statements():
        for found in _STATEMENT.finditer(sql):
            _apply(law, found)
    return law


def faults(check: Check) -> None:
    """Compare the law with what the database has, and look for ways around it."""
    ((role,),) = rows("SELECT current_setting('session_replication_role')")
    if role != "origin":
        check.add("", f"session_replication_role is {role}: triggers do not fire in this session")
    for (name,) in rows(_ROLE_SETTINGS):
        check.add("", f"session_replication_role is set for {name}: triggers may not fire")
    law = of_migrations()
    _compare_triggers(law, check)
    present = dict(rows(_FUNCTIONS))
    for name, body in sorted(law.functions.items()):
        if present.get(name) != body:
            check.add(name, f"the function {name} is not what the migrations made")
    for name, kind in rows(_AROUND):
        check.add(name, f"{name}: a {kind} of which the migrations know nothing")
    valid = {name for (name,) in rows(_CONSTRAINTS)}
    for name in sorted(_declared() - valid):
        check.add(name, f"the constraint {name} is missing or not valid")


def _compare_triggers(law: Law, check: Check) -> None:
    present = {
        (table, name): (enabled, Guard(kind, conditional, runs, arguments.rstrip(",")))
        for table, name, enabled, kind, runs, conditional, arguments in rows(_TRIGGERS)
    }
    for (table, name), guard in sorted(law.triggers.items()):
        enabled, found = present.get((table, name), ("D", None))
        if enabled not in ("O", "A"):
            check.add(f"{table}.{name}", f"the trigger {table}.{name} is missing or switched off")
        elif found != guard:
            check.add(
                f"{table}.{name}", f"the trigger {table}.{name} is not what the migrations made"
            )
    for table, name in sorted(present.keys() - law.triggers.keys()):
        check.add(f"{table}.{name}", f"the trigger {table}.{name} is in no migration")


def _apply(law: Law, found: re.Match[str]) -> None:
    part = found.groupdict()
    if part["trigger"]:
        law.triggers[part["table"].lower(), part["trigger"].lower()] = _guard(part)
    elif part["function"]:
        law.functions[part["function"].lower()] = part["body"]
    elif part["gone"]:
        law.triggers.pop((part["gone_from"].lower(), part["gone"].lower()), None)
    else:
        law.functions.pop(part["undone"].lower(), None)


def _guard(part: dict[str, str]) -> Guard:
    kind = _BEFORE if part["timing"].upper() == "BEFORE" else 0
    for event in re.split(r"\s+OR\s+", part["events"].upper()):
        kind |= _EVENTS[event.split()[0]]
    rest = part["rest"].upper()
    if re.search(r"FOR\s+EACH\s+ROW", rest):
        kind |= _ROW
    arguments = ",".join(re.findall(r"'([^']*)'", part["arguments"]))
    return Guard(kind, re.search(r"\bWHEN\s*\(", rest) is not None, part["runs"].lower(), arguments)


def _statements() -> Iterator[str]:
    graph = MigrationLoader(None, ignore_no_migrations=True).graph
    seen: dict[tuple[str, str], None] = {}
    for leaf in sorted(graph.leaf_nodes()):
        seen.update(dict.fromkeys(graph.forwards_plan(leaf)))
    for key in seen:
        if key[0] in ROOMS:
            for operation in graph.nodes[key].operations:
                if isinstance(operation, RunSQL):
                    yield from _texts(operation.sql)


def _texts(sql: object) -> Iterable[str]:
    if isinstance(sql, str):
        return [sql]
    return [one if isinstance(one, str) else one[0] for one in sql]  # type: ignore[attr-defined]


def _declared() -> set[str]:
    """Return the names of the constraints that the models of our rooms declare."""
    models: list[type[Model]] = [
        model for room in ROOMS for model in apps.get_app_config(room).get_models()
    ]
    return {
        constraint.name
        for model in models
        if model._meta.managed
        for constraint in model._meta.constraints
    }
