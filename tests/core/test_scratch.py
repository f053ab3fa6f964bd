"""Scratch folders of a stage: in one place, gone with the stage, and swept after one that was killed."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from workspace import ROOT

from evobuild.core.errors import UserError
from evobuild.core.scratch import ScratchFolder, stage_scratch

HOLD = """
import signal
from pathlib import Path
from evobuild.core.scratch import ScratchFolder, stage_scratch
with stage_scratch("export"), ScratchFolder() as folder:
    Path(folder, "rows").touch()
    print(folder, flush=True)
    signal.pause()
"""
OTHERS = {"ray_cluster.py", "question_file.py", "row_file.py", "syscalls.py", "scratch.py", "dvc_state.py"}
"""Modules with temporary files of their own: nameless ones, a folder of Ray's sockets, and one of DVC's locks
where a project may only be read."""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("TMPDIR", raising=False)
    return tmp_path


@contextmanager
def other() -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that runs the stage and has a scratch folder; killed at the end."""
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)


def test_a_scratch_folder_is_below_the_stages_and_goes_with_it(project: Path) -> None:
    with stage_scratch("export"):
        assert not (project / ".evobuild").exists()
        kept = ScratchFolder()
        with ScratchFolder() as folder:
            assert Path(folder).parents[1] == project / ".evobuild/tmp/export"
            assert Path(folder).parents[1].stat().st_mode & 0o077 == 0
        assert not Path(folder).exists() and kept.path.exists()
    assert not list((project / ".evobuild/tmp/export").iterdir())


def test_what_kills_have_left_is_swept_at_the_next_start_and_what_runs_stays(project: Path) -> None:
    for _ in range(3):
        with other():
            pass
    left = project / ".evobuild/tmp/export"
    with other() as (_, folder):
        assert len(list(left.iterdir())) == 1
        with stage_scratch("export"), stage_scratch("select"):
            assert (folder / "rows").exists()
    with stage_scratch("select"):
        assert (folder / "rows").exists()
    with stage_scratch("export"):
        assert not list(left.iterdir())
    assert not [path for path in project.iterdir() if path.name != ".evobuild"]


def test_a_folder_for_temporary_files_that_the_user_names_is_used(project: Path, monkeypatch) -> None:
    monkeypatch.setenv("TMPDIR", str(project / "fast"))
    (project / "fast").mkdir()
    with stage_scratch("export"), ScratchFolder() as folder:
        assert Path(folder).is_relative_to(project / "fast")
        [own] = (project / "fast").iterdir()
        assert own.stat().st_mode & 0o077 == 0
    own.chmod(0o777)
    with pytest.raises(UserError, match="expected a folder of yours alone"), stage_scratch("export"):
        pass


def test_no_stage_makes_temporary_files_elsewhere() -> None:
    made = re.compile(r"TemporaryDirectory|mkdtemp|NamedTemporaryFile|TemporaryFile|mkstemp")
    modules = [*(ROOT / "stages").glob("*.py"), *(ROOT / "evobuild").rglob("*.py")]
    found = {
        module.name
        for module in modules
        if "cli" not in module.relative_to(ROOT).parts and made.search(module.read_text(encoding="utf-8"))
    }
    assert found == OTHERS
