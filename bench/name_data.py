"""The public lists and the labelled pairs that names are measured on, and how they are split.

Nothing of them is kept in this repository: they lie in a folder beside the checkout, or where
`ATLASPAY_NAME_DATA` says. They are old: no hit here clears nobody.
"""

import csv
import hashlib
import os
import random
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from compliance.rules.names import Listed

DATA = Path(os.environ.get("ATLASPAY_NAME_DATA", Path(__file__).parents[2] / "shared" / "data"))
_KINDS = {
    "Person": "person",
    "Company": "organisation",
    "Organization": "organisation",
    "LegalEntity": "unknown",
    "Vessel": "vessel",
}
_OFAC_KINDS = {"individual": "person", "vessel": "vessel", "aircraft": "aircraft"}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two names and whether people say they are one party's. `cluster` holds all pairs that share
    a name, so that no name is on both sides of a split."""

    kind: str
    a: str
    b: str
    is_match: bool
    cluster: str

    def falls(self, parts: int) -> int:
        """Return the part, 0 to parts - 1, that this pair falls in, always the same."""
        return _part(self.cluster, parts)


@dataclass(frozen=True, slots=True)
class Party:
    """One party of the UN list: its Latin names, weak ones marked, and those in its own script."""

    number: str
    kind: str
    latin: tuple[tuple[str, str], ...]
    originals: tuple[str, ...]

    def falls(self, parts: int) -> int:
        """Return the part that this party falls in, always the same."""
        return _part(self.number, parts)


def is_there() -> bool:
    """Say whether the data is on this machine."""
    return (DATA / "names" / "labelled_pairs.csv").exists() and (DATA / "watchlists").is_dir()


def pairs() -> list[Pair]:
    """Return the labelled pairs."""
    with (DATA / "names" / "labelled_pairs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            name = parent[name]
        return name

    for row in rows:
        a, b = root(row["name1"].casefold()), root(row["name2"].casefold())
        parent[max(a, b)] = min(a, b)
    return [
        Pair(
            _KINDS[row["schema"]],
            row["name1"],
            row["name2"],
            row["is_match"] == "true",
            root(row["name1"].casefold()),
        )
        for row in rows
    ]


def parties() -> list[Party]:
    """Return the UN list."""
    document = ElementTree.parse(DATA / "watchlists" / "un_consolidated.xml")  # noqa: S314 - a file of ours
    found = []
    for tag, kind in (("INDIVIDUAL", "person"), ("ENTITY", "organisation")):
        for node in document.iter(tag):
            parts = (node.findtext(f"{n}_NAME") for n in ("FIRST", "SECOND", "THIRD", "FOURTH"))
            latin = [(" ".join(part.strip() for part in parts if part), "strong")]
            for alias in node.iter(f"{tag}_ALIAS"):
                name = (alias.findtext("ALIAS_NAME") or "").strip()
                is_weak = alias.findtext("QUALITY") == "Low"
                if name:
                    latin.append((name, "weak" if is_weak else "strong"))
            originals = (node.findtext("NAME_ORIGINAL_SCRIPT") or "").split(";")
            found.append(
                Party(
                    node.findtext("DATAID") or "",
                    kind,
                    tuple(latin),
                    tuple(one.strip() for one in originals if one.strip()),
                )
            )
    return found


def listed(most: int) -> list[Listed]:
    """Return up to `most` names of the UN list and OFAC's."""
    names: list[tuple[str, str, str, str, int]] = []
    for party in parties():
        names += [("un", name, how, party.kind, int(party.number)) for name, how in party.latin]
        names += [("un", name, "strong", party.kind, int(party.number)) for name in party.originals]
    kinds: dict[str, str] = {}
    for row in _ofac("ofac_sdn.csv"):
        kinds[row[0]] = _OFAC_KINDS.get(row[2].strip(), "organisation")
        names.append(("ofac", row[1], "strong", kinds[row[0]], int(row[0])))
    for row in _ofac("ofac_alt.csv"):
        names.append(("ofac", row[3], "strong", kinds.get(row[0], "unknown"), int(row[0])))
    return [
        Listed(code, number, name, how, kind, party)
        for number, (code, name, how, kind, party) in enumerate(names[:most], start=1)
    ]


def _ofac(name: str) -> list[list[str]]:
    with (DATA / "watchlists" / name).open(encoding="latin-1", newline="") as file:
        return [row for row in csv.reader(file) if len(row) > 3]


def garbled(name: str, chance: random.Random) -> str:
    """Return the name as somebody else might write it: a slip, another order, words run together,
    one left out."""
    words = name.replace(",", "").split()
    way = chance.randrange(6)
    if way == 0 and len(words) > 1:
        return " ".join(chance.sample(words, len(words)))
    if way == 1 and len(words) > 2:
        words.pop(chance.randrange(len(words)))
        return " ".join(words)
    if way == 2 and len(words) > 1:
        at = chance.randrange(len(words) - 1)
        return " ".join([*words[:at], words[at] + words[at + 1], *words[at + 2 :]])
    at = chance.randrange(1, max(len(name) - 1, 2))
    if way == 3:
        return name[:at] + name[at + 1 :]
    if way == 4:
        return name[:at] + name[at : at + 2][::-1] + name[at + 2 :]
    return name[:at] + chance.choice("aeiou") + name[at + 1 :]


def _part(text: str, parts: int) -> int:
    return hashlib.sha256(text.encode()).digest()[0] % parts
