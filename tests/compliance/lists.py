"""Small lists to import: rows of a plain CSV, and files of the other formats."""

from datetime import date
from io import BytesIO

from compliance.importers.formats import open_reader
from compliance.importers.listed import ListedParty
from compliance.importers.problems import Problems, UnfitFileError
from compliance.importers.source import Source
from compliance.services.watchlists import Outcome, import_list

HEADER = "subject,name,kind,aliases,weak_aliases,programs,countries,birth_dates,addresses,remarks"
PUBLISHED = date(2026, 3, 1)


def source(text: str | bytes, *, role: str = "list", name: str = "list.csv") -> Source:
    content = text if isinstance(text, bytes) else text.encode()
    return Source(role, name, BytesIO(content))


def plain(*rows: str) -> Source:
    """A plain CSV; a row may leave out trailing columns."""
    commas = HEADER.count(",")
    full = [row + "," * (commas - row.count(",")) for row in rows]
    return source("\n".join([HEADER, *full]) + "\n")


def import_plain(*rows: str, code: str = "own", **options: object) -> Outcome:
    options.setdefault("published_on", PUBLISHED)
    options.setdefault("user", None)
    return import_list(code, format_name="plain", sources=[plain(*rows)], **options)


def read(format_name: str, *sources: Source) -> list[ListedParty]:
    """Read files to the end, or raise all that is wrong with them."""
    problems = Problems()
    parties = list(open_reader(format_name, sources, problems).parties())
    problems.raise_any()
    return parties


def faults(format_name: str, *sources: Source) -> list[str]:
    """Read files that are wrong; return what is said of them."""
    try:
        read(format_name, *sources)
    except UnfitFileError as error:
        return [str(problem) for problem in error.problems]
    return []
