"""Links between pages lead somewhere, and make targets exist."""

import re

import pytest

from tests.docs.pages import PAGES, ROOT, anchor, read

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_exist(page):
    broken = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        path, _, fragment = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.is_file():
            broken.append(target)
        elif fragment:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            if fragment not in {anchor(heading) for heading in headings}:
                broken.append(target)
    assert broken == []


def test_every_decision_is_listed_in_order():
    files = sorted(path.name for path in (ROOT / "docs" / "adr").glob("0*.md"))
    assert re.findall(r"\]\((0[^)]+)\)", read("docs/adr/README.md")) == files
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))


def test_every_page_can_be_reached_from_the_list_of_documents():
    listed = {target.partition("#")[0] for target in LINK.findall(read("docs/README.md"))}
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages - listed == set()


def test_make_targets_that_pages_name_exist():
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    named = {
        name for page in PAGES for name in re.findall(r"`make ([a-z-]+)", page.read_text("utf-8"))
    }
    assert {"run", "test", "demo"} <= named
    assert named - targets == set()
