"""dvc.yaml holds what the code reads, no more and no less.

Else data is stale without a word, or rebuilt for nothing.

What a stage reads is taken from the code alone (`reach`). It is held against dvc.yaml, and then, for
every params key, prompt, module and script, changed in turn, against what DVC itself calls stale.
"""

from __future__ import annotations

import ast
import contextlib
import pickle
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import reach
import variants
import yaml
from evobuild.cli.resolve import settings
from evobuild.cli.resolve.provenance import STEM
from evobuild.core.stage_folders import FOLDERS_OF_STAGES
from pydantic import ValidationError
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.params import Params
from evobuild.cli.pipeline.declared import Declared, declared_stages
from evobuild.core import library
from evobuild.core.measures import MEASURES
from evobuild.core.stages import AFTER_SELECT, EVALUATED, STAGES, stage_address

if TYPE_CHECKING:
    from dvc.dependency.base import Dependency

ROOT = Path(__file__).parents[2]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
DVC = PIPELINE["stages"]
WITH_BRANCH = (
    SHIPPED_PARAMS.read_text()
    .replace("\nbranches: {}\n", "\nbranches: {autoif: {}}\n")
    .replace("\n  r3: {}\n", "\n  r3: {}\n  autoif: {}\n")
)
"""The shipped params, and the branch, which is off by default."""
PARAMS = yaml.safe_load(WITH_BRANCH)
PACKAGE = "evobuild/__init__.py"
OF_NO_STAGE = {
    PACKAGE,
    "stages/__init__.py",
    *(str(path.relative_to(ROOT)) for path in (ROOT / "evobuild/process").glob("*.py")),
}
"""What all reach and nothing depends on."""
CODE = ("evobuild", "prompts", "${prompts}", "stages")
"""How deps begin that are code."""
CHOSEN_FILES = ("${evolve.file}", "${autoif.compose.file}", "${autoif.seeds}")
"""Files that params name, whose content stands in the settings of who reads them."""
LOCK = "requirements.lock"
GATES = {"gather": ("data/validation/tables.json",)}
"""What stages wait for and do not read: that the data set is what its contract says."""
ALL_CODE = {"check", "resolve"}
"""Stages that depend on the whole library; they take a second, and what they make stays the same."""
ELSEWHERE = {
    "prompts/respond/answer.jinja",
    "prompts/respond/paper.jinja",
    "prompts/evolve/complicate_input.jinja",
}
"""Prompts that modules name and a stage renders only if its settings do."""
LIBRARIES = {
    "numpy": "numpy",
    "torch": "torch",
    "transformers": "transformers",
    "tokenizers": "tokenizers",
    "peft": "peft",
    "trl": "trl",
    "datasets": "datasets",
    "sklearn": "scikit-learn",
    "faiss": "faiss-cpu",
    "rensa": "rensa",
    "py3langid": "py3langid",
    "great_expectations": "great_expectations",
    "langdetect": "langdetect",
    "nltk": "nltk",
    "math_verify": "math-verify",
    "scipy": "scipy",
    "sentence_transformers": "sentence-transformers",
}
"""Libraries that compute something, by the name they are imported by."""
ELSEWHERE_LIBRARIES = {
    "compare": {"langdetect", "nltk", "math-verify"},
    "summarize": {"py3langid"},
    "decontaminate": {"faiss-cpu"},
    "report": {"faiss-cpu", "py3langid", "rensa"},
    "reward": {"py3langid"},
    "validate_outputs": {"py3langid"},
}
"""Libraries that modules import and a stage does not call: they tell apart what other stages made."""
SAME_WEIGHTS = mock.patch.object(settings, "weights_identity", lambda weights: f"{weights.name}#same")
"""To read the embedder's weights takes longer than all else."""
UNANSWERED = 0
"""Rows of r0 without an answer, in the pipeline that is changed here."""


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


def waits_for(name: str) -> str:
    """What a stage depends on so that it waits for the check of params: its own settings, once they are."""
    over = "-${key}" if "foreach" in DVC[name] else ""
    return f"data/settings/{name}{over}.json" if variants.resolved(name) else "data/check.txt"


def test_every_script_is_a_stage_and_every_stage_a_script() -> None:
    assert sorted(DVC) == reach.stages()


def folder_of(module: str) -> str:
    """The domain folder of a library module."""
    return "/".join(module.split("/")[:2])


@pytest.mark.parametrize("name", sorted(set(DVC) - ALL_CODE))
def test_deps_are_the_script_and_its_inputs(name: str) -> None:
    """Its folders of the library are, too, until settings are resolved; then these name them, and prompts."""
    deps = {dep for dep in paths(body(name)["deps"]) if dep.startswith(CODE)}
    folders = set() if variants.resolved(name) else folders_reached(name)
    assert deps == {f"stages/{name}.py", *folders}


@pytest.mark.parametrize("name", sorted(filter(variants.resolved, DVC)))
def test_the_settings_of_a_stage_name_the_folders_of_the_library_that_it_reaches(name: str) -> None:
    stems = [each.stem for each in settings.stage_instances(PARAMS) if each.stage.name == name]
    assert [set(default_settings()[stem]["code"]) for stem in stems] == [folders_reached(name)] * len(stems)
    assert FOLDERS_OF_STAGES.keys() == set(filter(variants.resolved, DVC))


def folders_reached(name: str) -> set[str]:
    """The domain folders of the modules that a stage reaches."""
    return set(map(folder_of, reach.modules(name) - {PACKAGE})) - {"evobuild/process"}


def readings(name: str) -> tuple[Any, ...]:
    return variants.readings(name) or (variants.Reads(),)


def test_the_check_of_params_depends_on_all_of_the_library() -> None:
    assert {"evobuild", "params.yaml"} <= set(body("check")["deps"])
    everything = {
        "evobuild",
        "stages",
        "${prompts}",
        "params.yaml",
        LOCK,
        "${evolve.file}",
        "${autoif.compose.file}",
    }
    assert everything <= set(body("resolve")["deps"])


@pytest.mark.parametrize("name", sorted(filter(variants.resolved, DVC)))
def test_a_stage_says_which_of_its_prompts_it_reads(name: str) -> None:
    """Under some settings each; that it renders no other is held when it runs (`prompts.only`)."""
    said = {f"prompts/{prompt}" for reads in readings(name) for prompt in reads.prompts}
    alone = "prompts/judge/difficulty_score_alone.jinja"
    unread = {
        "quality": {"prompts/judge/difficulty_level.jinja", "prompts/judge/difficulty_score.jinja", alone},
        "optimize": {"prompts/judge/difficulty_level.jinja", alone},
        # Those of its benchmarks that compare answers have a prompt of their own.
        "evaluate": {"prompts/judge/pair_criteria.jinja"},
    }
    own = {prompt for prompt in said if prompt.startswith("prompts/evolve/")}
    assert said <= reach.prompts(name) | own
    assert reach.prompts(name) - said <= ELSEWHERE | unread.get(name, set())


@pytest.mark.parametrize("name", sorted(filter(variants.resolved, DVC)))
def test_a_stage_says_which_libraries_change_its_results(name: str) -> None:
    """Those that its modules import, of those that compute something."""
    said = {library for reads in readings(name) for library in reads.libraries or ()} | {
        *settings.LIBRARIES,
        "peft",
    }
    imported = {LIBRARIES[found] for found in reach.libraries(name) & LIBRARIES.keys()}
    assert imported - said - ELSEWHERE_LIBRARIES.get(name, set()) == set()


@pytest.mark.parametrize("each", declared_stages(ROOT / "stages"), ids=lambda each: each.name)
def test_what_a_stage_reads_under_any_settings_is_what_it_declares(each: Declared) -> None:
    found = readings(each.name) if variants.resolved(each.name) else ()
    prompts = {prompt for reads in found for prompt in reads.prompts}
    covered = {own for own in each.stage.prompts if any(f"{read}/".startswith(f"{own}/") for read in prompts)}
    assert covered == set(each.stage.prompts), "none is declared that is never read"
    assert all(any(f"{read}/".startswith(f"{own}/") for own in each.stage.prompts) for read in prompts)
    assert {library for reads in found for library in reads.libraries or ()} == set(each.stage.libraries)
    assert all((ROOT / "prompts" / own).exists() for own in each.stage.prompts)


def test_training_reaches_its_own_domain_weights_and_core() -> None:
    assert set(FOLDERS_OF_STAGES["finetune"]) == {"core", "weights", "training"}
    params = default_settings()["finetune-toy"]["params"]
    assert params.keys() == {"random_seed", "bases", "finetune"}


def test_the_face_of_the_package_holds_nothing_that_a_stage_could_use() -> None:
    tree = ast.parse((ROOT / PACKAGE).read_text())
    named = [target.id for node in ast.walk(tree) if isinstance(node, ast.Assign)
             for target in node.targets if isinstance(target, ast.Name)]  # fmt: skip
    assert named == ["__all__"]
    made = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert made == {"__getattr__", "__dir__"}, "what gives the functions of evobuild.api, which no stage uses"


def committed_headers(table: str) -> list[list[str]]:
    """The columns of a table, or of all in a folder, as git has them; a new one comes after its first run."""
    words = {"cwd": ROOT, "text": True, "encoding": "utf-8"}
    files = subprocess.check_output(["git", "ls-tree", "-r", "--name-only", "HEAD", table], **words).split()
    texts = [subprocess.check_output(["git", "show", f"HEAD:{file}"], **words) for file in files]
    return [text.splitlines()[0].split(",") for text in texts if text]


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


def code_in(folder: str) -> list[Path]:
    return [file.relative_to(ROOT) for file in (ROOT / folder).rglob("*") if file.suffix in (".py", ".jinja")]


@pytest.mark.parametrize("name", sorted(DVC))
def test_params_are_what_the_script_is_given(name: str) -> None:
    """Once settings are resolved they stand there, as far as they are read."""
    assert ("params.yaml" in body(name)["deps"]) is (reach.params(name) is None)
    wanted = () if variants.resolved(name) else reach.params(name) or ()
    # One entry of a dict is enough for a stage that is made for it.
    declared = [key.removesuffix(".${key}") for key in body(name).get("params", [])]
    assert sorted(declared) == sorted(wanted)


@pytest.mark.parametrize("name", sorted(DVC))
def test_a_command_is_one_short_line_and_its_paths_are_the_deps_and_outs(name: str) -> None:
    command = body(name)["cmd"]
    assert "\n" not in command
    assert len(f"      cmd: {command}") <= 110
    words = shlex.split(filled(command))
    assert words[:4] == ["exec", "python3", "-m", f"stages.{name}"]
    options = {word.removeprefix("--").replace("-", "_"): value for word, value in batched(words[4:])}
    read, written = reach.paths(name, options)
    assert written == {filled(path) for path in outs(name)}
    declared = {filled(dep) for dep in paths(body(name)["deps"]) if not dep.startswith(CODE)}
    beside = {filled(waits_for(name)), LOCK, "params.yaml", *CHOSEN_FILES, *GATES.get(name, ())}
    assert declared - beside == read - {"params.yaml", filled(waits_for(name))}


def filled(text: str) -> str:
    """A text of dvc.yaml with a name for what stands in its place for one round, pool, branch or set."""
    text = text.replace("${key}", "one").replace("${item.parent}", "other")
    return text.replace("${item}", "${decontaminate.sets.one}")


def batched(words: list[str]) -> list[tuple[str, str]]:
    return list(zip(words[::2], words[1::2], strict=True))


def test_stages_are_those_of_the_roster_in_its_order() -> None:
    assert [(stage.name, stage.per) for stage in STAGES] == [
        (name, entry.get("foreach", "")[2:-1]) for name, entry in DVC.items()
    ]
    asking = {name for name in DVC if "evobuild/models/client.py" in reach.modules(name)} - ALL_CODE
    assert {stage.name for stage in STAGES if stage.asks} == asking
    for stage in STAGES:
        key = "evaluate" if stage.asks == EVALUATED else f"models.{stage.asks}"
        assert not stage.asks or key in (reach.params(stage.name) or ())


def test_measures_are_what_their_stages_write() -> None:
    for measure in MEASURES:
        written = set(outs(measure.stage))
        assert written & {f"data/{measure.folder}", f"data/{measure.folder}/${{key}}.parquet"}
        assert ("foreach" in DVC[measure.stage]) is not measure.once


@pytest.mark.parametrize("name", sorted(DVC))
def test_a_path_that_params_give_is_quoted_for_the_shell(name: str) -> None:
    assert [word for word in body(name)["cmd"].split() if word.startswith("${")] == []


@pytest.mark.parametrize("name", sorted(set(DVC) - {"check"}))
def test_every_stage_waits_for_the_check_of_params(name: str) -> None:
    assert waits_for(name) in body(name)["deps"]


FIGURES = {name: [path for path in outs(name) if re.fullmatch(r"metrics/.+\.json", path)] for name in DVC}
"""The files of figures that each stage writes."""


def test_only_the_headline_is_a_metric_so_that_experiments_are_a_table_to_read() -> None:
    metrics = {name: paths(body(name)["metrics"]) for name in DVC if "metrics" in body(name)}
    assert metrics == {"summarize": ["metrics/headline.json"]}


@pytest.mark.parametrize("name", sorted(name for name in DVC if FIGURES[name]))
def test_a_stage_that_writes_figures_knows_whether_it_is_a_dry_run(name: str) -> None:
    assert "data/label.txt" in body(name)["deps"]


def test_no_out_persists_and_only_small_figures_leave_the_cache() -> None:
    for name in DVC:
        # DVC's run cache restores what stands there without a run, which would remove nothing.
        allowed = {
            "resolve": [{"data/settings": {"persist": True}}],
            # A table to be read, which DVC would draw as a plot.
            "compare": [{"metrics/differences.csv": {"cache": False}}],
        }
        stays = {"push": False}
        own = [
            entry
            for entry in body(name).get("outs", [])
            if isinstance(entry, dict) and stays not in entry.values()
        ]
        figures = [{path: {"cache": False}} for path in FIGURES[name] if path != "metrics/headline.json"]
        wanted = [*allowed.get(name, []), *figures]
        assert sorted(map(str, own)) == sorted(map(str, wanted))


def is_pushed(entry: str | dict[str, Any]) -> bool:
    """Whether `dvc push` takes an out along; what git holds, it need not."""
    options = {} if isinstance(entry, str) else next(iter(entry.values()))
    return options.get("push", True) and options.get("cache", True)  # type: ignore[no-any-return]


NEEDED = {
    *("data/check.txt", "data/label.txt", "data/settings", "data/method.txt", "data/raw/${key}.parquet"),
    *("data/dataset.parquet", "data/export", "data/export_${key}", "data/lineage.parquet"),
    *("data/validation/tables.json", "data/validation/outputs.json"),
    *("data/report.html", "data/validation.html", "data/explorer"),
    *("models/tuned/data.json", "models/tuned/${key}"),
    *("data/evaluation/${key}.parquet", "data/comparisons.parquet"),
}
"""Outs that a reader of the data set needs."""


def test_what_a_reader_needs_is_pushed_and_nothing_else() -> None:
    cached = [
        entry for name in DVC for entry in body(name).get("outs", []) if path_of(entry)[:8] != "metrics/"
    ]
    assert {path_of(entry) for entry in cached if is_pushed(entry)} == NEEDED & set(map(path_of, cached))


def path_of(entry: str | dict[str, Any]) -> str:
    """The path of an out."""
    return paths([entry])[0]


@pytest.mark.parametrize("folder", sorted({dep for name in DVC for dep in paths(body(name)["deps"])}))
def test_of_a_folder_that_a_stage_depends_on_all_is_pushed_or_nothing(folder: str) -> None:
    """DVC takes a folder with a file too few for a changed one, and reruns; one that is missing it skips."""
    inside = [
        is_pushed(entry)
        for name in DVC
        for entry in body(name).get("outs", [])
        if path_of(entry).startswith(f"{folder}/")
    ]
    git = subprocess.check_output(["git", "ls-files", folder], cwd=ROOT, text=True)
    assert all(inside) or (not any(inside) and not git)


@pytest.fixture(scope="session")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the pipeline whose outs are placeholders that DVC takes for current."""
    from dvc.repo import Repo

    root = tmp_path_factory.mktemp("pipeline")
    for name in ("stages", "evobuild", "prompts", "expectations", "data/raw"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".dvcignore", LOCK):
        shutil.copy(ROOT / name, root / name)
    (root / "params.yaml").write_text(WITH_BRANCH)
    with contextlib.chdir(root), Repo.init(no_scm=True) as repo:
        for stage in repo.index.stages:
            for out in stage.outs:
                place_holder(Path(out.fs_path), out.def_path)
        Path("data/settings").unlink()
        Path("data/settings").mkdir()
        resolve(root)
        repo.commit(force=True)
    assert stale(root) == set()
    return root


def resolve(root: Path) -> None:
    """Write the settings of every stage, as the stage `resolve` would."""
    with contextlib.chdir(root), SAME_WEIGHTS, mock.patch.object(library, "PACKAGE", root / "evobuild"):
        found = settings.resolve_settings(Path("params.yaml"), UNANSWERED)
    for stem, own in found.items():
        path, text = root / f"data/settings/{stem}.json", settings.settings_text(own)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def place_holder(path: Path, name: str) -> None:
    if name.startswith("models/"):
        path.mkdir(parents=True)
        path = path / "weights"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"made by the test: {name}\n")


class _Loader(yaml.CSafeLoader):
    """YAML as DVC reads it: 2e-05 is a number, and `on` a word."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [*own]
        for first, own in yaml.CSafeLoader.yaml_implicit_resolvers.items()
        if first not in {"o", "O"}
    }


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[0-9]+e-[0-9]+$"), list("0123456789"))


@lru_cache(16)
def _parsed(text: str) -> bytes:
    return pickle.dumps(yaml.load(text, _Loader))


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
    """The stages that DVC would run, everything read anew and settings resolved."""
    resolve(root)
    with dvc_in(root) as ask:
        return ask(asked)


def is_settings(dep: Dependency) -> bool:
    return dep.def_path.startswith("data/settings/")


def is_no_code(dep: Dependency) -> bool:
    return not dep.def_path.startswith(CODE)


@contextmanager
def changed(path: Path, text: str) -> Iterator[None]:
    before = path.read_text() if path.exists() else None
    path.write_text(text)
    try:
        yield
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)


def users(path: str) -> set[str]:
    """The stages that reach a script or module, by the code; of a prompt those that say they render it."""
    if path.startswith("prompts/"):
        prompt = path.removeprefix("prompts/")
        found = {address for address, reads in default_readings() if prompt in reads.prompts}
        # The card names prompts by their content.
        told = any(address.partition("@")[0] not in AFTER_SELECT for address in found)
        return found | ({"export"} if told else set())
    return {
        instance
        for name in DVC
        if path in (f"stages/{name}.py", *reach.modules(name))
        for instance in instances(name)
    }


def default_readings() -> Iterator[tuple[str, Any]]:
    """What each stage reads with the default params, by its address."""
    for name in filter(variants.resolved, DVC):
        found = variants._readings(name, PARAMS, UNANSWERED)
        yield from zip(instances(name), found, strict=True)


def neighbours(path: str) -> set[str]:
    """The stages that reach something of the folder of a module: the domain's, which may rerun."""
    if not path.startswith("evobuild/"):
        return users(path)
    folder = folder_of(path)
    return {
        instance
        for name in DVC
        if any(folder_of(other) == folder for other in reach.modules(name))
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
def test_a_changed_file_makes_all_its_users_stale_and_none_outside_its_domain(
    committed: Path, half: int
) -> None:
    wrong = {}
    with dvc_in(committed) as ask:
        for path in one_of_each_folder()[half::2]:
            file = committed / path
            comment = "{# changed #}" if path.endswith(".jinja") else "# changed\n"
            with changed(file, file.read_text() + comment):
                is_script = path.startswith("stages/")
                if not is_script:
                    resolve(committed)
                # Of all others it is known that they are as they were: asking takes its time.
                found = ask(
                    lambda dep, file=file, too=not is_script: (
                        (too and is_settings(dep)) or file.is_relative_to(dep.fs_path)
                    )
                )
                found -= ALL_CODE
                missed, needless = users(path) - ALL_CODE - found, found - neighbours(path)
                if path not in OF_NO_STAGE and (missed or needless):
                    wrong[path] = {"missed": missed, "needless": needless}
    resolve(committed)
    assert not wrong


def one_of_each_folder() -> list[str]:
    """Every script and prompt, and a module of each folder of the library, which counts as a whole."""
    found = {(folder_of(path) if path.startswith("evobuild/") else path): path for path in code_files()}
    return sorted(found.values())


def test_a_new_version_of_the_library_makes_nothing_stale(committed: Path) -> None:
    file = committed / "evobuild/process/version.py"
    with changed(file, '__version__ = "99.0"\n'):
        assert stale(committed) - ALL_CODE == set()


def leaves(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def reads_key(name: str, key: str) -> bool:
    return any(f"{key}.".startswith(f"{own}.") for own in reach.params(name) or ())


@cache
def default_settings() -> dict[str, dict[str, Any]]:
    with SAME_WEIGHTS:
        return settings.resolve_settings_of(PARAMS, UNANSWERED)


def readers(content: dict[str, Any], key: str) -> set[str]:
    """The stages that a changed key reaches: by what they read before or after, and by their commands."""
    found = {
        instance
        for name in DVC
        if reach.params(name) is None
        or (not variants.resolved(name) and reads_key(name, key))
        or f"${{{key}}}" in body(name)["cmd"]
        for instance in instances(name)
    }
    before = default_settings()
    with SAME_WEIGHTS:
        after = settings.resolve_settings_of(content, UNANSWERED)
    addresses = {
        each.stem: stage_address(each.stage.name, each.name) for each in settings.stage_instances(PARAMS)
    }
    addresses[STEM] = "export"
    found |= {addresses[stem] for stem in before if before[stem] != after[stem]}
    first, *rest = key.split(".")
    if first == "rounds":
        found.add(f"evolve@{rest[0]}")
    if key.startswith("decontaminate.sets."):
        found.add(f"decontaminate@{rest[1]}")
    return found


OTHER = {
    "models.embedder": "a/b",
    "seed.format": "alpaca",
    "seed.columns": {"domain": "topic"},
    "seed.extra": [],
    "seed.turns": "first",
    "seed.languages": ["en"],
    "optimize.initial": "weak",
    "optimize.ties": "first",
    "evolve.strategy": "evol",
    "evolve.method": "e0",
    "evolve.schedule": "random",
    "evolve.on_failure": "retry",
    "autoif.crosscheck.contradicted": "keep",
    "autoif.compose.queries": "file",
    "respond.prompt": "paper",
    "respond.seed_answers": "replace",
    "respond.rules": [],
    "rate.measures": ["level"],
    "score.template": "chat",
    "diversity.text": "instruction",
    "rate.score_prompt": "alone",
    "compare.prompt": "criteria",
    "score.dtype": "bfloat16",
    "reward.dtype": "bfloat16",
    "diversity.distance": "cosine",
    "select.by": "ifd",
    "select.pools": ["r1"],
    "select.contamination": [],
    "select.exclude": "data/raw/constraints.txt",
    "export.formats": ["trl"],
    "export.licence": "mit",
    "experience.middle": [0.1, 0.2],
    "sandbox.modules": ["re"],
    "finetune.method": "dpo",
    "finetune.template": "prompts/respond/answer.jinja",
    "finetune.loss": "everything",
    "finetune.truncate": "proportional",
    "finetune.schedule": "linear",
    "finetune.optimizer": "adafactor",
    "finetune.precision": "bfloat16",
    "finetune.lora.targets": ["q_proj"],
    "experience.lora.targets": ["q_proj"],
    "experience.lora.quantize": 4,
    "select.filters.languages": ["en"],
    "autoif.compose.domains": ["code"],
    "contracts.languages": ["en"],
}
"""Other values of keys for which only some do."""
BY_ANOTHER = {"finetune.lora.quantize", "contracts.against", "prompts"}
"""Keys that can only be changed together with another, with what git holds, or with a folder."""


def other(key: str, value: Any) -> Any:
    """Another value that a key may have."""
    options = [OTHER[key]] if key in OTHER else []
    if isinstance(value, bool):
        options.append(not value)
    elif isinstance(value, int):
        options += [value + 1, value - 1]
    elif isinstance(value, float):
        options += [value / 2 or 0.5, value + 0.5]
    elif isinstance(value, list):
        options += [[*value, *value], [*value, 3]]
    else:
        # The settings of a stage name a file by its content.
        options += [
            each
            for each in ("data/raw/constraints.txt", LOCK)
            if each != value and Path(str(value)).is_file()
        ]
        options += [f"{value}x", f"{value}1", 7, 0.5, "simulated:large", "a/b"]
    for option in options:
        content = variants.changed(PARAMS, {key: option})
        with contextlib.suppress(ValidationError):
            Params.model_validate(content)
            return option
    raise AssertionError(f"no other value of {key} is known: {value!r}")


@pytest.mark.parametrize("half", [0, 1])
def test_a_changed_param_makes_exactly_its_readers_stale(committed: Path, half: int) -> None:
    wrong, changes = {}, dict(list(leaves(PARAMS))[half::2])
    changes = {key: value for key, value in changes.items() if key not in BY_ANOTHER}
    for key, value in changes.items():
        if stands_in_dvc_yaml(key):
            changed_value = "r0x" if key.startswith("rounds.") else other(key, value)
            with changed_params(committed, {key: changed_value}) as content:
                hold(wrong, key, stale(committed, is_no_code), readers(content, key))
    # The rest changes params and settings alone, so that dvc.yaml need not be read anew for each.
    resolve(committed)
    with dvc_in(committed) as ask:
        for key in (key for key in changes if not stands_in_dvc_yaml(key)):
            with changed_params(committed, {key: other(key, changes[key])}) as content:
                resolve(committed)
                hold(wrong, key, ask(is_of_params), readers(content, key))
    resolve(committed)
    assert not wrong


def hold(wrong: dict[str, Any], key: str, found: set[str], wanted: set[str]) -> None:
    if found != wanted:
        wrong[key] = {"missed": wanted - found, "needless": found - wanted}


@contextmanager
def changed_params(root: Path, changes: dict[str, Any]) -> Iterator[dict[str, Any]]:
    content = variants.changed(PARAMS, changes)
    with changed(root / "params.yaml", yaml.safe_dump(content, sort_keys=False)):
        yield content


def is_of_params(dep: Dependency) -> bool:
    return is_settings(dep) or dep.def_path == "params.yaml"


def stands_in_dvc_yaml(key: str) -> bool:
    """Whether a key or its section is put into commands, paths or names of stages."""
    return any(f"{key}.".startswith(f"{name}.") for name in re.findall(r"\$\{([^}]+)\}", yaml.safe_dump(DVC)))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "  r3: {}\n",
            "",
            {
                "score",
                "diversity",
                "reward",
                "tag",
                "decontaminate@held_out",
                "select",
                "validate",
                "export",
                "summarize",
            },
        ),
        (
            "fetch: {}",
            "fetch: {more: {hub: a/b, config: null, revision: x, split: train}}",
            {"fetch@more", "export"},
        ),
        (
            "    held_out: data/held_out.parquet\n",
            "    held_out: data/held_out.parquet\n    more: data/raw/sample.jsonl\n",
            {"decontaminate@more", "select", "validate", "export", "summarize"},
        ),
        (
            "bases: {toy: {model: models/scratch}}",
            "bases: {toy: {model: models/scratch}, more: {model: models/scratch, finetune: {epochs: 1}}}",
            {"finetune@more", "validate_outputs", "summarize"},
        ),
        (
            "bases: {toy: {model: models/scratch}}",
            "bases: {toy: {model: models/scratch, finetune: {lora: {rank: 4}}}}",
            {"finetune@toy", "validate_outputs", "summarize"},
        ),
    ],
    ids=[
        "a pool less",
        "a data set more",
        "an evaluation set more",
        "a base more",
        "a base with a key of its own",
    ],
)
def test_a_dict_that_makes_stages_reaches_no_other(
    committed: Path, old: str, new: str, expected: set[str]
) -> None:
    text = WITH_BRANCH
    assert old in text
    whole_file = {name for name in DVC if reach.params(name) is None}
    with changed(committed / "params.yaml", text.replace(old, new)):
        assert stale(committed) == expected | whole_file


def test_seed_rows_count_by_content(committed: Path) -> None:
    sample = committed / PARAMS["seed"]["source"]
    with changed(sample, sample.read_text() + '{"instruction": "One more"}\n'):
        # The card names the file by its content.
        wanted = {"seed", "resolve", "export"}
        assert stale(committed) == wanted, "autoif.compose.file is the sample, too, and not used"
