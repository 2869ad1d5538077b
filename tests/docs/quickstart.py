"""The quickstart as tests run it: its blocks in order, and the programs it shows.

`python -m tests.docs.quickstart` writes the programs of examples/quickstart and the verification of
docs/webhooks.md into the page; a test holds both equal.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "quickstart.md"
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: `words` are the name=value pairs and flags behind its language."""

    language: str
    words: Mapping[str, str]
    text: str

    @property
    def terminal(self) -> str:
        """Return where a reader types or sees it."""
        return self.words.get("terminal", "second")


def blocks() -> list[Block]:
    """Return the page's blocks, in order."""
    found = []
    for language, line, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        pairs = (word.partition("=") for word in line.split())
        found.append(Block(language, {name: value for name, _, value in pairs}, text))
    return found


def is_shown(expected: str, seen: str) -> bool:
    """Say whether `seen` is what the page shows; `…` stands for anything, also at line ends."""
    pattern = ".*?".join(re.escape(part) for part in expected.strip().split("…"))
    return re.fullmatch(pattern, seen.replace("\r\n", "\n").strip(), re.DOTALL) is not None


def with_programs(page: str) -> str:
    """Return the page with each `file=` block filled from its file."""

    def fill(found: re.Match[str]) -> str:
        name = re.search(r"file=(\S+)", found[2])
        if name is None:
            return found[0]
        text = (ROOT / name[1]).read_text(encoding="utf-8")
        return f"```{found[1]}{found[2]}\n{text}```"

    return _BLOCK.sub(fill, page)


if __name__ == "__main__":
    PAGE.write_text(with_programs(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
