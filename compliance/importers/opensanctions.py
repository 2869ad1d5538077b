"""OpenSanctions' `targets.simple.csv`: one row a target, several values of a cell as inner CSV
split by semicolons.

Its aliases carry no strength, so all of them count as strong.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from compliance.importers.listed import ListedParty, faults, listed_party
from compliance.importers.problems import Problems
from compliance.importers.source import Source, csv_rows

ROLES = ("list",)
REQUIRED = ("id", "schema", "name", "aliases")
_KINDS = {
    "Person": "person",
    "Organization": "organisation",
    "Company": "organisation",
    "PublicBody": "organisation",
    "Vessel": "vessel",
    "Airplane": "aircraft",
}


@dataclass(slots=True)
class OpenSanctions:
    """Reads the file; `published_on` is the latest change it tells of, known after reading."""

    sources: Mapping[str, Source]
    problems: Problems
    published_on: date | None = None
    notes: dict[str, int] = field(default_factory=dict)

    def parties(self) -> Iterator[ListedParty]:
        """Yield the parties."""
        source = self.sources["list"]
        rows = csv_rows(source, self.problems)
        line, header = next(rows, (1, []))
        if missing := [name for name in REQUIRED if name not in header]:
            words = f"no column {', '.join(missing)}: OpenSanctions' file begins with {_header()}"
            self.problems.add(source.name, line, words)
            return
        for line, row in rows:
            if len(row) != len(header):
                words = f"{len(row)} columns where the header has {len(header)}"
                self.problems.add(source.name, line, words)
                continue
            party = self._party(line, dict(zip(header, row, strict=True)))
            for words in faults(party):
                self.problems.add(source.name, line, words)
            yield party

    def _party(self, line: int, row: dict[str, str]) -> ListedParty:
        if changed := row.get("last_change", ""):
            try:
                on = date.fromisoformat(changed[:10])
            except ValueError:
                words = f"last_change “{changed[:40]}” is no date"
                self.problems.add(self.sources["list"].name, line, words)
            else:
                self.published_on = max(self.published_on or on, on)
        several = {name: self._values(line, row.get(name, "")) for name in _SEVERAL}
        return listed_party(
            line=line,
            subject=row["id"],
            kind=_KINDS.get(row["schema"], "unknown"),
            name=row["name"],
            aliases=several["aliases"],
            programs=several["program_ids"] or several["dataset"],
            countries=[each.upper() for each in several["countries"]],
            birth_dates=several["birth_date"],
            addresses=several["addresses"],
            remarks=" ".join(
                f"{label}: {'; '.join(several[name])}."
                for name, label in (
                    ("sanctions", "Sanctions"),
                    ("identifiers", "Identifiers"),
                    ("dataset", "Sources"),
                )
                if several[name]
            ),
        )

    def _values(self, line: int, cell: str) -> list[str]:
        if not cell:
            return []
        if '"' not in cell:
            return [value for value in cell.split(";") if value]
        try:
            (values,) = csv.reader([cell.replace("\n", " ")], delimiter=";", strict=True)
        except (csv.Error, ValueError):
            # Older files do not quote the inner values, and a name may hold a quotation mark.
            values = cell.split(";")
        return [value for value in values if value]


_SEVERAL = (
    "aliases",
    "birth_date",
    "countries",
    "addresses",
    "identifiers",
    "sanctions",
    "program_ids",
    "dataset",
)


def _header() -> str:
    return ",".join(REQUIRED)
