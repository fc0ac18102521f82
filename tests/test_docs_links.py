"""Links lead somewhere, and files that pages and sources name are there."""

import re
from pathlib import Path

import pytest
from pages import FENCE, LINK, PAGES, ROOT, text

# ---------------------------------------------------------------- files that are named


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_of_the_program_that_pages_name_are_there(page: Path) -> None:
    places = (ROOT, ROOT / "lts_batch", page.parent, *(path for path in (ROOT / "lts_batch").iterdir() if path.is_dir()))
    for name in re.findall(r"`([\w/]+\.py)\b[^`]*`", FENCE.sub("", page.read_text(encoding="utf-8"))):
        assert any((place / name).is_file() for place in places), f"{page.name} names {name}, which is not there"


def test_files_of_the_program_that_sources_name_are_there() -> None:
    for folder in ("lts_batch", "benchmarks", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            for name in re.findall(r"\b(?:lts_batch|benchmarks)/[\w/]+\.py\b", path.read_text(encoding="utf-8")):
                assert (ROOT / name).is_file(), f"{path.name} names {name}, which is not there"


# ---------------------------------------------------------------- links


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        place = page.parent / name if name else page
        assert place.exists(), f"{page.name} links to {target}, which is not there"
        if anchor:
            assert anchor in anchors(place), f"{page.name} links to {target}, a heading that is not there"


def test_the_guide_lists_its_sections() -> None:
    body = text("docs/guide.md")
    headings = re.findall(r"^## (.+)$", body, re.MULTILINE)
    assert re.findall(r"^- \[(.+)\]\(#", body, re.MULTILINE) == headings
