"""What a stage imports, held against grimp, and a digest that only what runs changes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import closures
import pytest
from workspace import ROOT

from evobuild.process.imports import LIBRARY, Sources

OLDER = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("imports", sys.argv[1])
imports = importlib.util.module_from_spec(spec)
sys.modules["imports"] = imports
spec.loader.exec_module(imports)
sources = imports.Sources(Path(sys.argv[2]))
for stage in sys.argv[3:]:
    print(sources.digest(f"stages.{stage}"))
"""


def test_a_closure_is_the_one_that_grimp_finds_with_the_packages_around_it() -> None:
    sources = Sources(ROOT)
    for stage, found in closures.closures().items():
        assert set(sources.closure(f"stages.{stage}")) == found, stage


@pytest.mark.parametrize("stage", ["finetune", "evaluate"])
def test_a_training_and_an_evaluation_depend_on_no_list_of_stages_and_no_table_of_others(stage: str) -> None:
    others = {"evolution_tables", "results", "stages", "table_writer"}
    assert (
        Sources(ROOT)
        .closure(f"stages.{stage}")
        .keys()
        .isdisjoint({f"evobuild.core.{name}" for name in others})
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A stage that uses what is in the library, in a project of its own beside a library of its own."""
    for name, text in {
        "stages/__init__.py": '"""Stages."""\n',
        "stages/own.py": '"""Own."""\nfrom stages.beside import VALUE\n\n\ndef main() -> int:\n'
        '    """Count."""\n    from evobuild.words import count\n\n    return count(VALUE)\n',
        "stages/beside.py": "VALUE = 'a b'\n",
        "evobuild/__init__.py": "import evobuild.other\n",
        "evobuild/process/__init__.py": "",
        "evobuild/process/terminal.py": "import evobuild.other\n",
        "evobuild/words.py": "from typing import TYPE_CHECKING\n\nfrom evobuild.process import terminal\n\n"
        'if TYPE_CHECKING:\n    import evobuild.other\n\nLIST = \'list.txt\'\n"""Of words."""\n\n\n'
        "def count(text: str) -> int:\n    return len(text.split())\n",
        "evobuild/list.txt": "a\n",
        "evobuild/other.py": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def digest(project: Path) -> str:
    return Sources(project, library=project / "evobuild").digest("stages.own")


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("stages/own.py", "    return", "    # counted here\n    return"),
        ("stages/own.py", '"""Own."""', '"""Of the project."""'),
        ("stages/own.py", '    """Count."""\n', ""),
        ("evobuild/words.py", '"""Of words."""', '"""Of the words."""'),
        ("evobuild/words.py", "return len(text.split())", "return len(\n        text.split()\n    )"),
        ("evobuild/process/terminal.py", "import", "VALUE = 1\nimport"),
        ("evobuild/__init__.py", "import", "VALUE = 1\nimport"),
        ("evobuild/other.py", "", "VALUE = 1\n"),
    ],
)
def test_what_is_not_run_changes_no_digest(project: Path, file: str, old: str, new: str) -> None:
    before = digest(project)
    edit(project / file, old, new)
    assert digest(project) == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("stages/own.py", "return", "return 1 +"),
        ("stages/beside.py", "'a b'", "'a  b'"),
        ("evobuild/words.py", "text.split()", "text.split(None)"),
        ("evobuild/words.py", "text.split()", "text.split('')"),
        ("evobuild/list.txt", "a", "b"),
    ],
)
def test_what_is_run_changes_the_digest(project: Path, file: str, old: str, new: str) -> None:
    before = digest(project)
    edit(project / file, old, new)
    assert digest(project) != before


def test_what_writes_no_out_is_in_no_closure(project: Path) -> None:
    found = Sources(project, library=project / "evobuild").closure("stages.own")
    assert set(found) == {"stages.own", "stages.beside", "evobuild.words"}


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_a_digest_is_the_same_on_every_python(version: str) -> None:
    found = sorted((Path.home() / ".pyenv/versions").glob(f"{version}*/bin/python3"))
    python = str(found[0]) if found else shutil.which(f"python{version}")
    if python is None:
        pytest.skip(f"no Python {version} here")
    words = [LIBRARY / "process/imports.py", ROOT, *closures.STAGES]
    run = subprocess.run([python, "-c", OLDER, *words], capture_output=True, text=True, check=True)
    sources = Sources(ROOT)
    assert run.stdout.split() == [sources.digest(f"stages.{stage}") for stage in closures.STAGES], sys.version


def test_what_was_read_before_is_kept_by_its_content(project: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept/code.json"
    for damage in (None, "{", '{"a": [1]}', "[]"):
        if damage is not None:
            kept.write_text(damage)
        first = Sources(project, kept, project / "evobuild")
        wanted = first.digest("stages.own")
        first.keep()
        assert Sources(project, kept, project / "evobuild").digest("stages.own") == wanted
    edit(project / "evobuild/words.py", "text.split()", "text.split(None)")
    assert Sources(project, kept, project / "evobuild").digest("stages.own") == digest(project) != wanted


def test_byte_code_is_no_data_file(project: Path) -> None:
    with (project / "evobuild/words.py").open("a", encoding="utf-8") as file:
        file.write("CACHE = '__pycache__'\n")
    before = digest(project)
    (project / "evobuild/__pycache__").mkdir()
    (project / "evobuild/__pycache__/words.cpython-311.pyc").write_bytes(b"code")
    assert digest(project) == before
