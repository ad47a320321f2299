"""What documents point to is there: links, pictures, files of the library, cards of all networks."""

import re

import pytest

from DeepRegistrationLib.models.catalog import model_catalog
from Testing.Documents.commands import DOCUMENTS, ROOT

PAGES = ROOT / "docs"
# what names of files in the pages are relative to
PLACES = [
    ROOT / "DeepRegistrationLib",
    ROOT / "DeepRegistration" / "DeepRegistrationSlicer",
    ROOT / "DeepRegistration" / "Resources" / "UI",
    ROOT,
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files(document):
    targets = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    files = [target.partition("#")[0] for target in targets if "://" not in target]
    assert [name for name in files if name and not (document.parent / name).exists()] == []


@pytest.mark.parametrize("name", ["conventions.md", "developer-guide.md"])
def test_files_that_are_named_exist(name):
    text = (PAGES / name).read_text(encoding="utf-8")
    named = re.findall(r"`((?:[a-z_]+/)*[A-Za-z_]+\.(?:py|ui))`", text)
    # NAME stands for the reader's own
    there = [file for file in named if any((place / file).exists() for place in PLACES) or "NAME" in file]
    assert len(named) > 5
    assert set(named) == set(there)


def test_every_network_is_in_the_index_with_its_licence():
    text = (PAGES / "models.md").read_text(encoding="utf-8")
    rows = {(name, licence.strip()) for name, licence in re.findall(r"\| \[([\w-]+)\].*\|(.*)\|", text)}
    assert rows == {(entry.name, entry.licence) for entry in model_catalog().values()}
