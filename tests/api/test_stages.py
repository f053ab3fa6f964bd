"""Each function gives what its stages write in a project, and leaves the project alone."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path

import polars as pl
import pytest
import tiny
import yaml
from variants import changed
from workspace import SHIPPED_PARAMS

import evobuild
from evobuild.api.stage_calls import import_shipped_stage
from evobuild.core import library
from evobuild.core.measures import BUILT_IN, EMBEDDING, measure_of
from evobuild.core.stage import call_stage
from evobuild.core.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
SMALL, LARGE = "simulated:small", "simulated:large"
SAMPLE = ROOT / "data/raw/sample.jsonl"
GSM8K = {"gsm8k": {"items": str(ROOT / "data/raw/benchmarks/gsm8k.jsonl")}}
CONSTRAINTS = ["Use no comma.", "use no comma", "", "Write one sentence."]
MINE = [{"question": json.loads(line)["instruction"]} for line in SAMPLE.read_text().splitlines()[:60]]
OPTIMIZE = {"steps": 1, "candidates": 2, "batch": 3}
CHANGES = {
    "seed.source": str(SAMPLE),
    "seed.rows": 40,
    "models.scorer": str(tiny.folder()),
    "evolve.failures.max_growth": 30,
    **{f"optimize.{key}": value for key, value in OPTIMIZE.items()},
    "rounds": {"r1": {"parent": "r0"}},
    "branches": {"autoif": {}},
    "pools": {"r0": {}, "r1": {}},
    "autoif.seeds": "constraints.txt",
    "autoif.augment.rounds": 0,
    "autoif.augment.near_duplicate": None,
    "autoif.crosscheck.constraints": None,
    "decontaminate.sets": {"mine": "mine.json"},
    "decontaminate.ngrams": [3],
    "select.by": "difficulty",
    "select.pools": ["r0", "r1"],
    "select.contamination": ["3-gram"],
    "evaluate.models": {"own": SMALL},
    "evaluate.benchmarks": GSM8K,
    "compare.pairs": [],
}
STAGES = [
    ("seed", {}),
    ("optimize", {}),
    ("evolve", {"round": "r1", "parent": "r0"}),
    *((stage, {"pool": pool}) for pool in ("r0", "r1") for stage in ("respond", "rate")),
    ("score", {}),
    *((stage, {"branch": "autoif"}) for stage in ("augment", "verifiers", "crosscheck", "compose")),
    *((stage, {"branch": "autoif"}) for stage in ("sample", "verify")),
    ("decontaminate", {"name": "mine"}),
    ("select", {}),
    ("evaluate", {"model": "own"}),
    ("compare", {}),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose stages have run."""
    folder = tmp_path_factory.mktemp("built")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("EVOBUILD_STORE", str(folder / "replies.sqlite"))
        shutil.copytree(ROOT / "prompts", "prompts")
        Path("params.yaml").write_text(yaml.safe_dump(changed(read_yaml(SHIPPED_PARAMS), CHANGES)))
        Path("dvc.yaml").write_text("stages: {}\n")
        Path("constraints.txt").write_text("\n".join(CONSTRAINTS))
        Path("mine.json").write_text(json.dumps(MINE))
        for each in ("models/scratch", "models/experienced", "models/tuned", "data/embeddings"):
            Path(each).mkdir(parents=True)
        for measure in BUILT_IN:
            for pool in ("r0", "r1"):
                file = Path("data/measures", measure.folder, f"{pool}.parquet")
                file.parent.mkdir(parents=True, exist_ok=True)
                if measure.stage not in ("rate", "score"):
                    measure.schema.to_frame().write_parquet(file)
                EMBEDDING.schema.to_frame().write_parquet(f"data/embeddings/{pool}.parquet")
        Path("data/label.txt").write_text("\n")
        shutil.rmtree("data/measures/scores")
        for name, given in STAGES:
            call_stage(importlib.import_module(f"stages.{name}").main, Path("params.yaml"), given)
            if name == "crosscheck":
                shutil.copy("data/autoif/checked.parquet", "data/autoif/verified.parquet")
    return folder


@pytest.fixture(autouse=True)
def untouched(built: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Run in the project, where a call changes no file: no lock, no journal, no cache, no out."""
    monkeypatch.chdir(built)
    before = {path: path.stat().st_mtime_ns for path in built.rglob("*")}
    yield
    assert {path: path.stat().st_mtime_ns for path in built.rglob("*")} == before
    # Where the tests' own settings put progress and the journals.
    assert not (tmp_path / ".evobuild").exists()


def written(name: str) -> pl.DataFrame:
    return pl.read_parquet(f"data/{name}.parquet")


def same(found: pl.DataFrame, name: str) -> None:
    """Hold the columns of a result against a stage's table, which is sorted by id."""
    wanted = written(name)
    assert wanted.height and found.select(wanted.columns).sort("id").equals(wanted), name


def lost(result: evobuild.Result, name: str) -> None:
    assert result.rejects.select("id", "reason", "detail", "reply").equals(written(f"rejects/{name}"))


def test_seeds() -> None:
    found = evobuild.read_seeds(SAMPLE, rows=40, held_out=0.1)
    same(found.rows, "rounds/r0")
    lost(found, "seed")


def test_an_optimized_method() -> None:
    found = evobuild.optimize_method(
        written("rounds/r0"), SMALL, LARGE, failures={"max_growth": 30}, **OPTIMIZE
    )
    for name in ("candidates", "trajectories", "failures"):
        same(getattr(found, name), f"optimization/{name}")
    assert Path("data/method.txt").read_text() == f"{found.method}\n"


def test_a_round_by_that_method() -> None:
    method = Path("data/method.txt").read_text()
    found = evobuild.evolve(written("rounds/r0"), SMALL, method=method, failures={"max_growth": 30})
    same(found.rows, "rounds/r1")
    lost(found, "evolve-r1")


@pytest.mark.parametrize("pool", ["r0", "r1"])
def test_answers(pool: str) -> None:
    found = evobuild.respond(written(f"rounds/{pool}"), LARGE)
    same(found.rows, f"responses/{pool}")
    lost(found, f"respond-{pool}")


@pytest.mark.parametrize("pool", ["r0", "r1"])
def test_difficulty(pool: str) -> None:
    found = evobuild.rate_difficulty(written(f"rounds/{pool}"), LARGE)
    named = {name: stored for stored, name in measure_of("rate").renamed.items()}
    same(found.rows.rename(named), f"measures/ratings/{pool}")
    lost(found, f"rate-{pool}")
    assert found.unread.equals(written(f"unread/{pool}"))


def test_scores() -> None:
    responses = pl.concat([written("responses/r0"), written("responses/r1")])
    found = evobuild.score_ifd(responses, str(tiny.folder()))
    wanted = pl.concat([written("measures/scores/r0"), written("measures/scores/r1")])
    assert found.rows.select(wanted.columns).sort("id").equals(wanted.sort("id"))
    lost(found, "score")


def test_contamination() -> None:
    responses = pl.concat([written("responses/r0"), written("responses/r1")])
    for sets in ({"mine": "mine.json"}, {"mine": MINE}):
        found = evobuild.find_contamination(responses, sets, ngrams=[3]).sort("id")
        wanted = written("contamination/mine")
        assert wanted.height and found.drop("pool").equals(wanted.drop("pool"))


def test_a_selection() -> None:
    pools = [
        written(f"rounds/{pool}")
        .drop("output", "responder", "reasoning")
        .join(
            written(f"responses/{pool}").select("id", "output", "responder", "reasoning"), on="id", how="left"
        )
        .join(written(f"measures/ratings/{pool}").rename(measure_of("rate").renamed), on="id", how="left")
        for pool in ("r0", "r1")
    ]
    hits = written("contamination/mine")
    found = evobuild.select(pl.concat(pools), hits=hits, by="difficulty", contamination=["3-gram"])
    wanted = written("dataset")
    shared = [name for name in wanted.columns if name in found.rows.columns]
    assert found.rows.select(shared).sort("id").equals(wanted.select(shared)) and "metric" in shared
    lost(found, "select")


def test_verifiers() -> None:
    found = evobuild.write_verifiers(CONSTRAINTS, SMALL)
    same(found.rows, "autoif/checked")
    assert found.rejects.drop("constraint").equals(
        pl.concat([written("rejects/augment-autoif"), written("rejects/crosscheck-autoif")])
    )
    assert found.unread.equals(written("rejects/verifiers-autoif"))


def test_answers_that_are_checked() -> None:
    checks = written("autoif/answers").join(written("autoif/checks").drop("row"), on="id")
    rows = written("autoif/rows")
    for constraint in written("autoif/verified").iter_rows(named=True):
        ids = rows.filter(operation=f"autoif-{constraint['id']}")["id"]
        wanted = checks.filter(pl.col("row").is_in(ids.to_list()))
        found = evobuild.check_answers(wanted["answer"].to_list(), constraint["functions"])
        assert wanted.height and found.equals(wanted.select(found.columns))


def test_figures() -> None:
    found = evobuild.evaluate(SMALL, GSM8K)
    assert found.rows.equals(written("evaluation/own").drop("model"))
    wanted = pl.read_csv("metrics/evaluation.csv", infer_schema_length=None).drop("model")
    assert found.figures.height and found.figures.to_dicts() == wanted.to_dicts()


def test_scripts_are_those_that_are_shipped(built: Path) -> None:
    script = import_shipped_stage("seed")
    assert Path(script.__file__) == library.template_folder() / "stages/seed.py"
    assert not Path(script.__file__).is_relative_to(built)
