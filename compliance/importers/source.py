"""A file to import: its size, hash and encoding, and its rows with their line numbers."""

import codecs
import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from compliance.importers.problems import Problems

_BLOCK = 1 << 20
_END_OF_FILE = "\x1a"  # DOS ends its text files so, and OFAC's still do
_LOOKS = (
    (b"PK\x03\x04", "a ZIP archive: unpack it first"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"%PDF", "a PDF document"),
    (b"\xff\xfe", "UTF-16 text: save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text: save it as UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook: save it as CSV"),
)


@dataclass(slots=True)
class Source:
    """One file: `role` is its part of the list (`list`, or OFAC's `sdn`, `alt`, `add`), `name` what
    people call it. `stream` can be read twice."""

    role: str
    name: str
    stream: BinaryIO
    size: int = 0
    sha256: str = ""
    is_utf8: bool = field(default=True)
    head: bytes = b""

    def inspect(self) -> None:
        """Read it once: size, hash, first bytes, and whether it is UTF-8."""
        self.stream.seek(0)
        digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")()
        self.size, self.is_utf8, self.head = 0, True, b""
        while block := self.stream.read(_BLOCK):
            self.head = self.head or block[:4096]
            self.size += len(block)
            digest.update(block)
            self.is_utf8 = self.is_utf8 and _decodes(decoder, block)
        self.is_utf8 = self.is_utf8 and _decodes(decoder, b"", is_last=True)
        self.sha256 = digest.hexdigest()

    def as_dict(self) -> dict[str, object]:
        """Return what an import keeps of its file."""
        return {"role": self.role, "name": self.name, "size": self.size, "sha256": self.sha256}


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, *, is_last: bool = False) -> bool:
    try:
        decoder.decode(block, final=is_last)
    except UnicodeDecodeError:
        return False
    return True


def looks_wrong(source: Source, *, is_xml: bool) -> str:
    """Return what the file seems to be if it cannot be of the format, in words; else nothing."""
    if not source.size:
        return "the file is empty"
    for magic, words in _LOOKS:
        if source.head.startswith(magic):
            return f"the file is {words}"
    start = source.head.lstrip(codecs.BOM_UTF8).lstrip()
    if start[:14].lower().startswith((b"<!doctype html", b"<html")):
        return "the file is a web page: the download may have failed"
    if start.startswith(b"<") and not is_xml:
        return "the file is XML, and the format asks for CSV"
    if not start.startswith(b"<") and is_xml:
        return "the file is no XML"
    return ""


def csv_rows(
    source: Source, problems: Problems, *, encoding: str = "utf-8"
) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells) of every row that is not blank; faults of text and quoting go to
    `problems`."""
    source.stream.seek(0)
    reader = csv.reader(_lines(source, problems, encoding), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(source.name, line, f"the row cannot be read as CSV ({error})")
            return
        if row and row != [""]:
            yield line, row


def _lines(source: Source, problems: Problems, encoding: str) -> Iterator[str]:
    is_over = False
    for number, raw in enumerate(source.stream, 1):
        line = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError as error:
            byte = line[error.start]
            problems.add(
                source.name, number, f"byte 0x{byte:02X} at position {error.start + 1} is no UTF-8"
            )
            text = line.decode(encoding, errors="replace")
        if is_over and text.strip():
            problems.add(source.name, number, "text after the end-of-file mark")
        if _END_OF_FILE in text:
            text, _, rest = text.partition(_END_OF_FILE)
            is_over = True
            if rest.strip():
                problems.add(source.name, number, "text after the end-of-file mark")
        if "\x00" in text:
            problems.add(source.name, number, "the line holds a NUL character")
            text = text.replace("\x00", "")
        yield text
