"""Whatever claims rows claims as many as it says, whatever plan is chosen."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
APPS = ("atlaspay", "partners", "ledger", "webhooks", "payouts", "compliance", "portal")


def claims_in_an_in(source: str) -> Iterator[str]:
    """Yield subqueries of an IN that lock up to a limit: such a one may be run again for each row
    it is compared with, and lock others each time.
    """
    for found in re.finditer(r"\bIN \((?=\W*SELECT)", source):
        depth, end = 1, found.end()
        while depth and end < len(source):
            depth += {"(": 1, ")": -1}.get(source[end], 0)
            end += 1
        inside = source[found.end() : end]
        if "LIMIT" in inside and "FOR UPDATE" in inside:
            yield inside


def test_no_claim_stands_in_an_in():
    sources = [path for app in APPS for path in (ROOT / app).rglob("*.py")]
    claims = [path for path in sources if "FOR UPDATE" in path.read_text(encoding="utf-8")]
    assert ROOT / "webhooks" / "mailing.py" in claims
    assert [path for path in claims if any(claims_in_an_in(path.read_text(encoding="utf-8")))] == []


def test_what_it_looks_for_is_found():
    inner = "SELECT x.id FROM x WHERE (x.a IS NULL OR x.b = f(x.c)) LIMIT 9 FOR UPDATE"
    assert any(claims_in_an_in("WHERE id IN (\n  SELECT id FROM t LIMIT 1 FOR UPDATE)"))
    assert any(claims_in_an_in(f"WHERE id IN (SELECT id FROM t JOIN LATERAL ({inner}) d ON true)"))
    assert not any(claims_in_an_in("WHERE id = ANY(ARRAY(SELECT id FROM t LIMIT 1 FOR UPDATE))"))
    assert not any(claims_in_an_in("WHERE id IN (SELECT id FROM t FOR UPDATE)"))
