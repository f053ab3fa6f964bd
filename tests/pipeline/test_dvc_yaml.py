"""dvc.yaml holds what the code reads, no more and no less.

Else data is stale without a word, or rebuilt for nothing.

What a stage reads is taken from the code alone (`reach`). It is held against dvc.yaml, and then, for
every params key, prompt, module and script, changed in turn, against what DVC itself calls stale.
"""

from __future__ import annotations

import contextlib
import pickle
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import reach
import yaml

if TYPE_CHECKING:
    from dvc.dependency.base import Dependency

ROOT = Path(__file__).parents[2]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
DVC = PIPELINE["stages"]
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text())
EVERYONE = "data/check.txt"


def body(name: str) -> dict[str, Any]:
    """A stage's entry in dvc.yaml, inside its foreach if it has one."""
    entry = DVC[name]
    return entry.get("do", entry)  # type: ignore[no-any-return]


def instances(name: str) -> list[str]:
    """The stages that an entry of dvc.yaml gives with the default params."""
    over = DVC[name].get("foreach")
    return [f"{name}@{key}" for key in section(over[2:-1])] if over else [name]


def section(key: str) -> dict[str, Any]:
    """A section of the default params, such as "rounds" or "decontaminate.sets"."""
    found = PARAMS
    for name in key.split("."):
        found = found[name]
    return found


def paths(entries: list[Any]) -> list[str]:
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def outs(name: str) -> list[str]:
    return [path for kind in ("outs", "metrics", "plots") for path in paths(body(name).get(kind, []))]


def test_every_script_is_a_stage_and_every_stage_a_script() -> None:
    assert sorted(DVC) == reach.stages()


@pytest.mark.parametrize("name", sorted(DVC))
def test_deps_are_the_script_its_modules_its_prompts_and_its_inputs(name: str) -> None:
    code = {f"stages/{name}.py", *reach.modules(name), *reach.prompts(name)}
    deps = paths(body(name)["deps"])
    folders = [dep for dep in deps if (ROOT / dep).is_dir() and dep.startswith("evobuild/")]
    covered = {
        path for path in code if path in deps or any(path.startswith(f"{folder}/") for folder in folders)
    }
    assert code - covered == set(), "reached, but no dep"
    needed = {path for path in deps if path in code} | {
        folder for folder in folders if all(str(file) in code for file in code_in(folder))
    }
    assert {dep for dep in deps if dep.startswith(("evobuild/", "prompts/", "stages/"))} == needed


def test_every_plot_draws_columns_that_its_table_has() -> None:
    drawn = set()
    for name, plot in (plot for entry in PIPELINE["plots"] for plot in entry.items()):
        for table, column in (plot["y"] if isinstance(plot["y"], dict) else {name: plot["y"]}).items():
            drawn.add((table, plot["x"], column))
            # A new stage's table comes into git after its first run.
            if (ROOT / table).exists():
                header = (ROOT / table).read_text().splitlines()[0].split(",")
                assert {plot["x"], column} <= set(header), name
    assert {("metrics/optimization.csv", "step", column) for column in ("failure_rate", "words")} <= drawn


def code_in(folder: str) -> list[Path]:
    return [file.relative_to(ROOT) for file in (ROOT / folder).rglob("*") if file.suffix in (".py", ".jinja")]


@pytest.mark.parametrize("name", sorted(DVC))
def test_params_are_what_the_script_is_given(name: str) -> None:
    reads = reach.params(name)
    if reads is None:
        assert "params.yaml" in body(name)["deps"]
    else:
        # One entry of a dict is enough for a stage that is made for it.
        declared = [key.removesuffix(".${key}") for key in body(name).get("params", [])]
        assert sorted(declared) == sorted(reads)


@pytest.mark.parametrize("name", sorted(DVC))
def test_the_command_line_is_what_is_read_and_written(name: str) -> None:
    command = shlex.split(body(name)["cmd"])
    assert command[:4] == ["exec", "python", "-m", f"stages.{name}"]
    given = dict(zip(command[4::2], command[5::2], strict=True))
    kinds = {f"--{arg.replace('_', '-')}": kind for arg, kind in reach.arguments(name).items()}
    assert given.keys() == kinds.keys()
    assert {given[arg] for arg, kind in kinds.items() if kind == "Out"} == set(outs(name))
    read = {given[arg] for arg, kind in kinds.items() if kind == "Path"}
    declared = {
        dep for dep in paths(body(name)["deps"]) if dep.startswith(("data/", "models/", "metrics/", "${"))
    }
    assert declared - {EVERYONE} == read


@pytest.mark.parametrize("name", sorted(DVC))
def test_a_path_that_params_give_is_quoted_for_the_shell(name: str) -> None:
    assert [word for word in body(name)["cmd"].split() if word.startswith("${")] == []


@pytest.mark.parametrize("name", sorted(set(DVC) - {"check"}))
def test_every_stage_waits_for_the_check_of_params(name: str) -> None:
    assert EVERYONE in body(name)["deps"]


def test_no_out_persists_and_only_small_figures_leave_the_cache() -> None:
    for name in DVC:
        assert not any(isinstance(entry, dict) for entry in body(name).get("outs", []))


@pytest.fixture(scope="session")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the pipeline whose outs are placeholders that DVC takes for current."""
    from dvc.repo import Repo

    root = tmp_path_factory.mktemp("pipeline")
    for name in ("stages", "evobuild", "prompts", "data/raw"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", "params.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, root / name)
    with contextlib.chdir(root), Repo.init(no_scm=True) as repo:
        for stage in repo.index.stages:
            for out in stage.outs:
                place_holder(Path(out.fs_path), out.def_path)
        repo.commit(force=True)
    assert stale(root) == set()
    return root


def place_holder(path: Path, name: str) -> None:
    if name.startswith("models/"):
        path.mkdir(parents=True)
        path = path / "weights"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"made by the test: {name}\n")


@lru_cache(16)
def _parsed(text: str) -> bytes:
    return pickle.dumps(yaml.load(text, yaml.CSafeLoader))


@contextmanager
def dvc_in(root: Path) -> Iterator[Callable[[Callable[[Dependency], bool]], set[str]]]:
    """Give what tells the stages that DVC would run because of some of their deps, or their commands.

    dvc.yaml and params.yaml are read when it opens, deps whenever it is asked.
    """
    from dvc.repo import Repo
    from ruamel.yaml import YAML

    # DVC parses its YAML anew for every stage and question; the same text gives the same content.
    fast = mock.patch.object(YAML, "load", lambda self, text: pickle.loads(_parsed(text)))
    with fast, contextlib.chdir(root), Repo(str(root)) as repo, repo.lock:
        stages = list(repo.index.stages)
        yield lambda asked: {
            stage.addressing
            for stage in stages
            if stage.changed_stage() or any(dep.status() for dep in stage.deps if asked(dep))
        }


def stale(root: Path, asked: Callable[[Dependency], bool] = lambda dep: True) -> set[str]:
    """The stages that DVC would run, everything read anew."""
    with dvc_in(root) as ask:
        return ask(asked)


def is_no_code(dep: Dependency) -> bool:
    return not dep.def_path.startswith(("evobuild/", "stages/")) and not dep.def_path.endswith(".jinja")


@contextmanager
def changed(path: Path, text: str) -> Iterator[None]:
    before = path.read_text()
    path.write_text(text)
    try:
        yield
    finally:
        path.write_text(before)


def users(path: str) -> set[str]:
    """The stages that reach a script, module or prompt, by the code."""
    return {
        instance
        for name in DVC
        if path in (f"stages/{name}.py", *reach.modules(name), *reach.prompts(name))
        for instance in instances(name)
    }


def code_files() -> list[str]:
    found = [
        *(ROOT / "stages").glob("*.py"),
        *(ROOT / "evobuild").rglob("*.py"),
        *(ROOT / "prompts").rglob("*.jinja"),
    ]
    return sorted(str(path.relative_to(ROOT)) for path in found)


@pytest.mark.parametrize("half", [0, 1])
def test_a_changed_file_makes_exactly_its_users_stale(committed: Path, half: int) -> None:
    wrong = {}
    with dvc_in(committed) as ask:
        for path in code_files()[half::2]:
            file = committed / path
            comment = "{# changed #}" if path.endswith(".jinja") else "# changed\n"
            with changed(file, file.read_text() + comment):
                # Of all others it is known that they are as they were: asking takes its time.
                found = ask(lambda dep, file=file: file.is_relative_to(dep.fs_path))
                if found != users(path):
                    wrong[path] = {"missed": users(path) - found, "needless": found - users(path)}
    assert not wrong


def leaves(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def readers(key: str) -> set[str]:
    """The stages that a params key reaches: by what scripts are given, and through command lines."""
    found = {
        instance
        for name in DVC
        if (reads := reach.params(name)) is None
        or any(key == read or key.startswith(f"{read}.") for read in reads)
        or f"${{{key}}}" in body(name)["cmd"]
        for instance in instances(name)
    }
    first, *rest = key.split(".")
    if first == "rounds":
        found.add(f"evolve@{rest[0]}")
    if key.startswith("decontaminate.sets."):
        found.add(f"decontaminate@{rest[1]}")
    return found


def other(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool) or value is None:
        return 7
    if isinstance(value, int | float):
        return value + 1
    return [*value, "more"] if isinstance(value, list) else f"{value}x"


@pytest.mark.parametrize("half", [0, 1])
def test_a_changed_param_makes_exactly_its_readers_stale(committed: Path, half: int) -> None:
    wrong = {}
    for key, value in list(leaves(PARAMS))[half::2]:
        content = yaml.safe_load(yaml.safe_dump(PARAMS))
        *sections, last = key.split(".")
        section = content
        for name in sections:
            section = section[name]
        section[last] = "r0x" if key.startswith("rounds.") else other(value)
        with changed(committed / "params.yaml", yaml.safe_dump(content)):
            if (found := stale(committed, is_no_code)) != readers(key):
                wrong[key] = {"missed": readers(key) - found, "needless": found - readers(key)}
    assert not wrong


def test_a_missing_dep_is_noticed(committed: Path) -> None:
    """The proof of the tests above: without its dep, an edited module leaves evolve as it is."""
    text = (committed / "dvc.yaml").read_text()
    module = committed / "evobuild/evolution.py"
    without = text.replace("        - evobuild/evolution.py\n", "", 1)
    assert without != text
    with changed(committed / "dvc.yaml", without), changed(module, module.read_text() + "# changed\n"):
        assert stale(committed) != users("evobuild/evolution.py")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "  r3: {}\n",
            "",
            {"score", "diversity", "reward", "tag", "decontaminate@held_out", "select", "summarize"},
        ),
        ("fetch: {}", "fetch: {more: {hub: a/b, config: null, revision: x, split: train}}", {"fetch@more"}),
        (
            "    held_out: data/held_out.parquet\n",
            "    held_out: data/held_out.parquet\n    more: data/raw/sample.jsonl\n",
            {"decontaminate@more", "select", "summarize"},
        ),
    ],
    ids=["a pool less", "a data set more", "an evaluation set more"],
)
def test_a_dict_that_makes_stages_reaches_no_other(
    committed: Path, old: str, new: str, expected: set[str]
) -> None:
    text = (ROOT / "params.yaml").read_text()
    assert old in text
    whole_file = {name for name in DVC if reach.params(name) is None}
    with changed(committed / "params.yaml", text.replace(old, new)):
        assert stale(committed) == expected | whole_file


def test_seed_rows_count_by_content(committed: Path) -> None:
    sample = committed / PARAMS["seed"]["source"]
    with changed(sample, sample.read_text() + '{"instruction": "One more"}\n'):
        assert stale(committed) == {"seed"}
