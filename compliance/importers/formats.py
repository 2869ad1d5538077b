"""The formats by name, and the one question asked of them: which parties do these files list?"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from compliance.importers import ofac, opensanctions, plain, un
from compliance.importers.listed import ListedParty
from compliance.importers.problems import Problem, Problems, UnfitFileError
from compliance.importers.source import Source, looks_wrong


class Reader(Protocol):
    """One reading of one set of files. `published_on` and `notes` are known when `parties` has
    ended; `published_on` is None where the format does not say."""

    published_on: date | None
    notes: dict[str, int]

    def parties(self) -> Iterator[ListedParty]:
        """Yield the parties as they stand in the files."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """A format: the files it consists of, by role, and how it is read. `states_date`: the files say
    when they were published; `date_is_exact`: and their word is final."""

    name: str
    roles: tuple[str, ...]
    is_xml: bool
    states_date: bool
    date_is_exact: bool
    make: Callable[[Mapping[str, Source], Problems], Reader]


FORMATS = {
    each.name: each
    for each in (
        Format(
            "ofac", ofac.ROLES, is_xml=False, states_date=False, date_is_exact=False, make=ofac.Ofac
        ),
        Format("un", un.ROLES, is_xml=True, states_date=True, date_is_exact=True, make=un.Un),
        Format(
            "opensanctions",
            opensanctions.ROLES,
            is_xml=False,
            states_date=True,
            date_is_exact=False,
            make=opensanctions.OpenSanctions,
        ),
        Format(
            "plain",
            plain.ROLES,
            is_xml=False,
            states_date=False,
            date_is_exact=False,
            make=plain.Plain,
        ),
    )
}


def open_reader(format_name: str, sources: Sequence[Source], problems: Problems) -> Reader:
    """Inspect the files and return a reader over them.

    Raises UnfitFileError where a file is missing, empty or plainly something else.
    """
    form = FORMATS[format_name]
    by_role = {source.role: source for source in sources}
    if missing := [role for role in form.roles if role not in by_role]:
        whole = f"the {format_name} format needs {', '.join(form.roles)}"
        raise UnfitFileError(
            [Problem(role, 0, f"the file is missing: {whole}") for role in missing]
        )
    if extra := sorted(set(by_role) - set(form.roles)):
        words = f"the {format_name} format has no such file"
        raise UnfitFileError([Problem(by_role[role].name, 0, words) for role in extra])
    for source in sources:
        source.inspect()
        if words := looks_wrong(source, is_xml=form.is_xml):
            problems.add(source.name, 0, words)
    problems.raise_any()
    return form.make(by_role, problems)
