"""The portal's code keeps its own law: views reach rows through the scope alone."""

import ast
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

# Where rows are read by partner, or before anybody is in; each takes or finds the partner itself.
MAY_USE_MANAGERS = (
    *("scope.py", "models.py", "migrations/", "management/"),
    *("members/", "door/forms.py", "uploads.py"),
    "admin/",  # the console's pages, which are of all partners
)
MANAGERS = {"objects", "_default_manager", "_base_manager", "history"}


def views() -> list[Path]:
    """Return the modules of the portal that may not."""
    folder = ROOT / "portal"
    return [
        path
        for path in sorted(folder.rglob("*.py"))
        if not str(path.relative_to(folder)).startswith(MAY_USE_MANAGERS)
    ]


def uses(source: str) -> list[tuple[int, str]]:
    """Return line and word of every use of a manager or of SQL."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in MANAGERS:
            found.append((node.lineno, node.attr))
        if isinstance(node, ast.ImportFrom) and node.module == "django.db":
            found += [(node.lineno, n.name) for n in node.names if n.name == "connection"]
    return found


@pytest.mark.parametrize("path", views(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_view_touches_a_manager(path: Path) -> None:
    assert uses(path.read_text(encoding="utf-8")) == []


def test_the_law_sees_what_it_forbids() -> None:
    assert uses("Payout.objects.get(id=1)") == [(1, "objects")]
    assert uses("payout.history.all()") == [(1, "history")]
    assert uses("from django.db import connection") == [(1, "connection")]
    assert len(views()) > 5
