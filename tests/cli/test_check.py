"""What params.yaml says of itself and of files: each contradiction is named before anything runs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import variants
from pydantic import ValidationError
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import Params, load_all_params
from evobuild.cli.check.consistency import check_params
from evobuild.core import prompts
from evobuild.core.errors import BadInput, BadParams, UserError
from evobuild.core.params import Branch, Pool, Round, read_yaml
from evobuild.core.uri import ChatModel, Weights
from evobuild.models import roles
from evobuild.seeds.params import Fetch
from evobuild.selection.params import Select
from evobuild.training.params import Base


@pytest.fixture
def shipped():
    return load_all_params(SHIPPED_PARAMS)


def changed(shipped, section, **values):
    return shipped.model_copy(update={section: getattr(shipped, section).model_copy(update=values)})


def with_branch(shipped):
    return shipped.model_copy(
        update={"branches": {"autoif": Branch()}, "pools": shipped.pools | {"autoif": Pool()}}
    )


def refused(given):
    with pytest.raises(BadParams) as caught:
        check_params(given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_shipped_params_contradict_nothing_and_are_a_dry_run(shipped):
    check_params(shipped)
    assert roles.is_dry_run(shipped.models)


def test_one_simulated_role_makes_a_dry_run(shipped):
    real = dict.fromkeys(roles.CHAT_ROLES, ChatModel("transformers", "models/scratch"))
    assert not roles.is_dry_run(changed(shipped, "models", **real).models)
    assert roles.is_dry_run(
        changed(shipped, "models", **real | {"judge": ChatModel("simulated", "large")}).models
    )


def test_a_simulated_tagger_makes_a_dry_run_and_what_is_null_plays_no_role(shipped):
    models = changed(shipped, "models", tagger=ChatModel("simulated", "large"), embedder=None).models
    assert set(roles.chat_models(models)) == {*roles.CHAT_ROLES, "tagger"}
    assert "embedder" not in roles.weights_models(models)
    real = dict.fromkeys(roles.CHAT_ROLES, ChatModel("transformers", "models/scratch"))
    dry = changed(shipped, "models", **real | {"tagger": ChatModel("simulated", "large")})
    assert roles.is_dry_run(dry.models)


@pytest.mark.parametrize(
    ("rounds", "message"),
    [
        ({"r1": "r0", "r2": "r7"}, "rounds.r2.parent: unknown round 'r7'; "),
        ({"r1": "r1"}, "rounds go in a circle: r1 <- r1"),
        ({"r1": "r2", "r2": "r1"}, "rounds go in a circle: r1 <- r2 <- r1"),
        ({"r1": "r0", "r2": "r3", "r3": "r2"}, "rounds go in a circle: r2 <- r3 <- r2"),
        ({"r0": "r0"}, "rounds.r0: expected a name such as r1"),
        ({"first": "r0"}, "rounds.first: expected a name such as r1"),
        ({"round1": "r0"}, "rounds.round1: expected a name such as r1"),
        ({"r": "r0"}, "rounds.r: expected a name such as r1"),
    ],
)
def test_rounds_descend_from_the_seed(shipped, rounds, message):
    given = {name: Round(parent=parent) for name, parent in rounds.items()}
    found = refused(shipped.model_copy(update={"rounds": given}))
    assert message in found
    assert "circle" not in message or found.endswith(message)


@pytest.mark.parametrize("rounds", [{}, {"r1": "r0", "r2b": "r1", "r2": "r1"}, {"r2": "r1", "r1": "r0"}])
def test_rounds_may_branch_stand_in_any_order_or_be_none(shipped, rounds):
    given = shipped.model_copy(
        update={
            "rounds": {name: Round(parent=parent) for name, parent in rounds.items()},
            "pools": {"r0": Pool()},
        }
    )
    check_params(changed(given, "select", pools="all"))


@pytest.mark.parametrize(
    ("pools", "message"),
    [
        ({}, "pools is empty; expected some of r0, r1, r2, r3"),
        ({"r0": Pool(), "r9": Pool()}, "pools: unknown round or branch 'r9'; "),
    ],
)
def test_pools_are_rounds(shipped, pools, message):
    assert message in refused(shipped.model_copy(update={"pools": pools}))


@pytest.mark.parametrize(
    ("pools", "message"),
    [
        ([], "select.pools is empty; expected 'all' or some of r0"),
        (["r1", "r9"], "select.pools: unknown pool 'r9'; "),
    ],
)
def test_selection_takes_from_pools(shipped, pools, message):
    assert message in refused(changed(shipped, "select", pools=pools))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"share": None}, "select.share is null and select.count is null; expected one of them"),
        ({"count": 5}, "select.share is 0.25 and select.count is 5; expected one of them"),
        (
            {"weights": {"r1": 1.0}},
            "select.weights names r1; expected a weight for each of r1, r2, r3, or {}",
        ),
        (
            {"weights": {"r0": 1.0, "r1": 1.0}, "pools": ["r0", "r1"], "keep_seeds": True},
            "select.weights names r0, r1; expected a weight for each of r1, or {}",
        ),
    ],
)
def test_the_cut_and_its_mixture_agree(shipped, values, message):
    assert message in refused(changed(shipped, "select", **values))


@pytest.mark.parametrize("key", ["by", "filters.ranges"])
def test_an_unknown_metric_is_named_with_near_ones(shipped, key):
    values = {"by": {"icifd": 1.0}} if key == "by" else {"filters": {"ranges": {"icifd": [0, None]}}}
    given = shipped.model_copy(update={"select": Select.model_validate(shipped.select.model_dump() | values)})
    assert f"select.{key}: unknown metric 'icifd'; did you mean 'ic_ifd'" in refused(given)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"samples": 4},
            "respond.samples is 4 and respond.temperature 0, so all samples",
        ),
        ({"choose": "agreement"}, "respond.choose is 'agreement'; expected respond.samples of 2 or more"),
    ],
)
def test_samples_differ_and_are_enough(shipped, values, message):
    assert message in refused(changed(shipped, "respond", **values))


REWARD = Weights("some/reward")


@pytest.mark.parametrize(
    ("select", "section", "values", "message"),
    [
        ({"by": {"reward": 1.0}}, "models", {"reward": None}, "select.by asks for reward, but models.reward"),
        (
            {"by": {"ifd": 1.0, "tags": 1.0}},
            "models",
            {},
            "asks for tags, but models.tagger disables",
        ),
        (
            {"by": {"diversity": 1.0}},
            "models",
            {"embedder": None},
            "for diversity, but models.embedder",
        ),
        (
            {"by": {"ifd": 1.0}},
            "models",
            {"scorer": None},
            "select.by asks for ifd, but models.scorer",
        ),
        ({"by": {"difficulty": 1.0}}, "rate", {"measures": ["level"]}, "for difficulty, but rate.measures"),
        (
            {"diversity_filter": 0.1},
            "models",
            {"embedder": None},
            "select.diversity_filter compares embeddings, but",
        ),
        (
            {"by": {"tags": 1.0}},
            "models",
            {"tagger": ChatModel("simulated", "small")},
            "select asks for tags, but tag.rows is 100; expected null: all rows",
        ),
    ],
)
def test_what_rows_are_chosen_by_is_measured(shipped, select, section, values, message):
    assert message in refused(changed(changed(shipped, "select", **select), section, **values))


def test_filters_and_duplicates_need_their_measure_too(shipped):
    reward = shipped.select.filters.model_copy(update={"ranges": {"reward": [0.0, None]}})
    assert "select.filters.ranges asks for reward" in refused(changed(shipped, "select", filters=reward))
    rewarded = changed(changed(shipped, "select", filters=reward), "models", reward=REWARD)
    check_params(rewarded)
    alike = shipped.select.deduplicate.model_copy(update={"embedding": 0.95})
    without = changed(changed(shipped, "select", deduplicate=alike), "models", embedder=None)
    assert "select.deduplicate.embedding compares embeddings" in refused(without)


def test_a_random_choice_needs_no_measure(shipped):
    off = changed(changed(shipped, "models", scorer=None), "rate", measures=[])
    check_params(changed(off, "select", by={"random": 1.0}))


def test_seeds_to_keep_must_be_answered(shipped):
    pools = {"r1": Pool()}
    given = changed(shipped, "select", keep_seeds=True, pools="all").model_copy(update={"pools": pools})
    assert "select.keep_seeds needs the pool r0" in refused(given)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ranges": {"random": [0, 1]}}, "select.filters.ranges names 'random'; expected a metric"),
        ({"ranges": {"ifd": [1, 0.5]}}, "select.filters.ranges.ifd: 1 to 0.5 holds nothing"),
        ({"min_words": 9, "max_words": 5}, "select.filters.min_words and max_words: 9 to 5 holds nothing"),
        ({"languages": ["en", "english"]}, "select.filters.languages: unknown language code 'english'; "),
    ],
)
def test_filters_let_something_through(shipped, values, message):
    filters = shipped.select.filters.model_copy(update=values)
    assert message in refused(changed(shipped, "select", filters=filters))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("data/raw/none.jsonl", "seed.source 'data/raw/none.jsonl' does not exist"),
        ("../x.jsonl", "seed.source is '../x.jsonl'; expected a path in the repository"),
        ("data/../../x.jsonl", "expected a path in the repository"),
        ("prompts", "seed.source 'prompts' is not a file"),
        ("", "is not a file"),
    ],
)
def test_the_source_is_a_file_that_exists(shipped, source, message):
    assert message in refused(changed(shipped, "seed", source=source))


@pytest.mark.parametrize("name", ["a'$(touch x)'.jsonl", 'a".jsonl', "a\n.jsonl", "a\\.jsonl"])
def test_a_path_that_could_leave_its_quotes_in_a_command_is_refused(shipped, tmp_path, name):
    (tmp_path / name).touch()
    path = str(tmp_path / name)
    compose = shipped.autoif.compose.model_copy(update={"file": path})
    for section, values in (
        ("seed", {"source": path}),
        ("evolve", {"file": path}),
        ("autoif", {"seeds": path}),
        ("autoif", {"compose": compose}),
        ("decontaminate", {"sets": {"held_out": "data/held_out.parquet", "own": path}}),
    ):
        assert "expected a path without quotes" in refused(changed(shipped, section, **values))


@pytest.mark.parametrize("source", ["./data/raw/sample.jsonl", "data/raw/gsm8k.parquet"])
def test_the_source_may_be_fetched_later(shipped, source):
    fetch = Fetch(hub="openai/gsm8k", config="main", revision="0" * 40, split="train")
    check_params(changed(shipped, "seed", source=source).model_copy(update={"fetch": {"gsm8k": fetch}}))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sets": {}}, "decontaminate.sets is empty; expected at least held_out: data/held_out.parquet"),
        (
            {"sets": {"gsm8k": "data/raw/gsm8k.parquet"}},
            "decontaminate.sets.gsm8k 'data/raw/gsm8k.parquet' does not exist; expected a .json, .jsonl, "
            ".csv, .tsv or .parquet file, or fetch.gsm8k, which gives data/raw/gsm8k.parquet",
        ),
        ({"sets": {"a": "../a.json"}}, "decontaminate.sets.a is '../a.json'; expected a path in the repo"),
        ({"columns": {"gsm8k": ["x"]}}, "decontaminate.columns: unknown set 'gsm8k'; choose from: held_out"),
        ({"embedding": 0.9}, "decontaminate.embedding is 0.9, but models.embedder is null"),
        ({"ngrams": [8, 8]}, "decontaminate.ngrams is 8, 8; expected lengths, each once"),
        ({"ngrams": []}, "decontaminate.ngrams is empty"),
    ],
)
def test_evaluation_sets_are_files_and_their_columns_are_of_them(shipped, values, message):
    given = changed(shipped, "models", embedder=None)
    assert message in refused(changed(given, "decontaminate", **values))


def test_an_evaluation_set_may_be_fetched_later_or_be_made_here(shipped, tmp_path):
    fetch = Fetch(hub="openai/gsm8k", config="main", revision="0" * 40, split="test")
    (tmp_path / "own.jsonl").write_text("{}")
    sets = {"gsm8k": "./data/raw/gsm8k.parquet", "held_out": "data/held_out.parquet"}
    given = changed(shipped, "decontaminate", sets=sets | {"own": str(tmp_path / "own.jsonl")})
    check_params(given.model_copy(update={"fetch": {"gsm8k": fetch}}))


@pytest.mark.parametrize("name", ["GSM8K", "mt-bench", "8k", "a/b", ""])
def test_the_name_of_a_set_is_one_of_a_file(name):
    given = read_yaml(SHIPPED_PARAMS)
    given["decontaminate"]["sets"] = {name: "data/held_out.parquet"}
    with pytest.raises(ValueError, match="expected a name of small letters"):
        Params.model_validate(given)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            "prompts/none.txt",
            "evolve.file 'prompts/none.txt' does not exist; expected a text file with a method",
        ),
        ("../own.txt", "evolve.file is '../own.txt'; expected a path in the repository"),
        ("prompts", "evolve.file 'prompts' is not a file"),
        ("/none/own.txt", "evolve.file '/none/own.txt' does not exist"),
    ],
)
@pytest.mark.parametrize("method", ["file", "e0"])
def test_the_method_file_exists_even_where_it_is_not_used(shipped, method, file, message):
    assert message in refused(changed(shipped, "evolve", method=method, file=file))


def test_the_method_file_may_lie_outside_the_repository(shipped, tmp_path):
    (tmp_path / "own.txt").write_text("Make it harder.")
    check_params(changed(shipped, "evolve", method="file", file=str(tmp_path / "own.txt")))


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        ({}, "evolve.operations has nothing; expected 'default', too"),
        (
            {"chat": ["breadth"], "math": ["reasoning"]},
            "evolve.operations has chat, math; expected 'default'",
        ),
    ],
)
def test_every_domain_has_operations(shipped, operations, message):
    assert message in refused(changed(shipped, "evolve", operations=operations))
    check_params(changed(shipped, "evolve", operations=operations | {"default": ["breadth"]}))


def test_an_operation_that_no_template_declares_is_refused(shipped):
    given = changed(shipped, "evolve", operations={"default": ["constrains"]})
    assert refused(given).startswith(
        "params.yaml: evolve.operations: unknown operation 'constrains'; did you mean 'constraints', "
    )


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [("optimize", "initial", "none.txt"), ("evolve", "methods", {"code": "none.txt"})],
)
def test_a_method_that_params_name_is_there(shipped, tmp_path, section, key, value):
    place = "evolve.methods.code" if key == "methods" else "optimize.initial"
    assert f"{place} 'none.txt' does not exist; expected a file with a method, or" in refused(
        changed(shipped, section, **{key: value})
    )
    (tmp_path / "own.txt").write_text("Make it harder.")
    own = str(tmp_path / "own.txt")
    check_params(changed(shipped, section, **{key: {"code": own} if key == "methods" else own}))


def test_a_retry_needs_a_new_sample(shipped):
    greedy = changed(shipped, "evolve", on_failure="retry", temperature=0.0)
    assert "evolve.on_failure is 'retry' at evolve.temperature 0" in refused(greedy)
    for values in ({"on_failure": "retry", "temperature": 0.1}, {"on_failure": "drop", "temperature": 0.0}):
        check_params(changed(shipped, "evolve", **values))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pool": 50}, "optimize.development 50 and optimize.holdout 0 leave nothing of optimize.pool 50"),
        ({"holdout": 1950}, "optimize.holdout 1950 leave nothing of optimize.pool 2000"),
        ({"temperature": 0.0}, "optimize.candidates is 5 at optimize.temperature 0"),
    ],
)
def test_the_loop_has_rows_to_learn_from_and_candidates_that_differ(shipped, values, message):
    assert message in refused(changed(shipped, "optimize", **values))


@pytest.mark.parametrize(
    "values",
    [{"pool": 51}, {"holdout": 1949}, {"temperature": 0.0, "candidates": 1}, {"halving": 9, "steps": 0}],
)
def test_what_only_looks_odd_in_the_loop_is_allowed(shipped, values):
    check_params(changed(shipped, "optimize", **values))


@pytest.mark.parametrize(
    ("role", "model", "message"),
    [
        ("scorer", Weights("./none"), "models.scorer names the folder './none'"),
        ("scorer", Weights("/none/at/all"), "models.scorer names the folder '/none/at/all'"),
        ("judge", ChatModel("transformers", "a/b/c"), "models.judge names the folder 'a/b/c'"),
        (
            "scorer",
            Weights("models/scratch", "abc"),
            "models.scorer is 'models/scratch@abc'; a folder has no revision",
        ),
        (
            "evolver",
            ChatModel("transformers", "prompts", "abc"),
            "models.evolver is 'transformers:prompts@abc'; a folder has",
        ),
        ("reward", Weights("./none"), "models.reward names the folder './none'"),
        ("tagger", ChatModel("transformers", "a/b/c"), "models.tagger names the folder 'a/b/c'"),
        ("embedder", Weights("package:polars", "abc"), "a package has no revision"),
    ],
)
def test_a_model_that_is_a_path_is_a_folder_without_revision(shipped, role, model, message):
    assert message in refused(changed(shipped, "models", **{role: model}))


def with_base(shipped, model="models/scratch", **finetune):
    """Params with a base more."""
    other = Base.model_validate({"model": model, "finetune": finetune})
    return shipped.model_copy(update={"bases": shipped.bases | {"other": other}})


def test_the_experienced_base_can_score_but_not_be_tuned(shipped):
    experienced = "models/experienced"
    check_params(changed(shipped, "models", scorer=Weights(experienced)))
    assert "bases.other.model is 'models/experienced', which the stage" in refused(
        with_base(shipped, experienced)
    )
    assert "experience.base is 'models/experienced', which the stage experience makes" in refused(
        changed(shipped, "experience", base=Weights(experienced))
    )


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("models/none", "bases.other.model names the folder 'models/none', which does not exist"),
        ("models/scratch@abc", "bases.other.model is 'models/scratch@abc'; a folder has no revision"),
    ],
)
def test_a_base_is_where_it_is_said_to_be(shipped, model, message):
    assert message in refused(with_base(shipped, model))


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (
            {"learning_rat": 1},
            "bases.other.finetune: unknown key 'learning_rat'; did you mean",
        ),
        ({"epochs": "3"}, "bases.other.finetune: epochs is '3'; expected a number, without quotes"),
        (
            {"template": "none.jinja"},
            "bases.other.finetune.template 'none.jinja' does not exist; expected a",
        ),
    ],
)
def test_what_a_base_has_of_its_own_fits_the_section(shipped, own, message):
    check_params(with_base(shipped, learning_rate=0.1, lora={"rank": 8}))
    assert message in refused(with_base(shipped, **own))


@pytest.mark.parametrize("key", ["data", "method"])
def test_all_bases_are_tuned_on_the_same(shipped, key):
    with pytest.raises(ValidationError, match=f"expected no {key} of its own"):
        with_base(shipped, **{key: "sft"})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"data": "r9"}, "finetune.data: unknown dataset or pool 'r9'; "),
        ({"method": "dpo"}, "finetune.data, of finetune.method dpo: unknown branch 'dataset'; "),
        ({"method": "dpo", "data": "r1"}, "unknown branch"),
        ({"template": "none.jinja"}, "finetune.template 'none.jinja' does not exist; expected a Jinja file"),
        ({"template": "/etc/../dev/null.j2"}, "does not exist"),
    ],
)
def test_what_is_trained_on_is_made(shipped, values, message):
    assert message in refused(changed(shipped, "finetune", **values))


@pytest.mark.parametrize("data", ["dataset", "r0", "autoif"])
def test_the_data_set_and_any_pool_can_be_trained_on(shipped, data):
    check_params(changed(with_branch(shipped), "finetune", data=data))


def test_preference_pairs_need_answers_that_are_compared(shipped):
    by_pairs = changed(with_branch(shipped), "finetune", method="dpo", data="autoif")
    check_params(by_pairs)
    assert "autoif.sample.count is 0, so no pair is made" in refused(
        changed(by_pairs, "autoif", sample=by_pairs.autoif.sample.model_copy(update={"count": 0}))
    )
    none = {
        "branches": {},
        "pools": {"r0": Pool()},
        "select": by_pairs.select.model_copy(update={"pools": "all"}),
    }
    assert "unknown branch 'autoif'; expected branches.autoif" in refused(by_pairs.model_copy(update=none))


def test_an_adapter_is_a_lora_folder(shipped, tmp_path):
    adapted = changed(shipped, "models", scorer=Weights("models/scratch", adapter=str(tmp_path)))
    assert "holds no adapter_config.json" in refused(adapted)
    (tmp_path / "adapter_config.json").write_text("{}")
    check_params(adapted)


@pytest.mark.parametrize(
    ("step", "values", "message"),
    [
        ("compose", {"min_characters": 9, "max_characters": 8}, "min_characters 9 is above"),
        ("verifiers", {"temperature": 0.0}, "autoif.verifiers.count is 4 at autoif.verifiers.temperature 0"),
        ("sample", {"temperature": 0.0}, "autoif.sample.count is 4 at autoif.sample.temperature 0"),
        (
            "augment",
            {"temperature": 0.0, "examples": "seeds"},
            "autoif.augment.rounds is 2 at autoif.augment.temperature 0, which makes them all the same",
        ),
        ("compose", {"file": "data/none.jsonl"}, "autoif.compose.file 'data/none.jsonl' does not exist"),
        (
            "compose",
            {"file": "../chats.jsonl"},
            "autoif.compose.file is '../chats.jsonl'; expected a path",
        ),
        ("crosscheck", {"case": "above:1"}, "autoif.crosscheck.case is above:1, which not even 1 meets"),
        ("crosscheck", {"function": "from:80"}, "autoif.crosscheck.function is from:80"),
        ("verify", {"accuracy": "from:1.5"}, "autoif.verify.accuracy is from:1.5"),
        ("quality", {"score": "above:10"}, "autoif.quality.score is above:10, which not even 10 meets"),
    ],
)
def test_what_would_leave_the_branch_nothing_is_refused(shipped, step, values, message):
    autoif = changed(shipped.autoif, step, **values)
    assert message in refused(shipped.model_copy(update={"autoif": autoif}))


@pytest.mark.parametrize(
    ("step", "values"),
    [
        ("compose", {"min_characters": 8, "max_characters": 8}),
        ("verifiers", {"temperature": 0.0, "count": 1}),
        ("augment", {"temperature": 0.0}),
        ("augment", {"temperature": 0.0, "examples": "seeds", "rounds": 1}),
        ("crosscheck", {"case": "from:1", "function": "from:1.0"}),
        ("quality", {"score": "from:10"}),
        ("quality", {"score": None}),
    ],
)
def test_the_strictest_that_leaves_the_branch_something_is_taken(shipped, step, values):
    check_params(shipped.model_copy(update={"autoif": changed(shipped.autoif, step, **values)}))


def test_entailment_without_texts_to_compare_is_refused(shipped):
    given = changed(shipped, "models", entailment=Weights("some/nli"))
    check_params(given)
    autoif = changed(given.autoif, "backtranslate", functions=0)
    assert "nothing to compare" in refused(given.model_copy(update={"autoif": autoif}))


@pytest.fixture
def own_prompt(shipped, tmp_path, monkeypatch):
    """Params that ask the responder by a template of one's own, and a way to write it."""
    folder = tmp_path / "prompts/respond"
    shutil.copytree("prompts/respond", folder)
    for name in ("data", "models"):
        (tmp_path / name).symlink_to(Path(name).resolve())
    (tmp_path / "prompts/evolve").symlink_to(Path("prompts/evolve").resolve())
    monkeypatch.chdir(tmp_path)
    given = changed(shipped, "respond", prompt="prompts/respond/own.jinja")
    with prompts.use_folder(folder.parent, Path("prompts")):
        yield given, (folder / "own.jinja").write_text


def test_a_template_for_the_responder_may_be_ones_own(own_prompt):
    given, write = own_prompt
    assert (
        "respond.prompt: unknown prompt 'prompts/respond/own.jinja'; choose from: plain, paper, or"
        in refused(given)
    )
    write("Please: {{ instruction }} {{ input }}")
    check_params(given)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("Please!", "leaves out the instruction and the input of a row whose strategy is evol"),
        (
            "{{ instruction }}{% if strategy != 'autoif' %}{{ input }}{% endif %}",
            "leaves out the input of a row whose strategy is autoif; expected {{ instruction }} and",
        ),
        ("{{ instruction }} {{ inputs }}", "own.jinja: 'inputs' is undefined; given are: input, instruction"),
        ("{% if %}", "own.jinja:1: not a Jinja template"),
    ],
)
def test_a_template_that_leaves_the_row_out_is_refused(own_prompt, template, said):
    given, write = own_prompt
    write(template)
    with pytest.raises((BadParams, BadInput)) as caught:
        check_params(given)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"select.pools": ["autoif"]}, "select.pools: unknown pool 'autoif'; choose from: r0, r1, r2, r3"),
        (
            {"finetune.data": "autoif"},
            "unknown dataset or pool 'autoif'; choose from: dataset, r0",
        ),
        (
            {"finetune.data": "autoif", "finetune.method": "dpo"},
            "finetune.data, of finetune.method dpo: unknown branch 'autoif'; expected branches.autoif",
        ),
    ],
)
def test_nothing_is_taken_of_a_branch_that_is_off(changes, said):
    given = variants.changed(variants.DEFAULT, changes)
    with pytest.raises(BadParams, match=said):
        check_params(Params.model_validate(given))
    check_params(Params.model_validate(variants.changed(given, variants.BRANCH)))


def test_a_list_of_rows_to_leave_out_has_to_be_there(tmp_path):
    given = variants.changed(variants.DEFAULT, {"select.exclude": str(tmp_path / "marked.txt")})
    with pytest.raises(BadParams, match=r"select\.exclude '.*marked\.txt' does not exist"):
        check_params(Params.model_validate(given))
    (tmp_path / "marked.txt").touch()
    check_params(Params.model_validate(given))


@pytest.mark.parametrize(
    ("against", "message"),
    [
        ("data/old.parquet", "contracts.against 'data/old.parquet' does not exist; expected a .parquet file"),
        ("v9.9", "contracts.against: git shows no dvc.lock of 'v9.9'"),
    ],
)
def test_an_earlier_version_of_the_data_set_is_there(against, message):
    given = variants.changed(variants.DEFAULT, {"contracts.against": against})
    with pytest.raises(UserError, match=re.escape(message)):
        check_params(Params.model_validate(given))
