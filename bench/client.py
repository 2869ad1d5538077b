"""The load: prebuilt batches sent by aiohttp, closed loop, all at once, or paced by the clock."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

TOTAL_S = 300


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent and how: `clients` in a closed loop; all at once; or `rate_per_s` batches."""

    bodies: Sequence[tuple[str, bytes]]
    clients: int = 8
    rate_per_s: float | None = None
    is_async: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """One answered request: when it began (Unix seconds), how long it took, what came."""

    started_at: float
    took_s: float
    status: int
    said: str


async def send(base_url: str, key: str, load: Load) -> list[Post]:
    """Send every body once and return the answers in order of sending.

    In the open mode a request's time runs from the moment it was due, so that a client that falls
    behind cannot make the server look fast.
    """
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    if load.is_async:
        headers["Prefer"] = "respond-async"
    connector = aiohttp.TCPConnector(limit=0 if load.rate_per_s else load.clients)
    timeout = aiohttp.ClientTimeout(total=TOTAL_S)
    async with aiohttp.ClientSession(
        base_url, headers=headers, connector=connector, timeout=timeout
    ) as http:
        if load.rate_per_s:
            return await _paced(http, load, load.rate_per_s)
        return await _closed(http, load)


async def _closed(http: aiohttp.ClientSession, load: Load) -> list[Post]:
    waiting = iter(load.bodies)
    posts: list[Post] = []

    async def client() -> None:
        for reference, body in waiting:
            posts.append(await _post(http, reference, body, time.time()))

    await asyncio.gather(*(client() for _ in range(load.clients)))
    return posts


async def _paced(http: aiohttp.ClientSession, load: Load, rate_per_s: float) -> list[Post]:
    first_at = time.time() + 0.05

    async def at(number: int, reference: str, body: bytes) -> Post:
        due_at = first_at + number / rate_per_s
        await asyncio.sleep(due_at - time.time())
        return await _post(http, reference, body, due_at)

    return list(await asyncio.gather(*(at(n, *one) for n, one in enumerate(load.bodies))))


async def _post(
    http: aiohttp.ClientSession, reference: str, body: bytes, started_at: float
) -> Post:
    try:
        async with http.post(
            "/v1/batches", data=body, headers={"Idempotency-Key": reference}
        ) as answer:
            text = await answer.read()
            said = "" if answer.status == 202 else text[:300].decode(errors="replace")
            return Post(started_at, time.time() - started_at, answer.status, said)
    except (aiohttp.ClientError, TimeoutError) as error:
        return Post(started_at, time.time() - started_at, 0, f"{type(error).__name__}: {error}")
