"""What the documents point at is there, and what is shipped is pointed at."""

import re
from pathlib import Path

import pytest
from tests.deploy.shipped import DEPLOY, ROOT

PAGES = [*ROOT.glob("docs/**/*.md"), *DEPLOY.glob("**/*.md"), ROOT / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_every_folder_that_is_shipped_is_told_of() -> None:
    told = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    folders = {str(path.parent.relative_to(ROOT)) for path in DEPLOY.rglob("*") if path.is_file()}
    assert len(folders) >= 5
    assert [folder for folder in sorted(folders) if folder not in told] == []


def test_the_paths_in_the_documents_exist() -> None:
    named = {
        name
        for page in PAGES
        for name in re.findall(r"\bdeploy/[\w./-]*\w", page.read_text(encoding="utf-8"))
    }
    made_by_the_operator = {"deploy/container/.env"}
    assert len(named) >= 10
    assert [name for name in sorted(named - made_by_the_operator) if not (ROOT / name).exists()] == []
