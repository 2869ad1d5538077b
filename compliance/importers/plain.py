"""A plain CSV of one's own: a header, one row a party, several values of a cell split by `;`.

Columns: subject and name (required), kind, aliases, weak_aliases, programs, countries, birth_dates,
addresses, remarks. See docs/watchlists.md.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from compliance.importers.listed import ListedParty, faults, listed_party, split_list
from compliance.importers.problems import Problems
from compliance.importers.source import Source, csv_rows

ROLES = ("list",)
REQUIRED = ("subject", "name")
COLUMNS = (
    *REQUIRED,
    "kind",
    "aliases",
    "weak_aliases",
    "programs",
    "countries",
    "birth_dates",
    "addresses",
    "remarks",
)


@dataclass(slots=True)
class Plain:
    """Reads the file; the publication date is given by whoever imports it."""

    sources: Mapping[str, Source]
    problems: Problems
    published_on: date | None = None
    notes: dict[str, int] = field(default_factory=dict)

    def parties(self) -> Iterator[ListedParty]:
        """Yield the parties."""
        source = self.sources["list"]
        rows = csv_rows(source, self.problems)
        line, first = next(rows, (1, []))
        header = [name.strip().casefold() for name in first]
        if not self._header_fits(line, header):
            return
        for line, cells in rows:
            if len(cells) != len(header):
                words = f"{len(cells)} columns where the header has {len(header)}"
                self.problems.add(source.name, line, words)
                continue
            party = _party(line, dict(zip(header, cells, strict=True)))
            for words in faults(party):
                self.problems.add(source.name, line, words)
            yield party

    def _header_fits(self, line: int, header: list[str]) -> bool:
        name = self.sources["list"].name
        before = len(self.problems.found)
        for column in header:
            if column not in COLUMNS:
                near = difflib.get_close_matches(column, COLUMNS, n=1)
                hint = f"; is it {near[0]}?" if near else f": {', '.join(COLUMNS)}"
                self.problems.add(name, line, f"there is no column “{column[:40]}”{hint}")
        for column in sorted({column for column in header if header.count(column) > 1}):
            self.problems.add(name, line, f"the column “{column[:40]}” stands there twice")
        if missing := [column for column in REQUIRED if column not in header]:
            self.problems.add(name, line, f"the header lacks {' and '.join(missing)}")
        return len(self.problems.found) == before


def _party(line: int, row: dict[str, str]) -> ListedParty:
    return listed_party(
        line=line,
        subject=row["subject"],
        kind=row.get("kind", "").strip().casefold() or "unknown",
        name=row["name"],
        aliases=split_list(row.get("aliases", "")),
        weak=split_list(row.get("weak_aliases", "")),
        programs=split_list(row.get("programs", "")),
        countries=split_list(row.get("countries", "")),
        birth_dates=split_list(row.get("birth_dates", "")),
        addresses=split_list(row.get("addresses", "")),
        remarks=row.get("remarks", ""),
    )
