"""One payout's whole file: what is in it, what is not, and that the script finds any change."""

import ast
import copy
import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from atlaspay.core.models import AccessEvent
from compliance.models import Decision
from compliance.services import export
from compliance.services.audit import heads
from compliance.services.decide import decide
from compliance.services.export import verify_export
from compliance.services.second import confirm
from payouts.models import BankCallback
from payouts.rails import base
from payouts.services import callbacks, settlement
from tests.compliance.factories import LISTED, flagged_payout, open_case, staff
from tests.compliance.test_decide import approve, reject
from tests.payouts.factories import IBAN, fresh, funded_partner, sending
from tests.webhooks.factories import make_endpoint
from webhooks import signing_keys
from webhooks.models import Delivery, DeliveryAttempt

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_key() -> Iterator[None]:
    """No test signs with the key of another one's database."""
    signing_keys.forget()
    yield
    signing_keys.forget()


@pytest.fixture
def settled() -> str:
    """Return a payout that two officers let go and a bank settled, its partner told."""
    partner = funded_partner(100_000_000)
    make_endpoint(partner=partner)
    approve(open_case(), staff("officer", "zoe"))
    payout = flagged_payout(25_000, partner=partner, recipient_name=LISTED)
    case = payout.cases.get()
    proposal = decide(
        case.id,
        kind="approve",
        reason_code="name_differs",
        internal_text="Ünïcode, 5:colons, and\nlines",
        user=staff("officer", "anna"),
    )
    assert proposal.stage == "proposed"
    confirm(
        case.id,
        proposal_id=proposal.id,
        internal_text="Seen the passport too.",
        user=staff("lead", "lena"),
    )
    sent = sending(fresh(payout))
    settlement.apply(
        [settlement.Answer(sent.payout.id, sent.attempt.id, base.Accepted())], reason="test"
    )
    callbacks.store("sandbox", {"webhook-id": "msg_1"}, f'{{"iban": "{IBAN}"}}'.encode())
    BankCallback.objects.update(attempt_id=sent.attempt.id)
    settlement.apply(
        [settlement.Answer(sent.payout.id, sent.attempt.id, base.Settled(bank_reference="B1"))],
        reason="test",
    )
    delivery = Delivery.objects.filter(object_id=payout.id).order_by("id")[0]
    DeliveryAttempt.objects.create(
        delivery=delivery, number=1, outcome="delivered", http_status=200, started_at=Now()
    )
    heads.anchor()
    return payout.id


@pytest.fixture
def file(settled: str) -> dict[str, Any]:
    """Return the file as a reader has it: read back from its text."""
    return json.loads(export.to_text(export.export_payout(settled)))


def faults(file: dict[str, Any]) -> list[str]:
    return [f"{check}: {fault}" for check, fault in verify_export.verify(file)]


def digested_again(file: dict[str, Any]) -> dict[str, Any]:
    """What somebody does who changes the file and knows how it is digested."""
    parts = file["sections"]
    file["digests"] = {name: verify_export.digest(part) for name, part in parts.items()}
    file["outline"] = {name: verify_export.outline(part) for name, part in parts.items()}
    file["digest"] = verify_export.digest({name: file[name] for name in verify_export.FRAME})
    return file


def test_the_file_has_everything_and_holds(file: dict[str, Any], settled: str) -> None:
    parts = file["sections"]

    assert faults(file) == []
    assert parts["payout"]["state"] == "settled"
    assert parts["request"]["id"] == parts["payout"]["batch_id"]
    assert [run["verdict"] for run in parts["screening_runs"]] == ["review"]
    assert [policy["number"] for policy in parts["policies"]] == [2]
    assert parts["policies"][0]["steps"][0]["kind"] == "published"
    assert parts["list_versions"][0]["list"] == "synthetic@1"
    assert [case["state"] for case in parts["cases"]] == ["decided"]
    assert [row["state"] for row in parts["cases"][0]["history"]] == ["open", "second", "decided"]
    assert [(one["position"], one["stage"], one["actor"]) for one in parts["decisions"]] == [
        (2, "proposed", "user:anna"),
        (3, "confirmed", "user:lena"),
    ]
    assert [one["state"] for one in parts["attempts"]] == ["settled"]
    assert parts["attempts"][0]["bank_reference"] == "B1"
    assert [journal["kind"] for journal in parts["journals"]] == [
        "payouts.reserved",
        "payouts.in_transit",
        "payouts.settled",
    ]
    assert [
        (line["account"].split(":")[0], line["amount_minor"])
        for line in parts["journals"][2]["lines"]
    ] == [("partner", 25_000), ("bank", -25_000)]
    assert [row["state"] for row in parts["history"]] == [
        *("screening", "in_review", "queued", "sending", "sent", "settled"),
    ]
    assert [event["type"] for event in parts["events"]][-1] == "payout.settled"
    assert parts["events"][0]["deliveries"][0]["attempts"][0]["http_status"] == 200
    assert file["head"]["position"] == 3
    assert file["head"]["anchored"]["position"] == 3
    assert "ten years" in parts["retention"]["note"]


def test_no_account_number_and_no_secret_is_in_it(settled: str) -> None:
    text = export.to_text(export.export_payout(settled))

    assert IBAN not in text
    assert "4300" in text
    for name in ("account_sealed", "body_sealed", "account_index", "secret", "claim_id"):
        assert name not in text, name
    (callback,) = json.loads(text)["sections"]["callbacks"]
    assert callback["body_sha256"] == (hashlib.sha256(f'{{"iban": "{IBAN}"}}'.encode()).hexdigest())


def test_the_script_runs_alone_and_says_so(settled: str, tmp_path: Path) -> None:
    out, script, keys = (tmp_path / name for name in ("po.json", "verify.py", "jwks.json"))
    call_command("export_payout", settled, out=str(out), script=str(script), stdout=StringIO())
    keys.write_text(json.dumps(signing_keys.key_set()))

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-I", "-S", str(script), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )

    good = run(str(out), "--keys", str(keys))
    assert (good.returncode, good.stderr) == (0, "")
    assert "signature ok" in good.stdout
    assert f"{settled}: holds throughout" in good.stdout
    assert "not checked, give --keys" in run(str(out)).stdout

    other = json.loads(out.read_text())
    other["sections"]["payout"]["recipient_name"] = "Somebody Else"
    out.write_text(json.dumps(other))
    bad = run(str(out))
    assert bad.returncode == 1
    assert "section payout is not what was exported: field recipient_name" in bad.stdout
    assert run(str(tmp_path / "none.json")).returncode == 2
    out.write_text("[]")
    assert run(str(out)).returncode == 2


def test_the_script_needs_only_the_standard_library_of_python_3_9() -> None:
    source = export.SCRIPT.read_text()
    tree = ast.parse(source, feature_version=(3, 9))
    named = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }

    assert named <= sys.stdlib_module_names | {"__future__"}
    assert "from __future__ import annotations" in source
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match)]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything that is neither list nor object."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(one, (*path, name))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from leaves(one, (*path, index))
    else:
        yield path


def other_than(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return value + "x" if isinstance(value, str) else "something"


def test_a_change_of_any_single_value_is_found_and_its_section_and_field_named(
    file: dict[str, Any],
) -> None:
    paths = list(leaves(file["sections"]))
    assert len(paths) > 400
    random.Random(7).shuffle(paths)
    for path in paths:
        holder = file["sections"]
        for step in path[:-1]:
            holder = holder[step]
        kept = holder[path[-1]]
        holder[path[-1]] = other_than(kept)
        try:
            found = next(iter(verify_export.check_digests(file)), "")
        finally:
            holder[path[-1]] = kept
        field = next((step for step in path[1:] if isinstance(step, str)), "")
        assert found.startswith(f"section {path[0]} is not what was exported"), path
        assert field in found, (path, found)
    assert faults(file) == []


def test_a_change_of_the_frame_is_found(file: dict[str, Any]) -> None:
    for name in ("made_at", "made_by", "digest"):
        kept, file[name] = file[name], "x"
        assert faults(file) == [
            "digests: the frame (format, payout_id, made_at, made_by, head, digests) is not what"
            " was exported"
        ]
        file[name] = kept


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(parts: dict[str, Any]) -> None:
        holder: Any = parts
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = to(holder[path[-1]]) if callable(to) else to

    return change


CHANGES: list[tuple[Callable[[dict[str, Any]], None], str]] = [
    (_set("decisions", 1, "actor", to="user:eve"), "the row is not what was hashed"),
    (_set("decisions", 0, "internal_text", to="x"), "the row is not what was hashed"),
    (_set("decisions", 0, "decided_at", to="2026-01-01T00:00:00.000000Z"), "is not what was"),
    (_set("decisions", 1, "after", "state", to="failed"), "after is not what was hashed"),
    (_set("decisions", 1, "evidence", "score", to=1), "evidence is not what was hashed"),
    (_set("decisions", 1, "prev_hash", to="00" * 32), "does not follow the decision before it"),
    (_set("decisions", to=lambda rows: rows[1:]), "answers no proposal"),
    (_set("decisions", to=lambda rows: rows[:1]), "is decided with 0 decisions in effect"),
    (_set("cases", 0, "state", to="open"), "is open with 1 decisions in effect"),
    (_set("history", 2, "actor", to="user:eve"), "the history says user:eve did it"),
    (_set("history", 2, "actor", to="sql:root"), "nobody is named who did it"),
    (_set("history", 3, "state", to="settled"), "queued -> settled is no legal move"),
    (_set("history", to=lambda rows: rows[:-1]), "its last history row has another state"),
    (_set("history", to=lambda rows: [*rows[:1], *rows[2:]]), "is version 3 after 1"),
    (_set("journals", 1, "lines", 0, "amount_minor", to=24_999), "is off by -1 minor units"),
    (_set("journals", 1, "lines", 0, "currency", to="USD"), "of EUR"),
    (_set("payout", "amount_minor", to=25_001), "25000 was reserved for a payout of 25001"),
    (_set("events", 0, "body", to=lambda body: body + " "), "the body is not what was sent"),
    (_set("events", to=lambda rows: rows[1:]), "and 1 was due"),
    (_set("attempts", 0, "payout_id", to="po_other"), "is about another payout"),
    (_set("screening_runs", 0, "payout_id", to="po_other"), "is about another payout"),
    (_set("decisions", 0, "stage", to=None), "is not what was hashed"),
    (_set("history", 0, "version", to=None), "of the shape it must have"),
]


def test_who_digests_again_is_found_by_what_does_not_fit(file: dict[str, Any]) -> None:
    keys = signing_keys.key_set()["keys"]
    for change, words in CHANGES:
        other = copy.deepcopy(file)
        change(other["sections"])
        found = faults(digested_again(other))
        assert [fault for fault in found if words in fault], (words, found)
    assert verify_export.check_signature(other, keys) == "the signature does not hold"


def test_a_signature_by_another_key_proves_nothing(file: dict[str, Any]) -> None:
    assert verify_export.check_signature(file, signing_keys.key_set()["keys"]) == ""
    assert "not among the given ones" in verify_export.check_signature(file, [])
    file["signature"]["value"] = file["signature"]["value"][:-4] + "AAAA"
    assert verify_export.check_signature(file, signing_keys.key_set()["keys"]) == (
        "the signature does not hold"
    )


def test_a_plain_payout_and_a_rejected_one_export_too() -> None:
    plain = flagged_payout(1_000)
    rejected = reject(open_case(), staff("officer"))

    assert faults(json.loads(export.to_text(export.export_payout(plain.id)))) == []
    file = json.loads(export.to_text(export.export_payout(rejected.payout_id)))
    assert faults(file) == []
    assert [one["kind"] for one in file["sections"]["decisions"]] == ["reject"]


def test_the_command_logs_before_it_writes_and_names_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no payout po_none"):
        call_command("export_payout", "po_none", out=str(tmp_path / "x.json"))
    assert not (tmp_path / "x.json").exists()

    payout = flagged_payout(1_000)
    call_command("export_payout", payout.id, out=str(tmp_path / "x.json"), stdout=StringIO())

    event = AccessEvent.objects.filter(kind="exported").latest("id")
    assert (event.object_id, event.username) == (payout.id, "system:export_payout")


def test_an_export_takes_a_bounded_number_of_queries(settled: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        export.export_payout(settled)

    assert len(queries) <= 60
    assert Decision.objects.count() == 3
