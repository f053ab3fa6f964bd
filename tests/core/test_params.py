"""params.yaml: every wrong value is named, and a stage has what it declares and no more."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import Params, load_all_params
from evobuild.cli.pipeline.run_provenance import in_shipped_order
from evobuild.core.declaration import params_schema
from evobuild.core.errors import BadParams
from evobuild.core.machine import Machine
from evobuild.core.params import (
    Between,
    RandomSeed,
    StageParams,
    declared_keys,
    default_values,
    load_params,
    validated,
)
from evobuild.core.stages import STAGES
from evobuild.core.uri import ChatModel, Weights
from evobuild.core.yaml_files import read_yaml
from evobuild.evolution.params import Strategy
from evobuild.models.params import ChatRole, Role
from evobuild.scoring.params import Rate

SHIPPED = SHIPPED_PARAMS.read_text(encoding="utf-8")


def written(tmp_path, old, new):
    assert SHIPPED.count(old) == 1
    path = tmp_path / "params.yaml"
    path.write_text(SHIPPED.replace(old, new), encoding="utf-8")
    return path


@pytest.fixture
def small(tmp_path):
    def make(text):
        path = tmp_path / "params.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return make


def test_the_shipped_file_is_right():
    loaded = load_all_params(SHIPPED_PARAMS)
    assert loaded.models.evolver == ChatModel("simulated", "small")
    assert loaded.rounds["r2"].parent == "r1"


def test_the_shipped_file_shows_the_defaults():
    assert read_yaml(SHIPPED_PARAMS) == default_values(Params)


def sections(content: dict[str, Any], schema: type[BaseModel]) -> Iterator[dict[str, Any]]:
    """The mappings of a file whose keys are those of a schema."""
    yield content
    for name, field in schema.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from sections(content[name], field.annotation)


def test_a_file_that_lacks_any_key_is_refused_with_its_name():
    content, refused = read_yaml(SHIPPED_PARAMS), 0
    for section in sections(content, Params):
        for key, value in dict(section).items():
            del section[key]
            with pytest.raises(
                BadParams, match=rf"^params.yaml: the key '([a-z_]+\.)*{key}' is missing; add it"
            ):
                validated(Path("params.yaml"), content, Params)
            section[key], refused = value, refused + 1
    assert refused > 200


def test_a_missing_key_is_told_beside_what_is_wrong():
    content = read_yaml(SHIPPED_PARAMS)
    content["rate"] |= {"top_p": "all"}
    del content["rate"]["measures"], content["tag"]
    with pytest.raises(BadParams) as caught:
        validated(Path("params.yaml"), content, Params)
    assert str(caught.value).splitlines() == [
        "params.yaml: rate.top_p is 'all'; expected a number",
        "params.yaml: the key 'tag' is missing; add it as a new project has it: evobuild init (and 1 more)",
    ]


@pytest.mark.parametrize(
    ("given", "scorer"),
    [
        ("null", None),
        ("a/b@12fd25f", Weights("a/b", "12fd25f")),
        ("{uri: a/b@12fd25f, adapter: models/lora}", Weights("a/b", "12fd25f", "models/lora")),
        ("{uri: a/b}", Weights("a/b")),
    ],
)
def test_a_scorer_may_have_an_adapter_or_be_none(tmp_path, given, scorer):
    file = written(tmp_path, "  scorer: models/scratch  ", f"  scorer: {given}  ")
    assert load_all_params(file).models.scorer == scorer


class OneRole(StageParams):
    judge: ChatRole


class OneKey(StageParams):
    strategy: Strategy


class Declared(StageParams):
    random_seed: RandomSeed
    rate: Rate
    models: OneRole
    evolve: OneKey


def test_what_was_not_declared_cannot_be_read():
    part = load_params(SHIPPED_PARAMS, Declared)
    assert part.random_seed == 42
    assert part.rate.max_tokens == 512
    assert str(part.models.judge) == "simulated:large"
    assert part.evolve.strategy == "auto"
    for owner, name in ((part, "score"), (part.models, "evolver"), (part.evolve, "method")):
        with pytest.raises(AttributeError):
            getattr(owner, name)


def test_what_is_declared_is_told_by_section_or_by_key():
    assert list(declared_keys(Declared)) == ["random_seed", "rate", "models.judge", "evolve.strategy"]


def test_a_part_holds_its_own_keys_against_their_schema(tmp_path):
    with pytest.raises(BadParams, match=r"models\.judge: unknown engine 'opnai'; did you mean 'openai'"):
        load_params(written(tmp_path, "  judge: simulated:large", "  judge: opnai:gpt"), Declared)
    with pytest.raises(BadParams, match=r"unknown key 'rate\.measure'; did you mean 'measures'\?"):
        load_params(written(tmp_path, "measures: [level", "measure: [level"), Declared)


def numbers(schema: type[BaseModel], place: str = "") -> Iterator[tuple[str, bool]]:
    """Every number that a schema takes, at whatever depth, and whether it has both bounds."""
    for name, field in schema.model_fields.items():
        yield from _numbers(field.annotation, tuple(field.metadata), f"{place}.{name}".lstrip("."))


def _numbers(kind: object, metadata: tuple[object, ...], place: str) -> Iterator[tuple[str, bool]]:
    if get_origin(kind) is Annotated:
        inner, *own = get_args(kind)
        yield from _numbers(inner, (*own, *metadata), place)
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from numbers(kind, place)
    elif kind in (int, float):
        yield place, any(isinstance(each, Between) for each in metadata)
    else:
        for each in get_args(kind):
            yield from _numbers(each, metadata if get_origin(kind) is not list else (), place)


@pytest.mark.parametrize("schema", [Params, Machine, Role])
def test_every_number_has_both_bounds(schema):
    found = dict(numbers(schema))
    assert found.pop("experience.middle", None) in (None, False), "its two shares are checked as a pair"
    assert found and [place for place, bounded in found.items() if not bounded] == []


def test_a_number_without_bounds_is_noticed():
    class Bare(BaseModel):
        rows: int | None
        shares: list[float]
        good: Annotated[int, Between(1, 2)] | None

    assert dict(numbers(Bare)) == {"rows": False, "shares": False, "good": True}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  learning_rate: 0.003", "  learning_rate: 1.0e+300"),
        ("    rank: 0                       # rank", "    rank: 100000                  # rank"),
        ("  ngrams: [13, 8]", "  ngrams: [1000000000]"),
        ("  exact_rows: 100000", "  exact_rows: 1000000000000000000"),
        (
            "    count: 4                      # replies per",
            "    count: 1000000000             # replies per",
        ),
        ("  steps: 60", "  steps: 1000000000"),
        ("  batch: 16                       # sequences", "  batch: 1000"),
        ("  temperature: 0.6 ", "  temperature: 1.0e-300 "),
        ("    case: above:0.5 ", "    case: above:99999999999999999999999 "),
    ],
)
def test_an_absurd_number_is_refused_with_what_is_wanted(tmp_path, old, new):
    with pytest.raises(BadParams, match="; expected ") as caught:
        load_all_params(written(tmp_path, old, new))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["x" * 100_000, ["r1"] * 10_000, {"a": {"b": ["c"] * 1000}}])
def test_a_large_value_is_shown_in_part(value):
    content = read_yaml(SHIPPED_PARAMS)
    content["rate"] = value
    with pytest.raises(BadParams) as caught:
        validated(SHIPPED_PARAMS, content, Params)
    assert len(str(caught.value)) < 1000


def is_part(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, StageParams)


def differing(part: type[BaseModel], whole: type[BaseModel], place: str = "") -> Iterator[str]:
    """The keys of a part that are not of the type that the whole of params.yaml gives them."""
    for name, field in part.model_fields.items():
        there = whole.model_fields[name]
        kind, kind_there = field.annotation, there.annotation
        if get_origin(kind) in (dict, Mapping) and is_part(get_args(kind)[1]):
            assert get_args(kind)[0] == get_args(kind_there)[0]
            kind, kind_there = get_args(kind)[1], get_args(kind_there)[1]
        if is_part(kind):
            assert isinstance(kind_there, type) and issubclass(kind_there, BaseModel)
            yield from differing(kind, kind_there, f"{place}{name}.")
        elif Any in (kind, *get_args(kind)):
            continue  # whether there is a value is all that is read, or which names or how many there are
        elif (kind, field.metadata) != (there.annotation, there.metadata):
            yield f"{place}{name}"


@pytest.mark.parametrize("name", [stage.name for stage in STAGES])
def test_a_stage_reads_each_key_as_the_whole_of_params_has_it(name):
    schema = params_schema(importlib.import_module(f"stages.{name}").main)
    assert not list(differing(schema, Params))


def test_a_key_that_is_read_as_another_type_is_told_apart():
    class Wrong(StageParams):
        judge: str

    class Other(StageParams):
        rate: Rate
        models: Wrong

    assert list(differing(Other, Params)) == ["models.judge"]
    assert list(differing(Declared, Params)) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  diversity_filter: null", "greedy: null", "'select.greedy' is now select.diversity_filter"),
        ("  deduplicate:   ", "duplicates:", "'select.duplicates' is now select.deduplicate"),
        (
            "  sample:   ",
            "answers:",
            "'autoif.answers' is now autoif.sample, and autoif.verify for its accuracy",
        ),
    ],
)
def test_an_old_key_is_refused_with_the_new_one_in_one_line(tmp_path, old, new, message):
    for text in (f"  {new}", f"  {new}\n{old}"):
        file = written(tmp_path, old, text)
        with pytest.raises(BadParams) as caught:
            load_all_params(file)
        assert str(caught.value) == f"{file}: the key {message}"


@pytest.mark.parametrize(
    ("section", "key", "remedy"),
    [
        ("score", "batch_tokens", "it had no effect"),
        ("reward", "batch_tokens", "it had no effect"),
        (
            "autoif",
            "on",
            "remove it; the branch is on if branches and pools have autoif: {}, off if neither has",
        ),
    ],
)
def test_a_key_that_is_gone_is_refused_as_such(section, key, remedy):
    content = read_yaml(SHIPPED_PARAMS)
    content[section][key] = 0
    with pytest.raises(BadParams) as caught:
        validated(Path("params.yaml"), content, Params)
    assert str(caught.value) == f"params.yaml: the key '{section}.{key}' is now gone: {remedy}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  candidates: 5", "  candidate: 5", "unknown key 'optimize.candidate'; did you mean 'candidates'?"),
        ("  judge: sim", "  judgge: sim", "unknown key 'models.judgge'; did you mean 'judge'?"),
        ("\nevolve:\n", "\nevolv:\n", "unknown key 'evolv'; did you mean 'evolve'?"),
        ("{r1: {parent: r0}", "{r1: {paren: r0}", "unknown key 'rounds.r1.paren'; did you mean 'parent'?"),
        ("  r3: {}", "  r3: {colour: red}", "unknown key 'pools.r3.colour'"),
        ("  examples: 6", "  number: 6", "unknown key 'report.number'; choose from: examples"),
        ("  scorer: models/scratch  ", "  scorer: {uri: a/b, adaptor: c}  ", "did you mean 'adapter'?"),
        (
            "  template: plain  ",
            "  template: cherry  ",
            "score.template: unknown value 'cherry'; choose from: plain, alpaca",
        ),
        (
            "  candidates: 5                   # candidate methods per step: m\n",
            "",
            "the key 'optimize.candidates' is missing",
        ),
        ("  candidates: 5", "  candidates: five", "optimize.candidates is 'five'; expected a whole number"),
        (
            "  candidates: 5",
            "  candidates: '5'",
            "optimize.candidates is '5'; expected a whole number, without quotes",
        ),
        ("  candidates: 5", "  candidates: 5.5", "optimize.candidates is 5.5; expected a whole number"),
        ("  candidates: 5", "  candidates: true", "optimize.candidates is true; expected a whole number"),
        (
            "  candidates: 5",
            "  candidates: 0",
            "optimize.candidates is 0; expected a number from 1 to 1,000",
        ),
        ("  candidates: 5", "  candidates: null", "optimize.candidates is null; expected a whole number"),
        (
            "random_seed: 42",
            "random_seed: -1",
            "random_seed is -1; expected a number from 0 to 2,147",
        ),
        ("random_seed: 42", "random_seed: 2147483648", "random_seed is 2147483648; expected a number from 0"),
        (
            "constant\n  warmup: 0.03",
            "constant\n  warmup: -1",
            "finetune.warmup is -1; expected a number from 0 to 1,000,000",
        ),
        (
            "constant\n  warmup: 0.03",
            "constant\n  warmup: .nan",
            "finetune.warmup is nan; expected a finite",
        ),
        (
            "constant\n  warmup: 0.03",
            "constant\n  warmup: .inf",
            "finetune.warmup is inf; expected a finite",
        ),
        ("  held_out: 0.1 ", "  held_out: 1 ", "seed.held_out is 1; expected a number from 0 to 0.99"),
        ("  share: 0.25", "  share: 25", "select.share is 25; expected a number from 1e-06 to 1"),
        ("  share: 0.25", "  share: 25%", "select.share is '25%'; expected a number"),
        (
            "  judge: simulated:large",
            "  judge: opnai:gpt-4o",
            "models.judge: unknown engine 'opnai'; did you mean 'openai'?",
        ),
        (
            "  judge: simulated:large",
            "  judge: simulated",
            "models.judge is 'simulated'; expected simulated:<model>,",
        ),
        (
            "  judge: simulated:large",
            "  judge: 'simulated:'",
            "models.judge is 'simulated:'; expected <model>[@<revision>]",
        ),
        (
            "  judge: simulated:large",
            "  judge: simulated:large@",
            "models.judge is 'simulated:large@'; expected <model>[@<rev",
        ),
        ("  judge: simulated:large", "  judge: 7", "models.judge is 7; expected"),
        (
            "toy: {model: models/scratch}",
            "toy: {model: transformers:a/b}",
            "bases.toy.model is 'transformers:a/b'; expected a hub id or a folder",
        ),
        ("  by: ic_ifd", "  by: {}", "select.by is {}; expected a metric such as ic_ifd, or several"),
        ("  by: ic_ifd", "  by: {ifd: 0}", "select.by.ifd is 0; expected a number from 1e-06 to 1e+06"),
        ("ranges: {}", "ranges: {ifd: [1]}", "select.filters.ranges.ifd is [1]; expected"),
        ("ranges: {}", "ranges: {ifd: 1}", "select.filters.ranges.ifd is 1; expected a list"),
        ("max_ifd: null", "max_idf: 1", "unknown key 'select.filters.max_idf'; did you mean 'max_ifd'?"),
        (
            "reasoning, breadth]",
            "reasoning, Width]",
            "evolve.operations.chat.4 is 'Width'; expected a name of small letters",
        ),
        ("r3: {parent: r2}", "R3: {parent: r2}", "rounds.R3 is 'R3'; expected a name of small letters"),
        ("r3: {parent: r2}", "3: {parent: r2}", "rounds.3 is '3'; expected a name of small letters"),
        ("r3: {parent: r2}", "r3: r2", "rounds.r3 is 'r2'; expected"),
        (
            "case: above:0.5",
            "case: 0.5",
            "autoif.crosscheck.case is 0.5; expected 'above:<number>', or 'from:",
        ),
        ("score: from:8", "score: above 8", "autoif.quality.score is 'above 8'; expected 'above:<number>'"),
        (
            "pools: all",
            "pools: some",
            "select.pools is 'some'; expected 'all' or a list of names",
        ),
        (
            "pools: all",
            "pools: [r1, 2]",
            "select.pools is ['r1', 2]; expected 'all' or a list of names",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_place_and_what_was_wanted(tmp_path, old, new, message):
    with pytest.raises(BadParams) as caught:
        load_all_params(written(tmp_path, old, new))
    first = str(caught.value).splitlines()[0]
    assert message in first
    assert first.count("params.yaml") == 1
    assert str(caught.value).count("\n") <= 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "params.yaml:3: the key 'a' is given twice"),
        ("a:\n  b: 1\n  b: 2\n", "params.yaml:3: the key 'b' is given twice"),
        ("a: [1\n", "params.yaml:2: not YAML"),
        ("a: 1\n b: 2\n", "params.yaml:2: not YAML"),
        ("? [a]\n: 1\n", "params.yaml:1: not YAML"),
        ("a: !!python/object:os.system 1\n", "params.yaml:1: not YAML"),
        ("- a\n- b\n", "expected a mapping of sections, found list"),
        ("word", "expected a mapping of sections, found str"),
        ("", "is empty; expected a mapping of sections"),
        ("# nothing\n", "is empty; expected a mapping of sections"),
        (b"a: 1\nb: \xff\n", "params.yaml:2: byte 0xff, not UTF-8"),
    ],
)
def test_a_file_that_is_no_mapping_is_named_with_its_line(small, text, message):
    with pytest.raises(BadParams) as caught:
        read_yaml(small(text))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadParams, match="no such file"):
        read_yaml(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("text", "number"), [("1e-05", 1e-05), ("-2.5E+3", -2500.0), ("1.e3", 1000.0), ("3", 3)]
)
def test_a_number_as_dvc_writes_it_is_a_number(small, text, number):
    assert read_yaml(small(f"a: {text}\n")) == {"a": number}


@pytest.mark.parametrize("text", ["1e", "e5", "1e-05x", "r1e5"])
def test_a_word_that_looks_like_a_number_stays_a_word(small, text):
    assert read_yaml(small(f"a: {text}\n")) == {"a": text}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "    queries: seed ",
            "    queries: 16 ",
            "autoif.compose.queries is 16; expected seed or file; how many a constraint gets is",
        ),
        (
            "    examples: 12 ",
            "    examples: all ",
            "autoif.augment.examples is 'all'; expected a number, or seeds",
        ),
        (
            "    examples: 12 ",
            "    examples: 0 ",
            "autoif.augment.examples is 0; expected a number, or seeds",
        ),
        ("    examples: 12 ", "    examples: true ", "autoif.augment.examples is true; expected a number"),
    ],
)
def test_a_value_that_meant_something_else_is_refused_with_what_is_wanted(tmp_path, old, new, message):
    with pytest.raises(BadParams) as caught:
        load_all_params(written(tmp_path, old, new))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_reordering_of_the_file_changes_no_value() -> None:
    content = read_yaml(SHIPPED_PARAMS)
    content["rounds"] = {f"r{number}": {"parent": f"r{number - 1}"} for number in range(1, 12)}
    content["branches"] = {"autoif": {}}
    content["pools"] = {name: {} for name in ("r0", *content["rounds"], "autoif")}
    given, other = (validated(Path(), each, Params) for each in (content, reversed_keys(content)))
    assert given.model_dump_json() == other.model_dump_json()
    assert list(given.pools) == list(content["pools"]) and list(given.rounds) == list(content["rounds"])
    assert list(given.evaluate.benchmarks) == list(content["evaluate"]["benchmarks"])


def reversed_keys(content: Any) -> Any:
    """The same content with the keys of every mapping in the opposite order."""
    if not isinstance(content, dict):
        return content
    return {key: reversed_keys(content[key]) for key in reversed(content)}


def test_the_card_shows_params_in_one_order() -> None:
    content = read_yaml(SHIPPED_PARAMS) | {"rounds": {"r10": {"parent": "r0"}, "r9": {"parent": "r0"}}}
    given, other = (in_shipped_order(each, content) for each in (content, reversed_keys(content)))
    assert json.dumps(given) == json.dumps(other) == json.dumps(content)
    assert list(in_shipped_order({"b": 1, "r10": 2, "r9": 3}, {"b": 0})) == ["b", "r9", "r10"]
