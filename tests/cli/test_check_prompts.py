"""The folder of prompts that params name: there, whole, and of templates."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import variants
from workspace import ROOT

from evobuild.cli.check.prompt_checks import check_prompts
from evobuild.core.errors import BadInput, BadParams
from evobuild.core.prompts import use_folder


def checked(folder: str, **changes: object) -> None:
    with use_folder(Path(folder)):
        check_prompts(variants.changed(variants.DEFAULT, {"prompts": folder} | changes))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder with the templates that are needed to rate, and no others."""
    for name in ("level", "score"):
        target = tmp_path / f"mine/judge/difficulty_{name}.jinja"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / f"prompts/judge/difficulty_{name}.jinja", target)
    return tmp_path / "mine"


@pytest.mark.parametrize("name", ["operations", "the branch", "all benchmarks", "the paper's prompt"])
def test_the_shipped_folder_has_all_that_is_needed(name: str) -> None:
    checked("prompts", **variants.VARIANTS[name])


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        (
            "none",
            "params.yaml: prompts 'none' does not exist; expected a folder with a template for each prompt",
        ),
        ("LICENSE", "params.yaml: prompts 'LICENSE' is no folder"),
        (
            "../none",
            "params.yaml: prompts is '../none'; expected a path in the repository, or an absolute one",
        ),
        ("a'b", "which goes into a shell's command"),
    ],
)
def test_a_folder_that_is_none_is_refused(folder: str, message: str) -> None:
    with pytest.raises(BadParams) as caught:
        checked(folder)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_templates_that_stages_depend_on_and_the_folder_lacks_are_named(mine: Path) -> None:
    with pytest.raises(
        BadParams, match=r"mine/ lacks autoif/augment\.jinja, .* and \d+ more, .* copy"
    ) as caught:
        checked(str(mine), **variants.BRANCH)
    assert "difficulty_score" not in str(caught.value)
    shutil.copytree(ROOT / "prompts", mine, dirs_exist_ok=True)
    (mine / "judge/quality.jinja").unlink()
    with pytest.raises(
        BadParams, match=r"mine/ lacks judge/quality\.jinja, which stages depend on; add it, or"
    ):
        checked(str(mine))


def test_a_file_that_is_no_template_is_named(mine: Path) -> None:
    shutil.copytree(ROOT / "prompts", mine, dirs_exist_ok=True)
    (mine / "evolve/e0.jinja").write_text("{% if %}")
    with pytest.raises(BadInput, match=r"mine/evolve/e0\.jinja:1: not a Jinja template"):
        checked(str(mine))
