"""How commands begin and end: exit codes, errors in two lines, streams that are closed, narrow or unread."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import patience
import pytest
import workspace

from evobuild.core.errors import UserError
from evobuild.process import command_line
from evobuild.process.command_line import check_environment, run_command

PRESET = f"{sys.executable} -m evobuild preset"
ASCII = "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0"


def shell(line: str, root: Path = workspace.ROOT) -> subprocess.CompletedProcess[str]:
    environment = workspace.environment() | {"PYTHONPATH": str(workspace.ROOT)}
    return patience.run(["bash", "-c", line], cwd=root, env=environment)


def test_a_user_without_a_home_is_told_to_set_one(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def none(path: type[Path]) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", classmethod(none))
    assert run_command("validate", lambda: 0) == 1
    said = (
        "validate: $HOME is not set, and this user has no folder; set HOME to a folder that you may write\n"
    )
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    "line",
    [
        f"{PRESET} | head -1; exit ${{PIPESTATUS[0]}}",
        f"{PRESET} | true; exit ${{PIPESTATUS[0]}}",
        f"{PRESET} >&-",
        f"{PRESET} <&- >&- 2>&-",
        f"PYTHONIOENCODING=ascii {PRESET}",
        f"{ASCII} {PRESET}",
        f"{ASCII} {sys.executable} -m evobuild --help",
        f"PYTHONIOENCODING=ascii {sys.executable} -m stages.evolve --help | head -1; exit ${{PIPESTATUS[0]}}",
    ],
)
def test_a_stream_that_is_closed_narrow_or_unread_ends_no_command(line: str) -> None:
    done = shell(line)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_device_is_said() -> None:
    done = shell(f"{PRESET} > /dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith("evobuild: the disk that the output goes to is full; ")


@pytest.mark.parametrize("value", ["0", "abc", "-1", "1.5", "99999999999"])
@pytest.mark.parametrize("name", ["POLARS_MAX_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS"])
def test_a_wrong_number_of_threads_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=rf"\${name} is '{value}'; expected threads from 1"):
        check_environment()


def test_numbers_of_threads_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARS_MAX_THREADS", "2")
    monkeypatch.setenv("OMP_NUM_THREADS", "4,2")
    monkeypatch.setenv("MKL_NUM_THREADS", "")
    check_environment()


def test_a_stage_says_wrong_threads_before_anything_is_imported() -> None:
    done = shell(f"POLARS_MAX_THREADS=0 {sys.executable} -m stages.seed --source x")
    assert done.returncode == 1
    assert (
        done.stderr
        == "seed: $POLARS_MAX_THREADS is '0'; expected threads from 1 to 1,024, or no such variable\n"
    )


def test_a_path_that_the_locale_cannot_hold_is_said(tmp_path: Path) -> None:
    done = shell(
        f"{ASCII} {sys.executable} -m evobuild contamination --rows é.jsonl --set a=b.jsonl", tmp_path
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UserError("a\nb\nc"), "x: a\nb\n"),
        (UserError("a\x1b[31mb\u202ec"), "x: a␛[31mb<U+202E>c\n"),
        (FileNotFoundError(2, "No such file", "a"), "x: a: No such file\n"),
    ],
)
def test_an_error_is_two_lines_without_what_a_terminal_obeys(error, said, capsys) -> None:
    def work() -> int:
        raise error

    assert run_command("x", work) == 1
    assert capsys.readouterr().err == said


def test_a_long_line_is_cut(capsys) -> None:
    command_line.say_error("x", "a" * 10_000)
    assert len(capsys.readouterr().err) < 700


def test_an_interrupt_and_what_does_not_fit_have_their_codes(capsys) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert run_command("x", interrupted) == 130
    with pytest.raises(SystemExit) as caught:
        command_line.Parser(prog="x").parse_args(["--no\nsuch"])
    assert caught.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_a_bug_keeps_its_traceback() -> None:
    def work() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_command("x", work)
