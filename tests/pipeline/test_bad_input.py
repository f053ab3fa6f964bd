"""What users get wrong: one or two lines that say where and what, exit code 1, and no half-written out.

Each case is a small project, one thing wrong in it, and the stage that must say so.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import patience
import polars as pl
import pytest
import workspace
from workspace import SHIPPED_PARAMS

from evobuild.core import prompts
from evobuild.core import stage as stages

Here = Callable[[Path, str], tuple[object, str]]

GOOD = [
    {"instruction": f"Name {number} rivers of a country you like.", "output": "Loire"} for number in range(12)
]

SEED = (
    "seed --source in --r0 o/r0.parquet --held-out o/held.parquet --rejects o/rej.parquet "
    "--failures o/none-failed.parquet --replies o/none-said.parquet --counts o/counts.json"
)
CHECK = "check --checked o/checked.txt"
EVOLVE = (
    "evolve --round r1 --parent r0 --parents r0.parquet --method method.txt --child o/r1.parquet "
    "--rejects o/rej.parquet --failures o/fail.parquet --replies o/rep.parquet --counts o/counts.json"
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which the stages check, seed and evolve succeed."""
    root = tmp_path_factory.mktemp("sound")
    (root / "data/raw").mkdir(parents=True)
    for name in ("stages", "evobuild", "prompts", "data/raw/constraints.txt", "data/raw/benchmarks"):
        (root / name).symlink_to(workspace.ROOT / name)
    params = SHIPPED_PARAMS.read_text()
    (root / "params.yaml").write_text(params.replace("data/raw/sample.jsonl", "seeds.jsonl"))
    write_lines(root / "seeds.jsonl", GOOD)
    assert stage(root, seed("seeds.jsonl")).returncode == 0
    shutil.copy(root / "o/r0.parquet", root / "r0.parquet")
    (root / "method.txt").write_text(
        "Make it harder. Reply with:\n#Finally Rewritten Instruction#:\n(text)\n\n"
        "#Instruction#:\n{instruction}\n"
    )
    shutil.rmtree(root / "o")
    return root


def seed(source: str) -> str:
    return SEED.replace(" in ", f" {source} ")


def write_lines(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def stage(root: Path, command: str) -> subprocess.CompletedProcess[str]:
    environment = workspace.environment() | {"EVOBUILD_STORE": str(root / "store.sqlite")}
    return patience.run([sys.executable, "-m", *f"stages.{command}".split()], cwd=root, env=environment)


def source(content: str | bytes, name: str = "seeds.jsonl") -> Callable[[Path], str]:
    """A project whose seed file holds something else."""

    def spoil(root: Path) -> str:
        (root / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return seed(name)

    return spoil


def params(old: str, new: str) -> Callable[[Path], str]:
    """A project with another params.yaml, checked."""

    def spoil(root: Path) -> str:
        text = (root / "params.yaml").read_text()
        assert old in text
        (root / "params.yaml").write_text(text.replace(old, new, 1))
        return CHECK

    return spoil


def prompt(text: str) -> Callable[[Path], str]:
    """A project with another breadth prompt, evolved with that operation alone."""

    def spoil(root: Path) -> str:
        (root / "prompts").unlink()
        shutil.copytree(workspace.ROOT / "prompts", root / "prompts")
        (root / "prompts/evolve/breadth.jinja").write_text(text)
        content = (root / "params.yaml").read_text().replace("strategy: auto", "strategy: evol")
        for name in ("constraints", "deepening", "concretizing", "reasoning"):
            content = content.replace(f"    - {name}\n", "")
        (root / "params.yaml").write_text(content)
        return EVOLVE

    return spoil


def parent(rows: pl.DataFrame | bytes) -> Callable[[Path], str]:
    """A project whose r0 table is something else."""

    def spoil(root: Path) -> str:
        if isinstance(rows, bytes):
            (root / "r0.parquet").write_bytes(rows)
        else:
            rows.write_parquet(root / "r0.parquet")
        return EVOLVE

    return spoil


def no_source(root: Path) -> str:
    return seed("nowhere.jsonl")


def a_folder(root: Path) -> str:
    (root / "folder.jsonl").mkdir()
    return seed("folder.jsonl")


def read_only(root: Path) -> str:
    # Root may write anywhere, so the out's folder is a file.
    (root / "o").write_text("")
    return seed("seeds.jsonl")


def no_params(root: Path) -> str:
    (root / "params.yaml").unlink()
    return CHECK


def bad_store(root: Path) -> str:
    (root / "store.sqlite").write_bytes(b"no database at all, and long enough to be read as one" * 40)
    return EVOLVE


def no_method(root: Path) -> str:
    (root / "method.txt").unlink()
    return EVOLVE


def method(content: bytes) -> Callable[[Path], str]:
    """Let the optimized method be these bytes."""

    def spoil(root: Path) -> str:
        (root / "method.txt").write_bytes(content)
        return EVOLVE

    return spoil


line_17 = "".join(json.dumps(row) + "\n" for row in (GOOD + GOOD)[:16]) + '{"instruction": \n'


def benchmark_item(text: str) -> Callable[[Path], str]:
    """A project that asks a simulated model a file of items of GSM8K."""

    def spoil(root: Path) -> str:
        params("base: transformers:bases/toy", "base: simulated:small")(root)
        params("data/raw/benchmarks/gsm8k.jsonl", "items.jsonl")(root)
        (root / "items.jsonl").write_text(text)
        shutil.copy(root / "r0.parquet", root / "data/held_out.parquet")
        reads = "--held-out r0.parquet --scratch r0.parquet --tuned r0.parquet"
        writes = "--replies o/a.parquet --rejects o/b.parquet --counts o/c.json"
        return f"evaluate --model base {reads} {writes}"

    return spoil


CASES: dict[str, tuple[Callable[[Path], str], str]] = {
    "missing file": (no_source, "nowhere.jsonl"),
    "a folder": (a_folder, "folder.jsonl"),
    "not JSON at line 17": (source(line_17), "seeds.jsonl:17"),
    "empty file": (source(""), "empty"),
    "NUL bytes": (source(b'{"instruction": "a\x00b"}\n'), "NUL"),
    "UTF-16": (source('{"instruction": "a"}\n'.encode("utf-16")), "UTF-8"),
    "Latin-1": (source('{"instruction": "é"}\n'.encode("latin-1")), "UTF-8"),
    "no array": (source('{"rows": []}', "seeds.json"), "seeds.json"),
    "array cut short": (source('[{"instruction": "a"},', "seeds.json"), "seeds.json"),
    "a record that is a number": (source("3\n"), "seeds.jsonl:1"),
    "instruction is a number": (source('{"instruction": 3}\n'), "instruction"),
    "output is a list": (source('{"instruction": "a", "output": ["b"]}\n'), "output"),
    "no recognised format": (source('{"text": "a"}\n'), "text"),
    "mixed formats": (source('{"instruction": "a"}\n{"question": "b", "answer": "c"}\n'), "seeds.jsonl:2"),
    "unknown role": (source('{"messages": [{"role": "wizard", "content": "a"}]}\n'), "wizard"),
    "message without content": (source('{"messages": [{"role": "user"}]}\n'), "content"),
    "conversations is a string": (source('{"conversations": "hello"}\n'), "conversations"),
    "unknown suffix": (source("a", "seeds.docx"), ".docx"),
    "corrupt Parquet": (source(b"PAR1 no", "seeds.parquet"), "seeds.parquet"),
    "only empty instructions": (source('{"instruction": " "}\n'), "empty instruction"),
    "no params": (no_params, "params.yaml"),
    "params is a list": (params("random_seed: 42", "- 42\n#"), "params.yaml"),
    "params is no YAML": (params("random_seed: 42", "random_seed: [42"), "params.yaml:"),
    "NaN": (params("share: 0.25", "share: .nan"), "select.share"),
    "misspelt key": (params("share: 0.25", "shear: 0.25"), "did you mean 'share'"),
    "misspelt section": (params("select:", "selekt:"), "did you mean 'select'"),
    "unknown engine": (params("simulated:small", "opnai:gpt-4o"), "unknown engine 'opnai'"),
    "string for a number": (params("share: 0.25", "share: a quarter"), "a quarter"),
    "temperature below 0": (params("temperature: 0.7 ", "temperature: -1 "), "evolve.temperature is -1"),
    "share 0": (params("share: 0.25", "share: 0"), "select.share is 0"),
    "unknown parent": (params("{parent: r1}", "{parent: r9}"), "r9"),
    "a cycle of rounds": (params("{parent: r0}", "{parent: r3}"), "circle"),
    "a round of its own": (params("{parent: r0}", "{parent: r1}"), "circle"),
    "a pool that is no round": (params("  r3: {}", "  r4: {}"), "unknown round or branch 'r4'"),
    "empty pool list": (params("pools: all", "pools: []"), "select.pools"),
    "source that climbs out": (params("source: seeds.jsonl", "source: ../seeds.jsonl"), "absolute"),
    "source that is not there": (params("source: seeds.jsonl", "source: /nowhere/seeds.jsonl"), "/nowhere"),
    "model folder that is not there": (
        params("base: models/scratch", "base: /nowhere/model"),
        "/nowhere/model",
    ),
    "key given twice": (params("random_seed: 42", "random_seed: 42\nrandom_seed: 43"), "twice"),
    "unpinned fetch": (
        params("fetch: {}", "fetch: {a: {hub: a/b, config: null, revision: main, split: t}}"),
        "revision",
    ),
    "unknown variable in a prompt": (prompt("{{ instrction }}"), "instrction"),
    "prompt that is no template": (prompt("a\n{% if %}"), "breadth.jinja:2"),
    "prompt that reaches out": (prompt("{{ ''.__class__.__mro__ }}"), "breadth.jinja"),
    "table that is none": (parent(b"PAR1"), "r0.parquet"),
    "table without a column": (parent(pl.DataFrame({"id": ["a"]})), "content_id"),
    "method missing": (no_method, "--method"),
    "method in Latin-1": (method("Mach es schöner.".encode("latin-1")), "UTF-8"),
    "method empty": (method(b"\n"), "method.txt: is empty"),
    "out's folder cannot be made": (read_only, "o"),
    "unknown benchmark": (
        params("held_out: {} ", "gsm9k: {} "),
        "unknown benchmark 'gsm9k'; did you mean 'gsm8k'?",
    ),
    "tuned model of no base": (params("models/tuned/toy", "models/tuned/other"), "unknown base 'other'"),
    "pair of an unknown model": (
        params("pairs: [[tuned, base]]", "pairs: [[tuned, none]]"),
        "compare.pairs: unknown model of evaluate.models 'none'",
    ),
    "items that are not there": (params("benchmarks/gsm8k.jsonl", "gsm8k.jsonl"), "gsm8k.items"),
    "item without its fields": (benchmark_item('{"question": "1"}\n'), "items.jsonl:1: 'answer' is"),
    "store that is none": (bad_store, "store.sqlite"),
}


@pytest.fixture
def own_prompts() -> Iterator[None]:
    """Templates that are read anew, for `prompts` is another folder in each project."""
    cached = (prompts._environment, prompts._template, prompts._is_plain)
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


@pytest.fixture
def stage_here(
    own_prompts: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """Run a stage as its script does, but in this process; give its exit code and what it says."""

    def run(root: Path, command: str) -> tuple[object, str]:
        name, *words = command.split()
        monkeypatch.chdir(root)
        monkeypatch.setenv("EVOBUILD_STORE", str(root / "store.sqlite"))
        monkeypatch.setattr(sys, "argv", [f"stages/{name}.py", *words])
        monkeypatch.setattr(stages, "die_with_parent", lambda: None)
        monkeypatch.setattr(stages, "supervise", lambda name: None)
        monkeypatch.setattr(stages.gc, "set_threshold", lambda count: None)
        with pytest.raises(SystemExit) as ended:
            stages.run_stage(importlib.import_module(f"stages.{name}").main)
        return ended.value.code, capsys.readouterr().err.strip()

    return run


def check_refusal(root: Path, case: str, code: object, said: str) -> None:
    assert code == 1, said
    assert CASES[case][1] in said
    assert len(said.splitlines()) <= 2, said
    assert "Traceback" not in said
    # A stage that loses all its rows leaves their reasons.
    left = [path.name for path in (root / "o").iterdir()] if (root / "o").is_dir() else []
    assert left == (["rej.parquet"] if case == "only empty instructions" else [])


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_said_in_two_lines_and_leaves_nothing(
    sound: Path, tmp_path: Path, stage_here: Here, case: str
) -> None:
    root = tmp_path / "project"
    shutil.copytree(sound, root, symlinks=True)
    check_refusal(root, case, *stage_here(root, CASES[case][0](root)))


@pytest.mark.parametrize("case", ["only empty instructions", "no params", "store that is none"])
def test_a_stage_in_a_process_of_its_own_says_the_same(sound: Path, tmp_path: Path, case: str) -> None:
    root = tmp_path / "project"
    shutil.copytree(sound, root, symlinks=True)
    done = stage(root, CASES[case][0](root))
    check_refusal(root, case, done.returncode, done.stderr.strip())


@pytest.mark.parametrize(
    ("instruction", "kept"),
    [
        ("﻿What is a byte order mark?", "What is a byte order mark?"),
        ("Explain {{ 7*7 }} and {% raw %}.", "Explain {{ 7*7 }} and {% raw %}."),
        ("Sum up: " + "long " * 200_000, ("Sum up: " + "long " * 200_000).strip()),
    ],
    ids=["byte order mark", "template text", "1 MB"],
)
def test_odd_but_sound_input_passes_through(sound: Path, tmp_path: Path, instruction: str, kept: str) -> None:
    root = tmp_path / "project"
    shutil.copytree(sound, root, symlinks=True)
    mark, text = ("﻿", instruction[1:]) if instruction.startswith("﻿") else ("", instruction)
    rows = [{"instruction": text, "output": "x"}, *GOOD]
    (root / "seeds.jsonl").write_text(
        mark + "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
    )
    assert stage(root, seed("seeds.jsonl")).returncode == 0
    found = pl.concat([pl.read_parquet(root / "o/r0.parquet"), pl.read_parquet(root / "o/held.parquet")])
    assert kept in found["instruction"].to_list()
    shutil.copy(root / "o/r0.parquet", root / "r0.parquet")
    assert stage(root, EVOLVE).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_is_said_and_leaves_nothing(sound: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(sound, root, symlinks=True)
    small = root / "o"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "none", str(small)], check=False).returncode:
        pytest.skip("this machine lets no test mount a disk")
    try:
        done = stage(root, seed("seeds.jsonl"))
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) <= 2
        assert "its disk is full" in done.stderr
        assert not list(small.iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write anything")
@pytest.mark.parametrize("path", ["seeds.jsonl", "o"])
def test_no_permission_is_said(sound: Path, tmp_path: Path, path: str) -> None:
    root = tmp_path / "project"
    shutil.copytree(sound, root, symlinks=True)
    (root / "o").mkdir()
    (root / path).chmod(0o500 if path == "o" else 0)
    done = stage(root, seed("seeds.jsonl"))
    (root / path).chmod(0o700)
    assert done.returncode == 1
    assert "ermission" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2


def test_an_out_that_is_being_written_is_refused(sound: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(sound, root, symlinks=True)
    hold = "import signal, pathlib; from evobuild.core.outs import atomic_outputs\n"
    hold += "with atomic_outputs(pathlib.Path('o/r0.parquet')): print('held', flush=True); signal.pause()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], cwd=root, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        done = stage(root, seed("seeds.jsonl"))
        holder.kill()
    assert done.returncode == 1
    assert "another process is writing it" in done.stderr
