"""What the library says of itself: where its template lies, and by what content stages know its folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from workspace import ROOT

from evobuild.core import library


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package, which the module takes for its own."""
    own = tmp_path / "evobuild"
    shutil.copytree(ROOT / "evobuild", own, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(library, "PACKAGE", own)
    return own


def test_a_checkout_is_its_own_template() -> None:
    assert library.template_folder() == ROOT


def test_in_a_wheel_the_template_lies_in_the_package(package: Path) -> None:
    (package / "template").mkdir()
    assert library.template_folder() == package / "template"


def test_every_folder_of_the_library_has_a_digest_and_the_template_none(package: Path) -> None:
    (package / "template").mkdir()
    folders = {path.parent.name for path in (ROOT / "evobuild").glob("*/__init__.py")}
    assert library.library_digests().keys() == folders - {"process"}


def test_an_edit_changes_the_digest_of_its_folder_alone(package: Path) -> None:
    before = library.library_digests()
    (package / "evolution" / "step.py").write_text("# another\n")
    after = library.library_digests()
    assert {name for name in before if before[name] != after[name]} == {"evolution"}


def test_byte_code_and_the_version_are_no_content(package: Path) -> None:
    before = library.library_digests()
    (package / "process" / "version.py").write_text('__version__ = "99"\n')
    (package / "core" / "__pycache__").mkdir()
    (package / "core" / "__pycache__" / "stage.pyc").write_bytes(b"code")
    assert library.library_digests() == before


def test_a_page_template_counts_as_much_as_code(package: Path) -> None:
    before = library.library_digests()["reporting"]
    (package / "reporting" / "pages" / "style.css.jinja").write_text("body {}")
    assert library.library_digests()["reporting"] != before
