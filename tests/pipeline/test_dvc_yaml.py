"""dvc.yaml, evobuild.lock and the roster follow from declarations, and these say what the code reads."""

from __future__ import annotations

import ast
import operator
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import closures
import pytest
import variants
import yaml
from workspace import ROOT

from evobuild.cli.pipeline.declared_stages import Declared, import_declared_stages
from evobuild.cli.pipeline.dvc_yaml import OWN, build_pipeline_text
from evobuild.cli.pipeline.pipeline import check_pipeline, derive_files, write_pipeline
from evobuild.core import stages as roster
from evobuild.core.declaration import params_schema
from evobuild.core.errors import BadInput, UserError
from evobuild.core.measures import BUILT_IN
from evobuild.core.params import StageParams
from evobuild.core.prompts import included
from evobuild.core.stages import STAGES
from evobuild.models.roles import EVALUATED

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
DVC = PIPELINE["stages"]
DECLARED = {each.name: each for each in import_declared_stages(ROOT / "stages")}
OWN_NAME = ("trl", "datasets", "accelerate", "rensa", "py3langid", "scipy", "nltk", "langdetect")
LIBRARIES = {name: name for name in (*OWN_NAME, "great_expectations")} | {
    "sklearn": "scikit-learn",
    "faiss": "faiss-cpu",
    "math_verify": "math-verify",
    "lm_eval": "lm-eval",
    "sentence_transformers": "sentence-transformers",
}
"""Libraries that compute something, by the name they are imported by. Those of weights are not among them:
a model in this process is part of the key of its replies and measurements."""
BENCHMARKS = {"langdetect", "lm-eval", "math-verify", "nltk"}
ELSEWHERE = {
    "check": {*BENCHMARKS, "py3langid"},
    "compare": BENCHMARKS,
    "decontaminate": {"faiss-cpu"},
    "export": BENCHMARKS,
    "fetch": {"py3langid", "datasets"},
    "report": {"faiss-cpu", "py3langid", "rensa"},
    "reward": {"py3langid"},
    "summarize": {"py3langid"},
    "validate_outputs": {"py3langid"},
}
"""Libraries that modules import and a stage does not call: they are for what other stages make."""


def body(name: str) -> dict[str, Any]:
    """A stage's entry in dvc.yaml, inside its foreach if it has one."""
    entry = DVC[name]
    return entry.get("do", entry)  # type: ignore[no-any-return]


def paths(entries: list[Any]) -> list[str]:
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def outs(name: str) -> list[str]:
    return [path for kind in ("outs", "metrics", "plots") for path in paths(body(name).get(kind, []))]


# What is derived.


def test_the_files_are_those_that_follow_from_the_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    files = derive_files()
    assert {str(path) for path in files} == {"dvc.yaml", "evobuild.lock", "evobuild/core/stages.json"}
    for path, text in files.items():
        assert path.read_text() == text, f"{path}: run evobuild pipeline"
    assert [stage.name for stage in roster.STAGES] == list(DECLARED)
    assert sorted(DECLARED) == closures.STAGES


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of a user, with the files that follow."""
    for name in ("stages", "prompts", "params.yaml", "data"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "evobuild.lock", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_project_has_the_same_and_keeps_stages_of_its_own(project: Path) -> None:
    assert write_pipeline() == [Path("dvc.yaml")]
    assert Path("dvc.yaml").read_bytes() == (ROOT / "dvc.yaml").read_bytes()
    own = "  count:\n    cmd: wc data/dataset.parquet > count.txt\n    outs: [count.txt]"
    text = Path("dvc.yaml").read_text().replace(OWN[1], f"{own}\n{OWN[1]}")
    text = text.replace("&local {push: false}", "&local {push: true}")
    Path("dvc.yaml").write_text(text)
    check_pipeline()
    Path("dvc.yaml").write_text(text.replace("desc: Evolve every", "desc: Evolve each"))
    with pytest.raises(UserError, match=r"^dvc\.yaml: stages\.evolve\.do\.desc is not as"):
        check_pipeline()
    assert write_pipeline() == [Path("dvc.yaml")]
    assert Path("dvc.yaml").read_text() == text, "what is shared stays, too"


SCRIPT = """\
from dataclasses import dataclass
from pathlib import Path
from evobuild.core.declaration import Out, Stage, out
from evobuild.core.params import RandomSeed, StageParams


class Params(StageParams):
    random_seed: RandomSeed


@dataclass(frozen=True, kw_only=True)
class Arguments:
    rows: Path = Path("data/rounds")
    made: Out = out("data/made.txt", push=False)


STAGE = Stage(desc="Do: 'it'.", after={after!r}, waits_for=("it's",))


def main(params: Params, args: Arguments) -> None: ...
"""


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of scripts that `stages` is."""
    import stages

    monkeypatch.setattr(stages, "__path__", [str(tmp_path)])
    return tmp_path


def write(folder: Path, **after: str) -> None:
    for name, before in after.items():
        (folder / f"{name}.py").write_text(SCRIPT.replace("{after!r}", repr(before)))


def test_stages_follow_one_another_and_one_that_is_put_in_comes_at_once(scripts: Path) -> None:
    write(scripts, made_first="", made_a="made_first", made_b="made_a", made_own="made_first")
    found = [each.name for each in import_declared_stages(scripts)]
    assert found == ["made_first", "made_own", "made_a", "made_b"]
    text = build_pipeline_text(import_declared_stages(scripts), variants.DEFAULT)
    own = yaml.safe_load(text)["stages"]["made_own"]
    assert own["desc"] == "Do: 'it'." and {"data/rounds", "it's"} <= set(own["deps"])
    assert own["outs"] == [{"data/made.txt": {"push": False}}]


@pytest.mark.parametrize("after", [{"made_c": "nothing"}, {"made_d": "made_e", "made_e": "made_d"}])
def test_a_stage_that_follows_none_is_refused(scripts: Path, after: dict[str, str]) -> None:
    write(scripts, **after)
    with pytest.raises(BadInput, match=r"STAGE\.after"):
        import_declared_stages(scripts)


# What declarations say is what the code does.


@pytest.mark.parametrize("each", DECLARED.values(), ids=lambda each: each.name)
def test_a_stage_declares_the_libraries_that_its_modules_compute_with(each: Declared) -> None:
    imported = {LIBRARIES[name] for name in closures.libraries(each.name) & LIBRARIES.keys()}
    assert imported - set(each.stage.libraries) == ELSEWHERE.get(each.name, set())


def test_a_stage_declares_the_prompts_and_files_that_params_may_have_it_read() -> None:
    """Under every variant of params; a run refuses to render any other (`prompts.restrict_to`)."""
    read: dict[str, set[str]] = {}
    for changes in variants.VARIANTS.values():
        deps = written_deps(changes)
        for name, params in stage_params(changes):
            read.setdefault(name, set()).update(params.templates())
            prompts = {f"${{prompts}}/{prompt}" for prompt in included(params.templates())}
            missed = {
                own for own in prompts if not any(f"{own}/".startswith(f"{dep}/") for dep in deps[name])
            }
            assert not missed and set(params.named_files()) <= deps[name], (name, changes)
    for name, each in DECLARED.items():
        declared = set(each.stage.prompts) if name in read else set()
        used = {own for own in declared if any(f"{one}/".startswith(f"{own}/") for one in read[name])}
        assert used == declared, f"{name}: none is declared that is never read"


def written_deps(changes: dict[str, Any]) -> dict[str, set[str]]:
    """The deps of each stage in dvc.yaml under some params, as they stand and with paths put in."""
    values = variants.changed(variants.DEFAULT, changes)
    stages = yaml.load(build_pipeline_text(DECLARED.values(), values), yaml.CSafeLoader)["stages"]
    found = {name: set(entry.get("do", entry).get("deps", ())) for name, entry in stages.items()}
    return {name: deps | {put_in(dep, values) for dep in deps} for name, deps in found.items()}


def stage_params(changes: dict[str, Any]) -> Iterator[tuple[str, StageParams]]:
    """The params of each stage that reads a part of them, by its name, under some changes."""
    values = variants.changed(variants.DEFAULT, changes)
    for name, each in DECLARED.items():
        if issubclass(schema := params_schema(each.main), StageParams):
            yield name, schema.model_validate(values)


def put_in(path: str, values: dict[str, Any]) -> str:
    """The path that params give for ${evolve.file} and the like."""
    if not (found := re.fullmatch(r"\$\{(\w+(?:\.\w+)+)\}", path)):
        return path
    return str(reduce(operator.getitem, found[1].split("."), values))


def test_stages_that_ask_a_chat_model_say_whom() -> None:
    asking = {name for name in DECLARED if "evobuild.models.client" in closures.closures()[name]}
    assert {stage.name for stage in STAGES if stage.asks} == asking
    for stage in STAGES:
        key = "evaluate.models" if stage.asks == EVALUATED else f"models.{stage.asks}"
        read = [str(own) for own in body(stage.name)["params"]]
        assert not stage.asks or any(own.startswith(key) for own in read)


def test_measures_are_what_their_stages_write() -> None:
    for measure in BUILT_IN:
        assert set(outs(measure.stage)) & {
            f"data/measures/{measure.folder}",
            f"data/measures/{measure.folder}/${{key}}.parquet",
        }
        assert ("foreach" in DVC[measure.stage]) is not measure.once


def test_the_face_of_the_package_holds_nothing_that_a_stage_could_use() -> None:
    """No digest has it: it gives the functions of evobuild.api, which no stage uses."""
    tree = ast.parse((ROOT / "evobuild/__init__.py").read_text())
    named = [own.id for node in ast.walk(tree) if isinstance(node, ast.Assign)
             for own in node.targets if isinstance(own, ast.Name)]  # fmt: skip
    made = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert (named, made) == (["__all__"], {"__getattr__", "__dir__"})


# What dvc.yaml says of commands and outs.


@pytest.mark.parametrize("name", DVC)
def test_a_command_is_one_short_line_that_holds_no_path_of_params(name: str) -> None:
    command = body(name)["cmd"]
    assert "\n" not in command and len(f"      cmd: {command}") <= 110
    assert shlex.split(command)[:4] == ["exec", "python3", "-m", f"stages.{name}"]
    assert set(re.findall(r"\S*\$\{\S*", command)) <= {"'${key}'", "'${item.parent}'"}, "names, in quotes"


SMALL = {"cache": False}
FIGURES = {name: [path for path in outs(name) if re.fullmatch(r"metrics/.+\.json", path)] for name in DVC}
"""The files of figures that each stage writes."""


def test_only_the_headline_is_a_metric_so_that_experiments_are_a_table_to_read() -> None:
    metrics = {name: paths(body(name)["metrics"]) for name in DVC if "metrics" in body(name)}
    assert metrics == {"summarize": ["metrics/headline.json"]}
    assert [name for name in DVC if FIGURES[name] and "data/label.txt" not in body(name)["deps"]] == []


def test_no_out_but_that_of_the_check_persists_and_only_small_figures_leave_the_cache() -> None:
    """DVC's run cache would restore what the check writes without a run, which would remove nothing."""
    for name in DVC:
        # One is a table to be read, which DVC would draw as a plot.
        allowed = {
            "check": {"data/check.txt": {"persist": True}},
            "compare": {"metrics/differences.csv": SMALL},
        }
        own = [each for each in body(name).get("outs", []) if isinstance(each, dict)]
        found = {
            path: options for each in own for path, options in each.items() if options != {"push": False}
        }
        figures = {path: SMALL for path in FIGURES[name] if path != "metrics/headline.json"}
        assert found == allowed.get(name, {}) | figures


NEEDED = {
    *("data/check.txt", "data/label.txt", "data/method.txt", "data/raw/${key}.parquet"),
    *("data/dataset.parquet", "data/export", "data/export_${key}", "data/lineage.parquet"),
    *("data/validation/tables.json", "data/validation/outputs.json"),
    *("data/report.html", "data/validation.html", "data/explorer"),
    *("models/tuned/data.json", "models/tuned/${key}"),
    *("data/evaluation/${key}.parquet", "data/comparisons.parquet"),
}
"""Outs that a reader of the data set needs."""
PUSHED = {
    path: options.get("push", True) and options.get("cache", True)
    for name in DVC
    for each in body(name).get("outs", [])
    for path, options in ({each: {}} if isinstance(each, str) else each).items()
}
"""Whether `dvc push` takes an out along; what git holds, it need not."""


def test_what_a_reader_needs_is_pushed_and_nothing_else() -> None:
    assert {path for path, is_pushed in PUSHED.items() if is_pushed} == NEEDED


def test_of_a_folder_that_a_stage_depends_on_all_is_pushed_or_nothing() -> None:
    """DVC takes a folder with a file too few for a changed one, and reruns; one that is missing it skips."""
    for folder in {dep for name in DVC for dep in body(name).get("deps", ())}:
        inside = [is_pushed for path, is_pushed in PUSHED.items() if path.startswith(f"{folder}/")]
        assert all(inside) or not (any(inside) or git("ls-files", folder)), folder


def test_every_plot_draws_columns_that_its_table_has() -> None:
    drawn = set()
    for name, plot in (plot for entry in PIPELINE["plots"] for plot in entry.items()):
        if name == "dvclive/plots/metrics":  # each of its tables has columns of its own
            continue
        for table, columns in (plot["y"] if isinstance(plot["y"], dict) else {name: plot["y"]}).items():
            wanted = {columns} if isinstance(columns, str) else {*columns}
            drawn |= {(table, plot["x"], column) for column in wanted}
            for header in committed_headers(table):
                assert {plot["x"], *wanted} <= set(header), name
    assert {("metrics/optimization.csv", "step", column) for column in ("failure_rate", "words")} <= drawn


def committed_headers(table: str) -> list[list[str]]:
    """The columns of a table, or of all in a folder, as git has them; a new one comes after its first run."""
    files = git("ls-tree", "-r", "--name-only", "HEAD", table).split()
    return [text.splitlines()[0].split(",") for file in files if (text := git("show", f"HEAD:{file}"))]


def git(*words: str) -> str:
    return subprocess.check_output(["git", *words], cwd=ROOT, text=True, encoding="utf-8")


def test_a_round_waits_for_answers_only_where_an_operation_shows_them(declare) -> None:
    declare("shows", "{# needs_answer: true #}{{ instruction }}{{ answer }}")
    for strategy, named, waits in (
        ("evol", "shows", True),
        ("evol", "deepening", False),
        ("auto", "shows", False),
    ):
        operations = {"evolve.strategy": strategy, "evolve.operations": {"default": [named]}}
        assert ("data/responses/${item.parent}.parquet" in written_deps(operations)["evolve"]) == waits
