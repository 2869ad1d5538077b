"""The UN Security Council's consolidated list in XML: individuals and entities.

Read by Expat as it streams. A document type declaration is refused outright: the list has none, and
without one there are no entities to expand or fetch. Aliases of quality `Low` are weak.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from xml.parsers import expat

from compliance.importers.listed import ListedParty, faults, listed_party
from compliance.importers.problems import Problems
from compliance.importers.source import Source

ROLES = ("list",)
_BLOCK = 1 << 20
_DEPTH_MAX = 12
_PARTIES = {"INDIVIDUAL": "person", "ENTITY": "organisation"}
_SCRIPT_NOTE = re.compile(r"\(\s*original script\s*\)", re.IGNORECASE)


@dataclass(slots=True)
class Node:
    """One element of a party."""

    tag: str
    line: int
    text: str = ""
    children: list["Node"] = field(default_factory=list)

    def all(self, tag: str) -> list["Node"]:
        """Return the children of this name."""
        return [child for child in self.children if child.tag == tag]

    def get(self, tag: str) -> str:
        """Return the text of the first child of this name, or nothing."""
        return next((child.text.strip() for child in self.children if child.tag == tag), "")

    def values(self, tag: str) -> list[str]:
        """Return the texts of `VALUE` under each child of this name."""
        return [value.text.strip() for child in self.all(tag) for value in child.all("VALUE")]


class _StopError(Exception):
    """Ends the parse: what is wrong has been noted."""


@dataclass(slots=True)
class Un:
    """Reads the list; `published_on` is its `dateGenerated`, known once reading began."""

    sources: Mapping[str, Source]
    problems: Problems
    published_on: date | None = None
    notes: dict[str, int] = field(default_factory=dict)
    _stack: list[Node] = field(default_factory=list)
    _depth: int = 0
    _done: list[Node] = field(default_factory=list)

    def parties(self) -> Iterator[ListedParty]:
        """Yield the parties."""
        source = self.sources["list"]
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartElementHandler = lambda tag, attributes: self._start(parser, tag, attributes)
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = lambda *_: self._stop(
            parser, "a document type declaration is not allowed"
        )
        source.stream.seek(0)
        try:
            while block := source.stream.read(_BLOCK):
                parser.Parse(block, False)
                yield from self._ready()
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            words = expat.ErrorString(error.code)
            self.problems.add(source.name, error.lineno, f"the XML is not well-formed ({words})")
        except _StopError:
            return
        yield from self._ready()

    def _ready(self) -> Iterator[ListedParty]:
        done, self._done = self._done, []
        for node in done:
            party = _party(node)
            for words in faults(party):
                self.problems.add(self.sources["list"].name, node.line, words)
            yield party

    def _start(self, parser: expat.XMLParserType, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        line = parser.CurrentLineNumber
        if self._depth == 1:
            if tag != "CONSOLIDATED_LIST":
                self._stop(parser, f"the root is <{tag[:40]}>, a UN list's is <CONSOLIDATED_LIST>")
            self._published(parser, attributes.get("dateGenerated", ""))
        if self._depth > _DEPTH_MAX:
            self._stop(parser, f"elements stand more than {_DEPTH_MAX} deep")
        if self._stack or tag in _PARTIES:
            self._stack.append(Node(tag, line))

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if not self._stack:
            return
        node = self._stack.pop()
        if self._stack:
            self._stack[-1].children.append(node)
        else:
            self._done.append(node)

    def _text(self, text: str) -> None:
        if self._stack:
            self._stack[-1].text += text

    def _published(self, parser: expat.XMLParserType, text: str) -> None:
        try:
            self.published_on = date.fromisoformat(text[:10])
        except ValueError:
            self._stop(parser, f"dateGenerated “{text[:40]}” is no date")

    def _stop(self, parser: expat.XMLParserType, words: str) -> None:
        self.problems.add(self.sources["list"].name, parser.CurrentLineNumber, words)
        raise _StopError


def _party(node: Node) -> ListedParty:
    kind = _PARTIES[node.tag]
    parts = (node.get(f"{which}_NAME") for which in ("FIRST", "SECOND", "THIRD", "FOURTH"))
    strong: list[str] = [node.get("NAME_ORIGINAL_SCRIPT")]
    weak: list[str] = []
    for alias in node.all(f"{node.tag}_ALIAS"):
        side = weak if alias.get("QUALITY").casefold() == "low" else strong
        side += _names(alias.get("ALIAS_NAME"))
    located = node.all(f"{node.tag}_ADDRESS")
    return listed_party(
        line=node.line,
        subject=node.get("REFERENCE_NUMBER") or node.get("DATAID"),
        kind=kind,
        name=" ".join(part for part in parts if part),
        aliases=strong,
        weak=weak,
        programs=[node.get("UN_LIST_TYPE")],
        countries=[*node.values("NATIONALITY"), *(each.get("COUNTRY") for each in located)],
        birth_dates=[_born(each) for each in node.all("INDIVIDUAL_DATE_OF_BIRTH")],
        addresses=[_joined(each, _ADDRESS) for each in located],
        remarks=_remarks(node),
    )


_ADDRESS = ("STREET", "CITY", "STATE_PROVINCE", "ZIP_CODE", "COUNTRY", "NOTE")
_BIRTH_PLACE = ("STREET", "CITY", "STATE_PROVINCE", "COUNTRY", "NOTE")
_DOCUMENT = ("TYPE_OF_DOCUMENT", "TYPE_OF_DOCUMENT2", "NUMBER", "ISSUING_COUNTRY", "NOTE")


def _names(text: str) -> list[str]:
    """Return the aliases of one element: some hold several, split by semicolons, and brackets that
    open in one part and close in another."""
    found = []
    for part in _SCRIPT_NOTE.sub("", text).split(";"):
        name = part.strip()
        while name.count("(") > name.count(")"):
            before, _, after = name.rpartition("(")
            found.append(after)
            name = before.strip()
        while name.count(")") > name.count("("):
            name = name.removesuffix(")").strip() if name.endswith(")") else name.replace(")", "")
        found.append(name)
    return found


def _born(node: Node) -> str:
    kind = node.get("TYPE_OF_DATE").upper()
    if kind == "BETWEEN":
        text = f"{node.get('FROM_YEAR')} to {node.get('TO_YEAR')}"
    else:
        text = node.get("DATE") or node.get("YEAR")
    about = "about " if kind == "APPROXIMATELY" and text else ""
    note = node.get("NOTE")
    return f"{about}{text}{f' ({note})' if note and text else note}"


def _joined(node: Node, tags: tuple[str, ...]) -> str:
    return ", ".join(text for tag in tags if (text := node.get(tag)))


def _remarks(node: Node) -> str:
    places = [_joined(each, _BIRTH_PLACE) for each in node.all("INDIVIDUAL_PLACE_OF_BIRTH")]
    papers = [_joined(each, _DOCUMENT) for each in node.all("INDIVIDUAL_DOCUMENT")]
    labelled = (
        ("Title", node.values("TITLE")),
        ("Designation", node.values("DESIGNATION")),
        ("Born in", places),
        ("Documents", papers),
        ("Listed on", [node.get("LISTED_ON")]),
    )
    parts = [node.get("COMMENTS1")]
    for label, values in labelled:
        if kept := [value for value in values if value]:
            parts.append(f"{label}: {'; '.join(kept)}.")
    return " ".join(part for part in parts if part)
