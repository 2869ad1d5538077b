"""OFAC's legacy CSV: sdn.csv (parties), alt.csv (aliases), add.csv (addresses), without headers.

Source: OFAC, "Data specification" (dat_spec.txt): `-0-` is null, alt and add are tied to sdn by
ent_num, weak aliases stand in sdn's remarks as `a.k.a. '…'`; alt.csv holds the strong ones. Remarks
end at 1,000 characters, so what was cut off there is not read.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from compliance.importers.listed import ListedParty, faults, listed_party
from compliance.importers.problems import Problems
from compliance.importers.source import Source, csv_rows

ROLES = ("sdn", "alt", "add")
_KINDS = {
    "": "organisation",
    "individual": "person",
    "vessel": "vessel",
    "aircraft": "aircraft",
}
_COLUMNS = {"sdn": 12, "alt": 5, "add": 6}
_NULL = "-0-"
_WEAK = re.compile(r"^[afn]\.k\.a\. '(.+)'\.?$", re.DOTALL)
_BORN = re.compile(r"^(?:alt\. )?DOB (.+?)\.?$", re.DOTALL)
_COUNTRY = re.compile(r"^(?:alt\. )?(?:nationality|citizen) (.+?)\.?$", re.DOTALL)


@dataclass(slots=True)
class Ofac:
    """Reads the three files; `notes` says after reading what the files hold and do not fit."""

    sources: Mapping[str, Source]
    problems: Problems
    published_on: date | None = None
    notes: dict[str, int] = field(default_factory=dict)

    def parties(self) -> Iterator[ListedParty]:
        """Yield the parties of sdn.csv with their aliases and addresses. alt and add are held by
        party id meanwhile: some ten megabytes at OFAC's size."""
        aliases = self._aliases()
        addresses = self._addresses()
        alias_count = sum(map(len, aliases.values()))
        address_count = sum(map(len, addresses.values()))
        source = self.sources["sdn"]
        for line, row in self._rows("sdn"):
            party = self._party(line, row, aliases, addresses)
            for words in faults(party):
                self.problems.add(source.name, line, words)
            yield party
        self.notes = {
            "aliases": alias_count,
            "addresses": address_count,
            "orphans": sum(map(len, aliases.values())) + sum(map(len, addresses.values())),
        }

    def _party(
        self,
        line: int,
        row: list[str],
        aliases: dict[str, list[str]],
        addresses: dict[str, list[tuple[str, str]]],
    ) -> ListedParty:
        number, name, sdn_type, program, title = row[:5]
        call_sign, vessel_type, tonnage, _, flag, owner, remarks = row[5:]
        if sdn_type not in _KINDS:
            words = f"there is no type “{sdn_type[:20]}”: individual, vessel, aircraft or -0-"
            self.problems.add(self.sources["sdn"].name, line, words)
        parts = remarks.split("; ")
        located = addresses.pop(number, [])
        said = [
            remarks,
            *(
                f"{label}: {value}"
                for label, value in (
                    ("Title", title),
                    ("Call sign", call_sign),
                    ("Vessel type", vessel_type),
                    ("Tonnage", tonnage),
                    ("Owner", owner),
                )
                if value
            ),
        ]
        return listed_party(
            line=line,
            subject=number,
            kind=_KINDS.get(sdn_type, "unknown"),
            name=name,
            aliases=aliases.pop(number, []),
            weak=_found(_WEAK, parts),
            programs=program.split("] ["),
            countries=[
                flag,
                *_found(_COUNTRY, parts),
                *(country for _, country in located),
            ],
            birth_dates=_found(_BORN, parts),
            addresses=[address for address, _ in located],
            remarks=" ".join(each for each in said if each),
        )

    def _aliases(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for _, (number, _, _, name, _) in self._rows("alt"):
            found[number].append(name)
        return found

    def _addresses(self) -> dict[str, list[tuple[str, str]]]:
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for _, (number, _, street, city, country, _) in self._rows("add"):
            found[number].append((", ".join(filter(None, (street, city, country))), country))
        return found

    def _rows(self, role: str) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows of one file, nulls empty; rows that do not fit go to `problems`."""
        source, count = self.sources[role], _COLUMNS[role]
        # OFAC's own files are Latin-1; some mirrors recode them.
        encoding = "utf-8" if source.is_utf8 else "latin-1"
        for line, row in csv_rows(source, self.problems, encoding=encoding):
            cells = [cell.strip() for cell in row]
            cells = ["" if cell == _NULL else cell for cell in cells]
            if len(cells) != count:
                words = f"{len(cells)} columns where OFAC's {role}.csv has {count}"
                self.problems.add(source.name, line, words)
            elif not cells[0].isascii() or not cells[0].isdecimal():
                words = f"“{cells[0][:20]}” is no party number"
                self.problems.add(source.name, line, words)
            else:
                yield line, cells


def _found(pattern: re.Pattern[str], parts: list[str]) -> list[str]:
    return [match[1] for part in parts if (match := pattern.match(part.strip()))]
