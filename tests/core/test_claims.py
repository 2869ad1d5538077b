"""Whatever claims rows claims as many as it says, whatever plan is chosen."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
APPS = ("atlaspay", "partners", "ledger", "webhooks", "payouts", "compliance", "portal")
# Such a subquery may be run again for each row it is compared with, and lock others each time.
RUN_AGAIN = re.compile(
    r"\bIN \((?=\W*SELECT)(?:[^()]|\([^()]*\))*?\bLIMIT\b(?:[^()]|\([^()]*\))*?FOR "
)


def test_no_claim_stands_in_an_in():
    sources = [path for app in APPS for path in (ROOT / app).rglob("*.py")]
    claims = [path for path in sources if "FOR UPDATE" in path.read_text(encoding="utf-8")]
    assert ROOT / "webhooks" / "mailing.py" in claims
    assert [path for path in claims if RUN_AGAIN.search(path.read_text(encoding="utf-8"))] == []


def test_what_it_looks_for_is_found():
    assert RUN_AGAIN.search(
        "WHERE id IN (\n  SELECT id FROM t WHERE (a IS NULL) LIMIT 1 FOR UPDATE)"
    )
    assert not RUN_AGAIN.search("WHERE id = ANY(ARRAY(SELECT id FROM t LIMIT 1 FOR UPDATE))")
    assert not RUN_AGAIN.search("WHERE id IN (SELECT id FROM t FOR UPDATE)")
