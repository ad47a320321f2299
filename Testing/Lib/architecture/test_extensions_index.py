"""The entry of the Extensions Index: what its schema asks, and what CMake files and module say too."""

import json
import re

import pytest

from DeepRegistrationLib.jobs.job import JobKind
from Testing.Lib.architecture.source_tree import MODULE, ROOT

ENTRY = ROOT / "ExtensionsIndex" / "DeepRegistration.json"
CONTENT = json.loads(ENTRY.read_text(encoding="utf-8"))
CMAKE = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
# names and types of the schema's version 1.0.2, which allows no others
KINDS = {
    "$schema": str,
    "build_dependencies": list,
    "build_subdirectory": str,
    "category": str,
    "dicom_support_rule": str,
    "enabled": bool,
    "scm_revision": str,
    "scm_type": str,
    "scm_url": str,
    "tier": int,
}

WORDS = {
    JobKind.FETAL_VOLUME: "fetal brain",
    JobKind.FETAL_SLICE: "single slice",
    JobKind.XRAY_CT: "a ct ",
    JobKind.BIPLANAR: "bone atlas",
    JobKind.US_ANGLES: "ultrasound frames",
}


def in_cmake(name: str) -> str:
    return re.search(rf'set\({name} "([^"]*)"\)', CMAKE).group(1)


def test_the_entry_has_what_the_schema_asks_and_nothing_else():
    assert {"$schema", "category", "scm_url"} <= set(CONTENT) <= set(KINDS)
    assert all(type(value) is KINDS[name] for name, value in CONTENT.items())
    address = r"https://raw\.githubusercontent\.com/Slicer/Slicer/main/Schemas/slicer-extension-catalog-entry-schema-"
    assert re.fullmatch(address + r"v1\.0\.2\.json#", CONTENT["$schema"])
    assert 1 <= CONTENT["tier"] <= 5
    assert CONTENT["scm_type"] == "git"


def test_the_entry_is_named_after_the_project_and_the_repository_begins_with_slicer():
    project = re.search(r"project\((\w+)\)", CMAKE).group(1)
    assert ENTRY.stem == project == "DeepRegistration"
    repository = CONTENT["scm_url"].removesuffix(".git").rpartition("/")[2]
    assert repository.startswith("Slicer")
    assert not project.startswith("Slicer")
    assert CONTENT["scm_url"].removesuffix(".git") == in_cmake("EXTENSION_HOMEPAGE")


def test_entry_and_cmake_depend_on_the_same_extensions():
    assert CONTENT["build_dependencies"] == in_cmake("EXTENSION_DEPENDS").split()


def test_entry_and_module_are_of_one_category():
    module = (MODULE / "DeepRegistration.py").read_text(encoding="utf-8")
    assert f'"{CONTENT["category"]}")]' in module


def test_the_licence_lies_at_the_root():
    assert "Apache License" in (ROOT / "LICENSE.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("job", JobKind)
def test_description_and_help_name_every_job(job):
    module = (MODULE / "DeepRegistration.py").read_text(encoding="utf-8")
    help_text = re.sub(r'"\s+"', "", module.partition("helpText = _(")[2].partition(")\n")[0])
    for text in (in_cmake("EXTENSION_DESCRIPTION"), help_text):
        assert WORDS[job] in text.lower()
