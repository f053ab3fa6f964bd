"""No modules import each other in a circle. `make lint` refuses an import that goes against the layers:
each contract is broken once.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import grimp
import networkx
import patience
import pytest
import workspace

UPWARD = {
    "Folders of the library import downwards": ("evobuild/core/errors.py", "evobuild.text.words"),
    "What runs a stage writes no out": ("evobuild/process/terminal.py", "evobuild.core.tables"),
    "The library knows no stage": ("evobuild/reporting/outcomes.py", "stages.seed"),
    "Stages know no other stage": ("stages/rate.py", "stages.tag"),
    "Training needs no chat model": ("evobuild/training/params.py", "evobuild.models.client"),
    "Only its engine knows the simulation": ("evobuild/evolution/evolve.py", "evobuild.simulation.rates"),
}


def lint(root: Path) -> str:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = patience.run(command, cwd=root, env=os.environ | {"PYTHONPATH": str(root)})
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    shutil.copy(workspace.ROOT / "pyproject.toml", root)
    for name in ("evobuild", "stages"):
        shutil.copytree(workspace.ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def test_an_import_against_the_layers_is_refused(tree: Path) -> None:
    """All contracts are broken at once: each is named with the module that breaks it."""
    said = lint(tree)
    assert {name for name in UPWARD if f"{name} KEPT" not in said} == set()
    for where, wanted in UPWARD.values():
        with (tree / where).open("a") as file:
            file.write(f"\nimport {wanted}\n")
    said = lint(tree)
    assert {name for name in UPWARD if f"{name} BROKEN" not in said} == set()
    for name, (where, wanted) in UPWARD.items():
        module = where.removesuffix(".py").replace("/", ".")
        assert f"{module} -> {wanted}" in said, f"{name}: {module} is not said to import {wanted}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("evobuild", "stages", cache_dir=None, exclude_type_checking_imports=True)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    groups = networkx.strongly_connected_components(networkx.from_dict_of_lists(imports, networkx.DiGraph))
    assert [sorted(group) for group in groups if len(group) > 1] == []
