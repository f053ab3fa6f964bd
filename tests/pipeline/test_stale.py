"""An edit makes exactly those stages stale that read it, by the word of DVC.

Cases follow from what scripts declare. DVC is asked in this process, about a pipeline whose outs are
placeholders; one question is about many edits, for DVC names the dependencies that changed. Declarations have
other witnesses: the tables by hand below, grimp for modules (tests/support/closures.py), and what stages open
and import as they run (tests/line/test_line_rebuilt.py).
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import operator
import random
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints
from unittest import mock

import closures
import pytest
import variants
import yaml
from workspace import ROOT

from evobuild.cli.check.all_params import Params
from evobuild.cli.pipeline import lock_text as locking
from evobuild.cli.pipeline.declared_stages import Declared, import_declared_stages
from evobuild.cli.pipeline.dvc_yaml import build_pipeline_text
from evobuild.core.declaration import params_schema
from evobuild.core.params import declared_keys
from evobuild.core.prompts import included, use_folder
from evobuild.core.stages import Instance, stage_address, stage_instances
from evobuild.process.imports import Sources
from evobuild.process.lock import ENTRIES

if TYPE_CHECKING:
    from dvc.repo import Repo

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")

DECLARED = {each.name: each for each in import_declared_stages(ROOT / "stages")}
PARAMS = variants.changed(
    variants.DEFAULT,
    variants.BRANCH
    | {"models.embedder": None}  # its weights are a package, and take a second to digest
    | {
        "rounds": {"r1": {"parent": "r0"}, "r2": {"parent": "r1"}},
        "pools": {"r0": {}, "r1": {}, "autoif": {}},
    },
)
INSTANCES = {stage_address(each.stage.name, each.name): each for each in stage_instances(PARAMS)}
EVERY_KEY = {"check", "report"}
"""Stages that read the whole of params.yaml."""


def whole(*names: str) -> set[str]:
    """The instances of some stages."""
    return {address for address, each in INSTANCES.items() if each.stage.name in names}


# What a stage declares.


def covers(declared: str, own: str, separator: str = ".") -> bool:
    """Whether a key or folder is, or holds, another one."""
    return f"{own}{separator}".startswith(f"{declared}{separator}")


def described(each: Declared) -> list[Declared]:
    """The stages whose params, prompts and libraries a stage writes down."""
    names = list(DECLARED)
    last = names.index(each.stage.describes) + 1 if each.stage.describes else 0
    return [DECLARED[name] for name in names[:last] if name not in EVERY_KEY]


def reads_key(each: Declared, key: str, name: str = "") -> bool:
    """Whether a stage reads a key of params.yaml. name: of the instance; '': of any."""
    if each.name in EVERY_KEY or any(reads_key(other, key) for other in described(each)):
        return True
    own = any(covers(declared, key) for declared in declared_keys(params_schema(each.main)))
    of_others = any(covers(one, key) and not covers(f"{one}.{name}", key) for one in each.stage.keyed)
    return own and not (name and of_others)


def is_put_in(each: Declared, key: str, name: str = "") -> bool:
    """Whether the value of a key is a path that a stage reads, or stands in its command."""
    if any(is_put_in(other, key) for other in described(each)):
        return True
    texts = [*each.stage.waits_for, *(f"${{prompts}}/{prompt}" for prompt in each.stage.prompts)]
    texts += [str(own.default) for own in dataclasses.fields(get_type_hints(each.main)["args"])]
    texts += [text.replace("item", f"{each.stage.per}.{name}") for text in each.stage.given.values()]
    return any(f"${{{key}}}" in text.replace("{name}", name) for text in texts)


def readers(key: str) -> set[str]:
    return {address for address, each in INSTANCES.items() if _reads(each, key)}


def _reads(each: Instance, key: str) -> bool:
    declared, name = DECLARED[each.stage.name], each.name if each.stage.per else ""
    return reads_key(declared, key, name) or is_put_in(declared, key, name)


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key


# What DVC says.


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pipeline with placeholders for outs, which DVC takes for current."""
    from dvc.repo import Repo

    root = tmp_path_factory.mktemp("pipeline")
    for name in ("prompts", "expectations", "data/raw"):
        shutil.copytree(ROOT / name, root / name)
    for name in (".dvcignore", "evobuild.lock", "README.md"):
        shutil.copy(ROOT / name, root / name)
    write_params(root, PARAMS)
    renew_lock(root, ROOT)
    with contextlib.chdir(root), Repo.init(no_scm=True) as repo:
        for stage in repo.index.stages:
            write_outs(stage)
        repo.commit(force=True)
    assert changed_deps(root) == {}
    return root


@pytest.fixture
def pipeline(built: Path, tmp_path: Path) -> Path:
    """A copy of it to be edited."""
    return Path(shutil.copytree(built, tmp_path / "pipeline", symlinks=True))


def write_params(root: Path, values: Mapping[str, Any]) -> None:
    """Write params.yaml, and dvc.yaml as `evobuild pipeline` does."""
    (root / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    with use_folder(ROOT / "prompts"):
        (root / "dvc.yaml").write_text(build_pipeline_text(DECLARED.values(), values))


def write_outs(stage: Any, dry: bool = False, **_: object) -> None:
    """Do what each stage does here: its outs are the same at every run."""
    for out in () if dry else stage.outs:
        path = Path(out.fs_path)
        if out.def_path.startswith("models/") and not path.suffix:
            path /= "weights"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{out.def_path}\n")


@lru_cache(8)
def _parsed(text: str) -> Any:
    from dvc.utils.serialize import parse_yaml

    return parse_yaml(text, "params.yaml")


def read_keys(fs: object, path: str, keys: Iterable[str] | None, **_: object) -> dict[str, Any]:
    """Give some keys of a file of params, or all: what DVC parses anew and walks through for each key."""
    content: dict[str, Any] = _parsed(Path(path).read_text())
    if keys is None:
        return content
    found = {}
    for key in keys:
        with contextlib.suppress(KeyError, TypeError):
            found[key] = reduce(operator.getitem, key.split("."), content)
    return found


@contextlib.contextmanager
def opened(root: Path) -> Iterator[Repo]:
    """The repository, whose stages and dependencies are read now, before an edit."""
    from dvc.repo import Repo

    quick = mock.patch("dvc.dependency.param.read_param_file", read_keys)
    with quick, contextlib.chdir(root), Repo(str(root)) as repo:
        assert repo.index.stages
        yield repo


def changed_deps(root: Path, where: str = "") -> dict[str, set[str]]:
    """What `dvc status` says of a repository: see `status`."""
    with opened(root) as repo:
        return status(repo, where)


def status(repo: Repo, where: str = "") -> dict[str, set[str]]:
    """The stages that are stale, each with its changed files and keys; "cmd" is its command.

    where: how the files begin that are looked at, where it is known that no other changed.
    """
    found: dict[str, set[str]] = {}
    for stage in repo.index.stages:
        own = {"cmd"} if stage.changed_stage() else set()
        for dep in stage.deps:
            if dep.def_path.startswith(where):
                for path, what in dep.status().items():
                    own |= {path} if isinstance(what, str) else set(what)
        if own:
            found[stage.addressing] = own
    return found


PUT_IN = {"prompts", "seed.source", "evolve.file", "autoif.seeds", "autoif.compose.file"}
PUT_IN |= {"rounds.r1.parent", "rounds.r2.parent", "decontaminate.sets.held_out"}
"""Keys whose values are put into dvc.yaml, which is read anew for each."""


def test_every_stage_waits_for_the_check_of_params(built: Path) -> None:
    import networkx

    with opened(built) as repo:
        graph = repo.index.graph
        waiting = {
            stage for stage in graph for other in networkx.descendants(graph, stage) if other.name == "check"
        }
        assert {stage.name for stage in graph if stage not in waiting} == {"check"}


def test_a_key_makes_exactly_its_readers_stale(pipeline: Path) -> None:
    """One key of each section at a time: what DVC names as changed tells the section."""
    groups = itertools.groupby((key for key in leaves(PARAMS) if key not in PUT_IN), section)
    wrong: dict[str, set[str]] = {}
    with opened(pipeline) as repo:
        for keys in itertools.zip_longest(*([*own] for _, own in groups)):
            edited = [key for key in keys if key]
            edit_params(pipeline, edited)
            found = status(repo, "params.yaml")
            wrong |= {key: off for key in edited if (off := of_key(found, key) ^ readers(key))}
    for key in PUT_IN:
        edit_params(pipeline, [key])
        if off := changed_deps(pipeline).keys() ^ readers(key):
            wrong[key] = off
    assert not wrong


def section(key: str) -> str:
    """The part of params.yaml of which one key at a time is edited."""
    first, *rest = key.split(".")
    return f"{first}.{rest[0]}" if first in ("models", "autoif") else first


def of_key(found: Mapping[str, set[str]], key: str) -> set[str]:
    """The stages of which a dependency changed that covers a key."""
    return {name for name, changed in found.items() if any(covers(own, key) for own in changed)}


def edit_params(root: Path, keys: Iterable[str]) -> None:
    values = variants.changed(PARAMS, dict.fromkeys(keys, "another"))
    (root / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


def test_a_prompt_makes_exactly_those_stale_that_declare_it_or_its_folder(pipeline: Path) -> None:
    """One prompt of each folder at a time, as above."""
    folders = [sorted(folder.rglob("*.jinja")) for folder in (pipeline / "prompts").iterdir()]
    wrong = {}
    with opened(pipeline) as repo, use_folder(ROOT / "prompts"):
        for files in itertools.zip_longest(*folders):
            for file in filter(None, files):
                file.write_text("another")
            found = status(repo, "prompts")
            for file in filter(None, files):
                name = file.relative_to(pipeline / "prompts").as_posix()
                stale = {
                    stage
                    for stage, deps in found.items()
                    if any(covers(dep, f"prompts/{name}", "/") for dep in deps)
                }
                wanted = {
                    address for address, each in INSTANCES.items() if renders(DECLARED[each.stage.name], name)
                }
                if stale != wanted:
                    wrong[name] = stale ^ wanted
                file.write_bytes((ROOT / "prompts" / name).read_bytes())
    assert not wrong


def renders(each: Declared, prompt: str) -> bool:
    declared = [name for other in (each, *described(each)) for name in other.stage.prompts]
    return any(covers(name, prompt, "/") for name in declared) or prompt in included(
        name for name in declared if name.endswith(".jinja")
    )


def test_an_entry_of_the_lock_makes_exactly_those_stale_that_declare_it(pipeline: Path) -> None:
    file = pipeline / "evobuild.lock"
    content = yaml.safe_load(file.read_text())
    for entry in ENTRIES:
        content[entry] = dict.fromkeys(content[entry], "another") or {"one": "more"}
    file.write_text(yaml.safe_dump(content))
    wanted = {}
    for address, each in INSTANCES.items():
        declared = DECLARED[each.stage.name]
        stages = [declared, *described(declared)]
        wanted[address] = {f"stages.{declared.name}", *(key for one in stages for key in one.stage.locked)}
        wanted[address] |= {f"libraries.{name}" for one in stages for name in one.stage.libraries}
    assert changed_deps(pipeline) == wanted
    assert set(content["libraries"]) == {name for each in DECLARED.values() for name in each.stage.libraries}


@pytest.fixture
def code(pipeline: Path) -> Path:
    """The pipeline with the code beside it, and the lock of that."""
    for name in ("evobuild", "stages"):
        shutil.copytree(ROOT / name, pipeline / name, ignore=shutil.ignore_patterns("__pycache__"))
    return pipeline


def renew_lock(root: Path, code: Path) -> None:
    """Write evobuild.lock as `evobuild pipeline` does. code: the folder with library and stages."""
    sources = Sources(code, root / "kept.json", code / "evobuild")
    of_copy = mock.patch.object(locking, "stage_sources", lambda: sources)
    with of_copy, contextlib.chdir(root):
        text = locking.build_lock_text(DECLARED.values(), Params.model_validate(PARAMS))
    (root / "evobuild.lock").write_text(text)


def edit_module(root: Path, module: str, more: str) -> None:
    file = root / closures.source(module).relative_to(ROOT)
    file.write_text(file.read_text() + more)


ROOMS = {name.rpartition(".")[0]: name for name in sorted(set().union(*closures.closures().values()))}
"""A module of each folder of the library, by the folder."""


def test_a_module_makes_exactly_those_stale_that_import_it(code: Path) -> None:
    """One of each folder; tests/process/test_imports.py has that digests are of what grimp finds."""
    wrong = {}
    with opened(code) as repo:
        for module in ROOMS.values():
            edit_module(code, module, "\nANOTHER = 1\n")
            renew_lock(code, code)
            wanted = whole(*(stage for stage, found in closures.closures().items() if module in found))
            if off := status(repo, "evobuild.lock").keys() ^ wanted:
                wrong[module] = off
            shutil.copy(closures.source(module), code / closures.source(module).relative_to(ROOT))
    assert not wrong


def test_what_changes_no_result_makes_nothing_stale(code: Path) -> None:
    for module in set().union(*closures.closures().values()):
        edit_module(code, module, '\n"""A text that stands alone."""\n# A comment.\n')
    edit_module(code, "evobuild.process.terminal", "\nANOTHER = 1\n")
    renew_lock(code, code)
    (code / "README.md").write_text("another")
    write_params(code, reordered(PARAMS))
    with (code / "params.yaml").open("a") as params:
        params.write("# A comment.\n")
    assert changed_deps(code) == {}


def reordered(values: Any) -> Any:
    """The same params in another order."""
    return {key: reordered(values[key]) for key in reversed(values)} if isinstance(values, dict) else values


HUB = {"hub": "a/b", "config": None, "revision": "0" * 40, "split": "train"}
DATA_SET = {"select", "validate", "export"}
FILES = {
    "data/raw/sample.jsonl": {"seed", "compose@autoif", "export"},
    "data/raw/constraints.txt": {"augment@autoif", "export"},
    "data/raw/benchmarks/gsm8k.jsonl": whole("evaluate"),
    "data/raw/benchmarks/prompts.jsonl": whole("evaluate", "compare"),
    "prompts/evolve/own.txt": whole("optimize", "evolve", "reward", "export", "report"),
    "expectations/dataset.yaml": {"validate", "validate_outputs"},
}


def test_a_file_makes_exactly_those_stale_that_are_named_here(pipeline: Path) -> None:
    for name in FILES:
        text = (pipeline / name).read_text()
        (pipeline / name).write_text(f"{text}\nanother")
        assert changed_deps(pipeline).keys() == FILES[name], name
        (pipeline / name).write_text(text)


@pytest.mark.parametrize(
    ("changes", "stale"),
    [
        ({"evolve.temperature": 0.9}, whole("evolve", "export")),
        ({"rate.measures": ["level"]}, whole("rate", "validate", "export")),
        ({"models.judge": "simulated:small"},
         whole("optimize", "evolve", "keywords", "rate", "quality", "evaluate", "compare", "export")),
        ({"respond.max_tokens": 99}, whole("respond", "export")),
        ({"sandbox.seconds": 1.0}, whole("crosscheck", "verify", "evaluate", "export")),
        ({"select.exclude": "data/raw/constraints.txt"}, DATA_SET),
        ({"contracts.against": "data/raw/sample.jsonl"}, {"validate", "validate_outputs"}),
        ({"decontaminate.sets.more": "data/raw/sample.jsonl"},
         DATA_SET | {"decontaminate@more", "summarize"}),
        ({"fetch.more": HUB}, {"fetch@more", "export"}),
        ({"rounds.r3": {"parent": "r2"}},
         {"evolve@r3", "keywords", "reward", "validate", "export", "summarize"}),
        ({"pools": {"r0": {}, "autoif": {}}},
         whole("score", "diversity", "reward", "tag", "decontaminate", "summarize") | DATA_SET),
        ({"finetune.data": "r0"}, whole("gather", "finetune")),
        ({"finetune.template": "vicuna"}, whole("finetune")),
        ({"bases.more": {"model": "a/b"}},
         whole("scratch", "evaluate", "validate_outputs", "summarize", "export") | {"finetune@more"}),
        ({"evaluate.models.tuned": "simulated:small"},
         {"evaluate@tuned", "compare", "validate_outputs", "summarize"}),
        ({"evaluate.judge.retries": 5}, whole("evaluate", "compare")),
        ({"report.examples": 1}, set()),
    ],
)  # fmt: skip
def test_a_change_of_params_makes_exactly_those_stale_that_are_named_here(
    pipeline: Path, changes: dict[str, Any], stale: set[str]
) -> None:
    write_params(pipeline, variants.changed(PARAMS, changes))
    assert changed_deps(pipeline).keys() == stale | EVERY_KEY


@pytest.mark.parametrize(
    ("stage", "rooms"),
    [
        ("finetune", {"core", "weights", "training"}),
        ("evaluate", {"core", "weights", "evaluation", "models", "sandbox", "simulation", "seeds", "text"}),
    ],
)
def test_what_trains_and_evaluates_reads_nothing_of_how_data_are_made(stage: str, rooms: set[str]) -> None:
    """The folders of the library that it imports, and the sections of params.yaml."""
    assert {name.split(".")[1] for name in closures.closures()[stage] if name.count(".") > 1} == rooms
    own = {key for key in leaves(PARAMS) if whole(stage) & readers(key)}
    wanted = {"finetune": {"random_seed", "prompts", "bases", "finetune"},
              "evaluate": {"random_seed", "prompts", "bases", "evaluate", "models", "sandbox"}}  # fmt: skip
    assert {key.partition(".")[0] for key in own} == wanted[stage]


QUICK = {
    "stage.run.cmd_run": write_outs,
    "dvcfile.Lockfile.dump_stages": lambda *_, **__: None,
    "repo.Repo._reset": lambda *_: None,
    "rwlock.rwlock": lambda *_: contextlib.nullcontext(),
}
"""Commands, and what takes DVC longest: to read and write its files anew for each stage and run."""


def test_a_dry_run_lists_what_then_runs(pipeline: Path) -> None:
    """After random edits of params that stages read themselves; each out is the same at every run here.

    DVC does not foresee that a changed out makes the next stage stale: it lists that stage as unchanged.
    """
    keys = random.Random(31).sample([key for key in leaves(PARAMS) if key not in PUT_IN | {"fetch"}], 10)
    with opened(pipeline) as repo, contextlib.ExitStack() as stack:
        stages = list(repo.index.stages)
        for name, quick in QUICK.items():
            stack.enter_context(mock.patch(f"dvc.{name}", quick))
        stack.enter_context(mock.patch("dvc.repo.reproduce.collect_stages", lambda *_, **__: stages))
        for count, key in enumerate(keys, 1):
            edit_params(pipeline, keys[:count])
            listed = [stage.addressing for stage in repo.reproduce(dry=True)]
            ran = [stage.addressing for stage in repo.reproduce(run_cache=False, no_commit=True)]
            assert listed == ran
            assert set(ran) == readers(key)
