"""A listed party as every format gives it, cleaned and in one canonical order."""

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NAME_MAX = 350
SUBJECT_MAX = 80
DETAIL_MAX = 80
ADDRESS_MAX = 400
REMARKS_MAX = 8_000

KINDS = frozenset({"person", "organisation", "vessel", "aircraft", "unknown"})


@dataclass(frozen=True, slots=True)
class ListedParty:
    """One party. `names[0]` is the primary name; `weak` are the aliases the publisher calls weak.

    `line` is where it stands in its file. Everything but the primary name is sorted, so that a
    publisher's new order is no change.
    """

    line: int
    subject: str
    kind: str
    names: tuple[str, ...]
    weak: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    birth_dates: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    remarks: str = ""

    @property
    def content_hash(self) -> str:
        """Return SHA-256 over all of it but the line, in hexadecimal."""
        content = [
            self.subject,
            self.kind,
            self.names,
            self.weak,
            self.programs,
            self.countries,
            self.birth_dates,
            self.addresses,
            self.remarks,
        ]
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def listed_party(
    *,
    line: int,
    subject: str,
    kind: str,
    name: str,
    aliases: Iterable[str] = (),
    weak: Iterable[str] = (),
    programs: Iterable[str] = (),
    countries: Iterable[str] = (),
    birth_dates: Iterable[str] = (),
    addresses: Iterable[str] = (),
    remarks: str = "",
) -> ListedParty:
    """Return the party with clean texts, each name once (strong where it is said twice), details
    cut to the columns that show them. Names are never cut: `faults` tells of those too long."""
    primary = clean(name)
    strong = sorted({each for each in map(clean, aliases) if is_name(each)} - {primary})
    weak_only = {each for each in map(clean, weak) if is_name(each)} - {primary, *strong}
    return ListedParty(
        line=line,
        subject=clean(subject),
        kind=kind,
        names=(primary, *strong),
        weak=tuple(sorted(weak_only)),
        programs=_details(programs, DETAIL_MAX),
        countries=_details(countries, DETAIL_MAX),
        birth_dates=_details(birth_dates, DETAIL_MAX),
        addresses=_details(addresses, ADDRESS_MAX),
        remarks=cut(clean(remarks), REMARKS_MAX),
    )


def faults(party: ListedParty) -> list[str]:
    """Return what no list may say of a party, in sentences; empty for nearly all."""
    found = []
    if not party.subject:
        found.append("the party has no id")
    elif len(party.subject) > SUBJECT_MAX:
        found.append(f"the id has {len(party.subject)} characters, at most {SUBJECT_MAX} fit")
    if not is_name(party.names[0]):
        found.append("the party has no name")
    found += [
        f"the name “{name[:40]}…” has {len(name):,} characters, at most {NAME_MAX} fit"
        for name in (*party.names, *party.weak)
        if len(name) > NAME_MAX
    ]
    if party.kind not in KINDS:
        found.append(f"there is no kind “{party.kind}”: {', '.join(sorted(KINDS))}")
    return found


def clean(text: str) -> str:
    """Return the text composed (NFC), without control characters, blanks single."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    composed = unicodedata.normalize("NFC", text)
    plain = "".join(" " if unicodedata.category(each) == "Cc" else each for each in composed)
    return " ".join(plain.split())


def is_name(text: str) -> bool:
    """Say whether there is anything to compare: a letter or a figure."""
    return any(each.isalnum() for each in text)


def cut(text: str, length: int) -> str:
    """Return the text, its end replaced by an ellipsis where it is longer than `length`."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _details(texts: Iterable[str], length: int) -> tuple[str, ...]:
    return tuple(sorted({cut(each, length) for each in map(clean, texts) if each}))


def split_list(text: str, mark: str = ";") -> Sequence[str]:
    """Return the parts of a cell that holds several values."""
    return [part.strip() for part in text.split(mark) if part.strip()]
