"""CPU seconds and memory of process trees, from /proc. Linux only; elsewhere the figures are None.

A tree is a role's first process with all its descendants. Time of descendants that have ended is
counted through their parents.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """One tree at one moment. `peak_rss_mb` lists each living process's highest resident size."""

    cpu_s: float
    process_count: int
    peak_rss_mb: list[float]


def is_supported() -> bool:
    """Say whether this system tells."""
    return (PROC / "self/stat").exists()


def usage(roots: Mapping[str, int]) -> dict[str, Usage]:
    """Measure the trees whose first processes are given; trees that are gone are left out."""
    if not is_supported():
        return {}
    stats = {pid: stat for pid in _pids() if (stat := _stat(pid)) is not None}
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in stats.items():
        children.setdefault(parent, []).append(pid)
    found = {}
    for role, root in roots.items():
        tree = _descend(root, children) if root in stats else []
        if tree:
            found[role] = Usage(
                cpu_s=sum(stats[pid][1] for pid in tree),
                process_count=len(tree),
                peak_rss_mb=sorted((peak for pid in tree if (peak := _peak_mb(pid))), reverse=True),
            )
    return found


def cpu_between(before: Mapping[str, Usage], after: Mapping[str, Usage]) -> dict[str, float]:
    """Return CPU seconds each role used between two measurements."""
    return {
        role: round(now.cpu_s - before[role].cpu_s, 2)
        for role, now in after.items()
        if role in before
    }


def memory(found: Mapping[str, Usage]) -> dict[str, dict[str, float | int]]:
    """Return peak resident memory per role: the largest process and how many there are.

    A sum would count shared pages many times, PostgreSQL's most of all.
    """
    return {
        role: {
            "processes": one.process_count,
            "peak_rss_largest_mb": one.peak_rss_mb[0] if one.peak_rss_mb else 0,
            "peak_rss_each_mb": one.peak_rss_mb[:8],  # type: ignore[dict-item]
        }
        for role, one in found.items()
    }


def _pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> tuple[int, float] | None:
    """Return parent and CPU seconds of a process with its reaped children; proc(5)."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return int(fields[1]), sum(int(field) for field in fields[11:15]) / TICKS_PER_S


def _peak_mb(pid: int) -> float:
    try:
        lines = (PROC / str(pid) / "status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((round(int(x.split()[1]) / 1024, 1) for x in lines if x.startswith("VmHWM")), 0.0)


def _descend(root: int, children: Mapping[int, list[int]]) -> list[int]:
    tree = [root]
    for pid in tree:
        tree += children.get(pid, [])
    return tree
