"""What settings switch off makes nothing stale, and what DVC cannot see does: named by hand, case by case."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import variants
import workspace
from evobuild.cli.resolve import settings
from evobuild.core.reads import Given, params_read

from evobuild.core import prompts
from evobuild.core.declaration import params_schema
from evobuild.core.errors import BadInput
from evobuild.core.params import declared_keys

EVOLVE = {"evolve-r1", "evolve-r2", "evolve-r3"}
EVALUATE = {"evaluate-base", "evaluate-tuned"}
RATE = {"rate-r0", "rate-r1", "rate-r2", "rate-r3", "rate-autoif"}
REPORT = {"report", "validate_outputs", "provenance"}
"""Two look at all that is evaluated, asked or not; tests/cli/test_provenance.py is of the third."""
OTHER_JUDGE = {"models.judge": "simulated:small"}
EVOL = {"evolve.strategy": "evol"}
TOY = {"toy": {"model": "models/scratch"}}
ITEMS = variants.DEFAULT["evaluate"]["benchmarks"]["mt_bench"]
UNJUDGED = {"evaluate.benchmarks": {"held_out": {}}, "compare.benchmarks": []}
"""Nothing that is evaluated needs a judge."""
NO_JUDGE = UNJUDGED | {"rate.measures": [], "keywords.rows": 0, "autoif.quality.score": None}
OTHER_WEIGHTS = {"models.scorer": "a/b", "bases": {"toy": {"model": "a/b"}}}


@pytest.fixture(autouse=True)
def weights(monkeypatch):
    """Models that come as packages have one content, which takes no time to read."""
    monkeypatch.setattr(settings, "weights_identity", lambda weights: f"{weights.name}#one")


def changed(before: dict, after: dict, unanswered: int = 0) -> set[str]:
    """Stages whose settings differ, REPORT aside, with the branch."""
    first, second = (
        settings.resolve_settings_of(variants.changed(variants.DEFAULT, variants.BRANCH | each), unanswered)
        for each in (before, after)
    )
    return {stem for stem in first if first[stem] != second[stem]} - REPORT


@pytest.mark.parametrize(
    ("switches", "change", "stale"),
    [
        (UNJUDGED, OTHER_JUDGE, {"keywords", "quality-autoif", *RATE}),
        (UNJUDGED | {"optimize.difficulty_weight": 1.0}, OTHER_JUDGE,
         {"optimize", "keywords", "quality-autoif", *RATE}),
        (UNJUDGED | {"evolve.failures.equal": True}, OTHER_JUDGE,
         {"optimize", "keywords", "quality-autoif", *EVOLVE, *RATE}),
        (NO_JUDGE, OTHER_JUDGE, set()),
        (NO_JUDGE | {"compare.benchmarks": ["held_out"]}, OTHER_JUDGE, {"compare"}),
        (NO_JUDGE | {"compare.benchmarks": ["held_out"], "compare.pairs": []}, OTHER_JUDGE, set()),
        (NO_JUDGE | {"evaluate.benchmarks": {"mt_bench": ITEMS}}, OTHER_JUDGE, EVALUATE),
        (UNJUDGED, {"evaluate.judge.retries": 5, "evaluate.unparsed": 0.5}, set()),
        (UNJUDGED, {"evaluate.benchmarks": {"held_out": {"limit": 3}}}, {*EVALUATE, "compare"}),
        (UNJUDGED, {"evaluate.models.tuned": "simulated:small"}, {"evaluate-tuned", "compare", "summarize"}),
        ({}, {"evolve.operations": {"default": ["breadth"]}, "evolve.schedule": "random"}, set()),
        (EVOL, {"evolve.schedule": "random"}, EVOLVE),
        (EVOL, {"evolve.method": "e0", "models.optimizer": "simulated:small"}, set()),
        ({"evolve.method": "e0"}, {"models.optimizer": "simulated:small", "optimize.steps": 3}, set()),
        ({}, {"models.optimizer": "simulated:small"}, {"optimize"}),
        ({}, {"evolve.retries": 5}, set()),
        ({}, {"evolve.file": "data/raw/constraints.txt"}, set()),
        ({"evolve.method": "file"}, {"evolve.file": "data/raw/constraints.txt"}, EVOLVE),
        ({"pools": {"r0": {}}}, {"models.responder": "simulated:small", "respond.max_tokens": 9},
         {"sample-autoif", "quality-autoif"}),
        ({}, {"rate.score_prompt": "alone"}, RATE),
        ({"rate.measures": ["level"]}, {"rate.score_prompt": "alone"}, set()),
        ({}, {"compare.prompt": "criteria"}, {"compare"}),
        ({"compare.pairs": []}, {"compare.prompt": "criteria"}, set()),
        ({}, {"models.tagger": None, "tag.rows": 3}, set()),
        ({}, {"reward.max_length": 99}, set()),
        ({"models.scorer": None}, {"score.max_length": 99, "experience.rows": 3}, set()),
        ({"models.embedder": None}, {"diversity.distance": "cosine"}, set()),
        ({}, {"models.embedder": "a/b"}, {"diversity", "validate"}),
        ({"decontaminate.embedding": 0.9}, {"models.embedder": "a/b"},
         {"diversity", "decontaminate-held_out", "validate"}),
        ({}, {"decontaminate.columns": {"other": ["a"]}}, set()),
        ({}, {"experience.rows": 3}, set()),
        (OTHER_WEIGHTS, {"scratch.steps": 3}, set()),
        (OTHER_WEIGHTS | {"experience.base": "models/scratch"}, {"scratch.steps": 3}, set()),
        ({}, {"bases": {**TOY, "more": {"model": "models/scratch"}}}, {"summarize"}),
        ({"models.scorer": "a/b"}, {"bases": {**TOY, "more": {"model": "models/scratch"}}}, {"summarize"}),
        ({}, {"bases.toy.finetune": {"epochs": 1}}, {"finetune-toy", "summarize"}),
        ({}, {"bases": {"toy": {"model": "a/b"}}}, {"finetune-toy", "evaluate-base", "summarize"}),
        ({"bases.toy.finetune": {"epochs": 1}}, {"finetune.epochs": 2}, set()),
        ({"bases.toy.finetune": {"lora": {"rank": 4}}}, {"finetune.lora.rank": 2}, set()),
        ({"bases.toy.finetune": {"lora": {"rank": 4}}}, {"finetune.lora.alpha": 2.0}, {"finetune-toy"}),
        ({}, {"finetune.lora.alpha": 2.0, "finetune.dpo.beta": 0.2, "finetune.merge": False}, set()),
        ({"finetune.method": "dpo"}, {"finetune.dpo.beta": 0.2}, {"finetune-toy"}),
        ({}, {"finetune.data": "r0"}, {"gather", "finetune-toy"}),
        ({}, {"finetune.epochs": 5}, {"finetune-toy"}),
        ({}, {"autoif.compose.file": "data/raw/constraints.txt"}, set()),
        (UNJUDGED | {"autoif.sample.count": 0}, {"autoif.sample.temperature": 0.1, "sandbox.seconds": 1.0},
         {"crosscheck-autoif"}),
        ({"autoif.augment.rounds": 0}, {"autoif.augment.temperature": 0.1}, set()),
        ({"autoif.backtranslate.functions": 0}, {"autoif.backtranslate.max_tokens": 9}, set()),
    ],
)  # fmt: skip
def test_a_change_reaches_those_that_read_it_under_these_settings(switches, change, stale):
    assert changed(switches, switches | change) == stale


def test_the_seeds_own_answers_need_no_responder_unless_one_is_missing():
    other = {"models.responder": "simulated:small"}
    assert "respond-r0" not in changed({}, other, unanswered=0)
    assert "respond-r0" in changed({}, other, unanswered=1)
    replaced = {"respond.seed_answers": "replace"}
    assert "respond-r0" in changed(replaced, replaced | other, unanswered=0)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with prompts and the lock file, to change them."""
    workspace.lay_out(tmp_path)
    workspace.add_branch(tmp_path)
    monkeypatch.chdir(tmp_path)
    prompts._environment.cache_clear()
    return tmp_path


def stale_by(change) -> set[str]:
    """Stages whose settings differ after a change of files."""
    before = settings.resolve_settings(Path("params.yaml"), 0)
    change()
    after = settings.resolve_settings(Path("params.yaml"), 0)
    return {stem for stem in before if before[stem] != after[stem]} - REPORT


def append(path: str, text: str) -> None:
    Path(path).write_text(Path(path).read_text() + text)


@pytest.mark.parametrize(
    "how", ["{% include 'shared/tone.jinja' %}", "{% import 'shared/tone.jinja' as t %}"]
)
def test_a_prompt_that_is_included_by_one_that_is_included_counts(here, how):
    Path("prompts/shared").mkdir()
    Path("prompts/shared/tone.jinja").write_text("{% include 'shared/words.jinja' %}")
    Path("prompts/shared/words.jinja").write_text("Be brief.\n")
    append("prompts/judge/quality.jinja", how)
    assert stale_by(lambda: append("prompts/shared/words.jinja", "Be kind.")) == {"quality-autoif"}
    append("prompts/judge/tags.jinja", how)
    assert stale_by(lambda: append("prompts/shared/words.jinja", "Be fair.")) == {"quality-autoif"}


def test_an_include_that_only_a_value_names_is_refused(here):
    append("prompts/judge/quality.jinja", "{% include instruction %}")
    with pytest.raises(BadInput, match=r"prompts/judge/quality\.jinja: includes a prompt by an expression"):
        settings.resolve_settings(Path("params.yaml"), 0)


@pytest.mark.parametrize("prompt", ["evolve/breadth.jinja", "evolve/weak.jinja", "judge/equal.jinja"])
def test_a_prompt_that_is_not_used_makes_nothing_stale(here, prompt):
    assert stale_by(lambda: append(f"prompts/{prompt}", "x")) == set()


def test_another_folder_of_prompts_reaches_those_that_render_one(here):
    shutil.copytree("prompts", "mine")
    found = settings.resolve_settings(Path("params.yaml"), 0)
    asking = {stem for stem, own in found.items() if own.get("prompts")} - REPORT
    assert {"optimize", "rate-r0", "compare", "augment-autoif"} <= asking
    assert stale_by(lambda: workspace.change_params(here, {"prompts": "mine"})) == asking
    assert stale_by(lambda: append("prompts/judge/difficulty_level.jinja", "x")) == set()
    assert stale_by(lambda: append("mine/judge/difficulty_level.jinja", "x")) == RATE


@pytest.mark.parametrize(
    ("library", "stale"),
    [
        ("torch", {"scratch", "score", "diversity", "finetune-toy", *EVALUATE, "compare"}),
        ("trl", {"finetune-toy"}),
        ("rensa", {"select"}),
        ("py3langid", {"optimize", *EVOLVE, "validate", "export"}),
        ("polars", set()),
        ("matplotlib", set()),
    ],
)
def test_a_library_counts_where_it_changes_results(here, library, stale):
    lock = Path("requirements.lock")
    text = lock.read_text()
    assert f"\n{library}==" in text
    found = stale_by(lambda: lock.write_text(text.replace(f"\n{library}==", f"\n{library}==9.")))
    assert found == stale


def test_an_upgraded_package_with_a_model_counts(here, monkeypatch):
    upgraded = lambda weights: f"{weights.name}#two"  # noqa: E731
    found = stale_by(lambda: monkeypatch.setattr(settings, "weights_identity", upgraded))
    assert found == {"diversity"}


def test_what_is_not_read_is_not_there_to_be_read():
    for stage in ("optimize", "evolve", "rate", "keywords", "quality", "respond", "score", "tag", "sample",
                  "scratch", "experience", "finetune", "evaluate"):  # fmt: skip
        schema = params_schema(variants.importlib.import_module(f"stages.{stage}").main)
        for name, changes in variants.VARIANTS.items():
            if name == "data alone" and stage in ("finetune", "evaluate"):
                continue  # there is no such stage then
            params = schema.model_validate(variants.changed(variants.DEFAULT, changes))
            reads = params.reads(Given({"finetune": "toy", "evaluate": "base"}.get(stage, "r0"), 0))
            pruned = params_read(params, reads)
            for key in declared_keys(schema):
                at = pruned
                for part in key.split("."):
                    at = getattr(at, part, None)
                assert (reads.extent(key) == "none") <= (at is None), (stage, name, key)
