"""Items of any shape: each benchmark reads them, or says in a line or two where and what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evobuild.core.errors import BadInput, MissingExtra
from evobuild.evaluation.benchmark import sample_items
from evobuild.evaluation.benchmarks import BENCHMARKS, benchmark_class

ITEMS = Path("data/raw/benchmarks")
STRANGE = (
    *(None, True, 5, -1, 2.5, 1e308, [], {}, "", "\0", "x" * 100_000),
    *([[]], [None], [5], [""], [{}], [{"a": 1}], ["x"] * 5, {"a": None}),
)
"""What a field may hold that nobody thought of."""
NAMES = sorted(set(BENCHMARKS) - {"held_out"})


def changed(value: Any) -> Iterator[Any]:
    """A value with one field of it, or of what it holds first, lacking or strange."""
    if isinstance(value, dict):
        for key, own in value.items():
            yield {name: other for name, other in value.items() if name != key}
            for each in (*STRANGE, *changed(own)):
                yield {**value, key: each}
    elif isinstance(value, list) and value:
        for each in changed(value[0]):
            yield [each, *value[1:]]


@pytest.mark.parametrize("name", NAMES)
def test_an_item_of_any_shape_is_read_or_refused_in_words(name: str, tmp_path: Path):
    kind, file = benchmark_class(name), tmp_path / "items.jsonl"
    record = json.loads((ITEMS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    refused = 0
    for strange in changed(record):
        file.write_text(f"{json.dumps(strange)}\n", encoding="utf-8")
        benchmark = kind(name, kind.settings_type(items=str(file)), 1)
        try:
            for item in sample_items(benchmark.read_items(), 1, 1):
                asks = benchmark.next_requests(item, ())
                assert len(asks) <= benchmark.max_requests(item) and benchmark.max_judge_calls(item) >= 0
        except BadInput as error:
            refused += 1
            assert len(str(error).splitlines()) <= 2 and "items.jsonl" in str(error)
        except MissingExtra as error:
            pytest.skip(str(error))
    assert refused > 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", ["", "{", "[]", "5\n", "null\n", '"a"\n', "\xff"], ids=range(7))
def test_a_file_that_holds_no_items_is_named(name: str, content: str, tmp_path: Path):
    kind, file = benchmark_class(name), tmp_path / "items.jsonl"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(BadInput, match=r"items\.jsonl"):
        kind(name, kind.settings_type(items=str(file)), 1).read_items()


@pytest.mark.parametrize("name", NAMES)
def test_an_item_that_is_given_twice_is_refused_or_has_an_id_of_its_own(name: str, tmp_path: Path):
    kind, file = benchmark_class(name), tmp_path / "items.jsonl"
    line = (ITEMS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()[-1]
    file.write_text(f"{line}\n{line}\n", encoding="utf-8")
    benchmark = kind(name, kind.settings_type(items=str(file)), 1)
    try:
        ids = [item.id for item in benchmark.read_items()]
    except BadInput as error:
        assert "items.jsonl" in str(error)
    else:
        assert len(set(ids)) == len(ids)
