"""Fail where requirements.lock lacks, or does not satisfy, a requirement of pyproject.toml."""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCKED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", re.MULTILINE)


def main() -> int:
    """Compare both files; returns the exit code."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = {canonicalize_name(name): version for name, version in LOCKED.findall(lock)}
    wanted = [
        *project["dependencies"],
        *(word for extra in project["optional-dependencies"].values() for word in extra),
    ]
    faults = [word for word in wanted if not _is_met(Requirement(word), locked)]
    for word in faults:
        sys.stderr.write(f"requirements.lock does not satisfy {word}: run make lock\n")
    if "://" in lock or "--index-url" in lock or "--find-links" in lock:
        sys.stderr.write("requirements.lock names an index or a host\n")
        return 1
    return 1 if faults else 0


def _is_met(requirement: Requirement, locked: dict[str, str]) -> bool:
    version = locked.get(canonicalize_name(requirement.name))
    return version is not None and requirement.specifier.contains(version, prereleases=True)


if __name__ == "__main__":
    sys.exit(main())
