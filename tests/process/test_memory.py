"""What a process may still use, and who explains one that was ended."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys

import patience
import pytest

from evobuild.core import stage
from evobuild.core.errors import UserError
from evobuild.process import memory, run_journal, supervision
from evobuild.process.run_journal import StageRun

GIB = memory.GIB


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """A machine with 8 GiB free, and a folder of its control groups."""
    (tmp_path / "meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable:   {8 * GIB // 1024} kB\n")
    (tmp_path / "own").write_text("")
    for name, path in (("MEMORY_INFO", "meminfo"), ("OWN_GROUPS", "own"), ("GROUPS", "groups")):
        monkeypatch.setattr(memory, name, tmp_path / path)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    return tmp_path


def group(folder, version: int, limit: object, used: int, cache: int) -> None:
    names = ("memory.max", "memory.current", "inactive_file")
    if version == 1:
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in zip(names[:2], (limit, used), strict=True):
        (folder / name).write_text(f"{value}\n")
    (folder / "memory.stat").write_text(f"anon 7\n{names[2]} {cache}\n")


def test_the_machine_counts_where_nothing_else_does(groups):
    assert memory.available_bytes() == 8 * GIB


@pytest.mark.parametrize("version", [1, 2])
def test_a_group_counts_with_all_above_it_less_what_the_cache_gives_back(groups, version):
    root = groups / ("groups/memory" if version == 1 else "groups")
    (groups / "own").write_text(f"3:cpu:/x\n{'5:memory,rdma' if version == 1 else '0:'}:/a/b\n")
    group(root / "a/b", version, 6 * GIB, GIB, GIB // 2)
    assert memory.available_bytes() == 6 * GIB - GIB // 2
    group(root / "a", version, 3 * GIB, 2 * GIB, 0)
    assert memory.available_bytes() == GIB
    group(root / "a", version, 2**63 - 4096 if version == 1 else "max", 2 * GIB, 0)
    assert memory.available_bytes() == 6 * GIB - GIB // 2


def test_the_limit_of_the_shell_counts_and_too_little_is_refused(groups, monkeypatch):
    supervision.check_address_space()
    monkeypatch.setattr(resource, "getrlimit", lambda _: (GIB, GIB))
    assert memory.available_bytes() == GIB
    with pytest.raises(UserError, match=r"`ulimit -v` allows 1\.0 GiB of address space; a stage needs"):
        supervision.check_address_space()


def test_a_stage_that_used_more_than_is_free_says_so(groups, capsys, monkeypatch):
    runs = [StageRun("select", peak_memory=9 * GIB), StageRun("rate@r1", peak_memory=GIB)]
    monkeypatch.setattr(run_journal, "read_runs", lambda: runs)
    for address in ("rate@r1", "seed", "select"):
        stage._warn_of_memory(address)
    assert capsys.readouterr().err == (
        "warning: the last run of select used 9.0 GiB of memory, and 8.0 GiB are free: "
        "it may be ended for lack of memory\n"
    )


SCRIPT = """
import os, signal, sys
from evobuild.process.supervision import supervise
code = supervise("select")
if code is None:
    {work}
sys.exit(code)
"""


def run(work: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", SCRIPT.format(work=work)]
    return patience.run(words)


@pytest.mark.parametrize(
    ("name", "cause"), [("SIGKILL", "Most likely memory was full."), ("SIGSEGV", "A native library crashed.")]
)
def test_a_stage_that_cannot_explain_its_death_has_it_explained(name, cause):
    done = run(f"os.kill(os.getpid(), signal.{name})")
    first, second = done.stderr.splitlines()
    assert first.startswith(f"select: ended by {name} after using 0.0 GiB of memory; ")
    assert first.endswith(cause)
    assert second.startswith("Replies and finished stages are kept: run the same command again")
    assert done.returncode == 1


def test_exit_codes_and_other_signals_pass_through():
    assert run("sys.exit(7)").returncode == 7
    ended = run("os.kill(os.getppid(), signal.SIGTERM); signal.pause()")
    assert (ended.returncode, ended.stderr) == (-signal.SIGTERM, "")


def test_the_child_dies_with_its_parent():
    done = run("os.kill(os.getppid(), signal.SIGKILL); signal.pause()")
    assert done.returncode == -signal.SIGKILL
