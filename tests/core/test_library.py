"""Where the template of a project lies."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspace import ROOT

from evobuild.core import library


def test_a_checkout_is_its_own_template() -> None:
    assert library.template_folder() == ROOT


def test_in_a_wheel_the_template_lies_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "template").mkdir()
    monkeypatch.setattr(library, "PACKAGE", tmp_path)
    assert library.template_folder() == tmp_path / "template"
