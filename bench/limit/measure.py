"""Runs the prepared chunks against an untouched copy of the schema, on two connections."""

import threading
import time
from typing import Any

import psycopg

from bench.limit import rows
from bench.payloads import Payloads
from bench.stack import SCHEMA_COPY, Stack, sibling

CONNECTIONS = 2
CHUNK = 500

OWNER = rows.Owner("pt_00000000000000000000000001", "we_00000000000000000000000001")
Connection = psycopg.Connection[tuple[Any, ...]]


def intake(connection: Connection, chunk: rows.Chunk) -> None:
    """One transaction: batch, payouts with history, reservation."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(rows.INSERT_BATCH, chunk.values)
        with cursor.copy(rows.COPY_PAYOUTS) as copy:
            copy.write(chunk.copied)
        cursor.execute(rows.RESERVE, chunk.values)


def settle(connection: Connection, chunk: rows.Chunk) -> None:
    """Three transactions: screening; claim; outcome with postings and events."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(rows.SCREEN, chunk.values)
        cursor.execute(rows.QUEUE, chunk.values)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(rows.CLAIM, chunk.values)
        cursor.execute(rows.ATTEMPT, chunk.values)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(rows.SETTLE, chunk.values)
        cursor.execute(rows.ANSWER, chunk.values)
        cursor.execute(rows.POST_SETTLED, chunk.values)
        cursor.execute(rows.EVENT, chunk.values)


def notify(connection: Connection, chunk: rows.Chunk) -> None:
    """Two transactions: claim of the deliveries; their results."""
    with connection.transaction():
        connection.execute(rows.CLAIM_DELIVERY, chunk.values)
    with connection.transaction():
        connection.execute(rows.DELIVERED, chunk.values)


def measure(stack: Stack, payouts: int) -> dict[str, Any]:
    """Return payouts/s of the whole path and of the settle path (screening to event) alone.

    Safe to repeat: each run uses new rows.
    """
    url = sibling(stack.database_url, SCHEMA_COPY)
    supply = Payloads(seed=time.time_ns())
    with psycopg.connect(url, autocommit=True) as connection:
        seeded = connection.execute("SELECT count(*) FROM partners_partner").fetchone()
        if seeded == (0,):
            for statement in rows.SETUP:
                connection.execute(statement, OWNER.values())
    count = max(CONNECTIONS, payouts // CHUNK)
    chunks = [rows.chunk(supply, CHUNK, OWNER) for _ in range(count)]
    spent = {"intake": 0.0, "settle": 0.0, "notify": 0.0}
    started = time.perf_counter()
    for name, step in (("intake", intake), ("settle", settle), ("notify", notify)):
        at = time.perf_counter()
        _in_parallel(url, step, chunks)
        spent[name] = time.perf_counter() - at
    total = time.perf_counter() - started
    done = count * CHUNK
    return {
        "payouts": done,
        "payouts_per_s": round(done / total, 1),
        "settle_path_payouts_per_s": round(done / spent["settle"], 1),
        "intake_payouts_per_s": round(done / spent["intake"], 1),
        "webhook_rows_payouts_per_s": round(done / spent["notify"], 1),
        "connections": CONNECTIONS,
        "payouts_per_statement": CHUNK,
    }


def _in_parallel(url: str, step: Any, chunks: list[rows.Chunk]) -> None:
    errors: list[psycopg.Error] = []

    def work(mine: list[rows.Chunk]) -> None:
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("SET plan_cache_mode = force_custom_plan")
                for chunk in mine:
                    step(connection, chunk)
        except psycopg.Error as error:
            errors.append(error)

    threads = [
        threading.Thread(target=work, args=(chunks[number::CONNECTIONS],))
        for number in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
