"""Putting the test database back after tests that commit, append-only tables included."""

from django.db import connection, transaction

SEED = "test_seed"
_KEPT = ("django_migrations",)


def remember_seed() -> None:
    """Copy every table that migrations left filled."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SEED} CASCADE")
        cursor.execute(f"CREATE SCHEMA {SEED}")
        for table in _filled(cursor):
            cursor.execute(f'CREATE TABLE {SEED}."{table}" AS TABLE public."{table}"')


def reset() -> None:
    """Empty what a test filled and restore what it changed of the seed; triggers rest meanwhile."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '10s'")
        seeded = _tables(cursor, SEED)
        dirty = [t for t in _filled(cursor) if t not in seeded or _differs(cursor, t)]
        emptied = [t for t in seeded if t not in dirty and not _has_rows(cursor, t)]
        if not dirty and not emptied:
            return
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        # The owner of the tables, who need be no superuser, may let their triggers rest.
        resting = sorted({*dirty, *emptied})
        for table in resting:
            cursor.execute(f'ALTER TABLE public."{table}" DISABLE TRIGGER USER')
        for table in dirty:
            cursor.execute(f'DELETE FROM public."{table}"')
        for table in {*dirty, *emptied} & set(seeded):
            cursor.execute(
                f'INSERT INTO public."{table}" OVERRIDING SYSTEM VALUE'
                f' SELECT * FROM {SEED}."{table}"'
            )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in resting:
            cursor.execute(f'ALTER TABLE public."{table}" ENABLE TRIGGER USER')


def _tables(cursor, schema: str) -> list[str]:
    cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema])
    return sorted(name for (name,) in cursor.fetchall() if name not in _KEPT)


def _filled(cursor) -> list[str]:
    tables = _tables(cursor, "public")
    cursor.execute(
        " UNION ALL ".join(
            f"SELECT '{t}' WHERE EXISTS (SELECT FROM public.\"{t}\")" for t in tables
        )
    )
    return [name for (name,) in cursor.fetchall()]


def _has_rows(cursor, table: str) -> bool:
    cursor.execute(f'SELECT EXISTS (SELECT FROM public."{table}")')
    return cursor.fetchone()[0]


def _differs(cursor, table: str) -> bool:
    digest = 'SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM {}."{}" t'
    mine, seed = digest.format("public", table), digest.format(SEED, table)
    cursor.execute(f"SELECT ({mine}) IS DISTINCT FROM ({seed})")
    return cursor.fetchone()[0]
