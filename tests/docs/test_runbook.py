"""Whoever is paged finds an entry: alarms, checks and metrics of the code are in the runbook."""

import ast
import re

from django.core.management import get_commands

from atlaspay.health import QUEUES
from tests.docs.pages import PAGES, ROOT, read, section, sources

PRODUCT = ("atlaspay", "partners", "ledger", "webhooks", "payouts", "compliance")
ALARMS = {"error", "critical", "exception"}


def _events(levels: set[str]) -> set[str]:
    """Return the constant first arguments of `log.<level>(...)`."""
    found = set()
    for path in sources(*PRODUCT):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in levels
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in {"log", "logger"}
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(node.args[0].value)
    return found


def _entries(text: str) -> set[str]:
    return {name for line in re.findall(r"(?m)^### (.*)$", text) for name in line.split("`")[1::2]}


def test_every_alarm_has_an_entry_under_its_level():
    runbook = read("docs/runbook.md")
    critical = _events({"critical"})
    assert len(critical) >= 4
    assert critical - _entries(section(runbook, "Critical")) == set()
    assert _events(ALARMS) - critical - _entries(section(runbook, "Error")) == set()


def test_every_warning_is_named():
    listed = read("docs/runbook.md")
    assert {name for name in _events({"warning"}) if f"`{name}`" not in listed} == set()


def test_checks_and_metrics_are_explained():
    health = (ROOT / "atlaspay" / "health.py").read_text(encoding="utf-8")
    runbook = read("docs/runbook.md")
    gauges = set(re.findall(r"\"(atlaspay_[a-z_]+)\"", health))
    rails = re.findall(r"(?m)^            \(\"([a-z_]+)\", \"", health)
    gauges |= {f"atlaspay_rail_{name}" for name in rails}
    assert len(gauges) > 9
    assert {name for name in gauges if f"`{name}" not in runbook} == set()
    checks = re.findall(r"\"(\w+)\": _\w+,", health)
    assert checks == ["database", "redis", "migrations", "backlog"]
    assert re.findall(r"^\| `(\w+)` \|", section(runbook, "`/readyz`"), re.MULTILINE) == checks
    assert {queue.alarm_after_s for queue in QUEUES} == {60, 300, float("inf")}


def test_every_management_command_named_on_a_page_exists():
    named = set()
    for page in PAGES:
        named |= set(re.findall(r"manage\.py ([a-z_]+)", page.read_text(encoding="utf-8")))
    assert {"unstick_payouts", "check_ledger", "pause_rail"} <= named
    assert named - set(get_commands()) == set()


def test_every_command_of_ours_is_in_the_readme():
    ours = {path.stem for path in ROOT.glob("*/management/commands/[a-z]*.py")}
    listed = section(read("README.md"), "Five minutes as an operator")
    assert {name for name in ours if f"`{name}" not in listed} == set()
