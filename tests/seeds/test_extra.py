"""Columns that nothing reads travel along whole, whatever they hold, to r0 and no further than params say."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from workspace import SHIPPED_PARAMS

from evobuild.core.errors import BadInput
from evobuild.core.yaml_files import read_yaml
from evobuild.seeds.formats import read_seed_rows
from evobuild.seeds.params import Seed
from evobuild.seeds.seed import keep_seeds

SHIPPED = read_yaml(SHIPPED_PARAMS)["seed"]


def extras(path: Path, columns=None, **given) -> list[str]:
    with keep_seeds(read_seed_rows(path, "auto", columns), Seed.model_validate(SHIPPED | given)) as rows:
        return [extra for some in rows.kept(["extra"]) for extra in some["extra"]]


def lines(tmp_path: Path, *records: dict) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, records)))
    return path


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ({"zeta": 1, "instruction": "I", "alpha": {"b": [1, None]}}, {"zeta": 1, "alpha": {"b": [1, None]}}),
        (
            {"instruction": "I", "output": "O", "answer": "4", "context": "C", "input": "N"},
            {"answer": "4", "context": "C"},
        ),
        ({"instruction": "I", "output": None, "answer": "4", "note": None}, {}),
        ({"instruction": "I", "domain": ["math"]}, {"domain": ["math"]}),
        ({"Instruction": "I", "Response": "R", "Gold": "é"}, {"Gold": "é"}),
        ({"instruction": "I", "chosen": "C", "rejected": "J"}, {"rejected": "J"}),
        ({"id": "c1", "conversations": [{"from": "human", "value": "Q"}], "system": "S"}, {"id": "c1"}),
    ],
)
def test_what_nothing_else_is_read_from_is_extra_in_its_order(tmp_path, record, wanted):
    [found] = extras(lines(tmp_path, record))
    assert found == (json.dumps(wanted, ensure_ascii=False) if wanted else "")


def test_a_column_whose_role_another_has_is_extra(tmp_path):
    path = lines(tmp_path, {"question_text": "Q", "instruction": "Be brief.", "reply": "R", "output": "old"})
    [found] = extras(path, {"instruction": "question_text", "output": "reply"})
    assert json.loads(found) == {"instruction": "Be brief.", "output": "old"}


def test_every_turn_of_a_conversation_has_it(tmp_path):
    turns = [{"role": role, "content": f"{role} {n}"} for n in (1, 2) for role in ("user", "assistant")]
    assert extras(lines(tmp_path, {"messages": turns, "source": "x"})) == ['{"source": "x"}'] * 2


def test_what_json_cannot_hold_is_text_null_or_left_out(tmp_path):
    frame = pl.DataFrame(
        {
            "instruction": ["I"],
            "day": [date(2024, 5, 1)],
            "nan": [float("nan")],
            "list": [[1.5, float("inf")]],
            "image": [b"PNG"],
        }
    )
    frame.write_parquet(tmp_path / "a.parquet")
    assert extras(tmp_path / "a.parquet") == ['{"day": "2024-05-01", "list": [1.5, null]}']


def test_params_say_which_travel_along(tmp_path):
    path = lines(tmp_path, {"instruction": "I", "gold": 1, "user": "u7"}, {"instruction": "J", "user": "u8"})
    assert extras(path, extra=["gold"]) == ['{"gold": 1}', ""]
    assert extras(path, extra=[]) == ["", ""]
    with pytest.raises(BadInput, match=r"seed\.extra names 'golden', which is no other column"):
        extras(path, extra=["golden"])


def test_a_rows_identity_has_nothing_to_do_with_it(tmp_path):
    given = [{"instruction": "I", "gold": 1}, {"instruction": "I", "gold": 2}]
    path = lines(tmp_path, *given)
    with keep_seeds(read_seed_rows(path), Seed.model_validate(SHIPPED)) as rows:
        [found] = rows.batches()
    assert found["reason"].to_list() == [None, "exact duplicate"]
    assert extras(path) == ['{"gold": 1}']
