"""Tags: read from replies, and asked for by the stage."""

from __future__ import annotations

import json

import polars as pl
import pytest
from fakes import reply
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.core import tables
from evobuild.core.chat import Sampling
from evobuild.core.draws import draw_rows
from evobuild.core.instructions import INSTRUCTIONS, stream_instructions
from evobuild.core.rejects import OFF, Reject
from evobuild.core.uri import ChatModel
from evobuild.models.client import Model
from evobuild.scoring import reply_values, tag
from stages import tag as stage


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('[{"tag": "word limit", "explanation": "Ten words."}, {"tag": "poem"}]', ["word limit", "poem"]),
        ('["word limit", "poem"]', ["word limit", "poem"]),
        ('```json\n[{"tag": "poem", "explanation": "It [the text] {must} rhyme."}]\n```', ["poem"]),
        ('The tags are:\n["poem"]\nAnything else?', ["poem"]),
        ('{"tags": ["poem", {"tag": "rhyme"}]}', ["poem", "rhyme"]),
        ('[{"Tag": "Word-Limit"}, {"TAG": "word_limit"}, {"tag": " WORD  limit "}]', ["word limit"]),
        ('["ｐｏｅｍ", "Überblick", "诗歌"]', ["poem", "überblick", "诗歌"]),
        ('["first"]\nRather:\n["second"]', ["second"]),
        ('["poem"] (see [1])', ["poem"]),
        ("[]", []),
        ('["poem", 3]', None),
        ('["poem", ""]', None),
        ('[{"label": "poem"}]', None),
        (f'["{"long " * 13}"]', None),
        ('["poem"', None),
        ("poem, rhyme", None),
        ('{"tag": "poem"}', None),
        ("", None),
    ],
)
def test_tags_are_the_last_list_of_short_phrases(text, found):
    assert reply_values.read_phrases(text) == found


@pytest.mark.parametrize(
    ("said", "reason"),
    [("no list", "unparsed tags"), ("[]", "no tags"), (" ", "empty"), (("['a", "length"), "truncated")],
)
def test_a_reply_without_tags_is_a_reject(row, engine, said, reason):
    engine(lambda asked: said if isinstance(said, str) else reply(asked.key, *said))
    with Model(ChatModel("simulated", "tagger")) as model:
        (lost,) = tag.tag_rows([row()], model, Sampling())
    assert isinstance(lost, Reject) and (lost.id, lost.reason) == (row().id, reason)


@pytest.fixture
def ran(tmp_path, row, store, label):
    """Run the stage on two rounds with a tagger, and give the folder of its outs."""
    (tmp_path / "rounds").mkdir()
    for name in ("r0", "r1"):
        rows = [row(f"Name river {number}.", round=name, parent_id=name) for number in range(4)]
        tables.write(tmp_path / f"rounds/{name}.parquet", tables.frame(INSTRUCTIONS, rows))

    def run(tagger):
        given = load_all_params(SHIPPED_PARAMS)
        update = {
            "models": given.models.model_copy(update={"tagger": tagger}),
            "pools": {name: given.pools["r0"] for name in ("r0", "r1")},
            "tag": given.tag.model_copy(update={"rows": 3}),
        }
        names = ("rounds", "tags", "rejects", "counts", "metrics", "histogram")
        paths = {name: tmp_path / name for name in names}
        stage.main(given.model_copy(update=update), stage.Arguments(label=label, **paths))
        return tmp_path

    return run


def test_the_stage_tags_as_many_rows_of_each_pool(ran, engine):
    engine(lambda asked: '["river", "naming"]')
    out = ran(ChatModel("simulated", "tagger"))
    counts = json.loads((out / "counts").read_text())
    (asked,) = counts.pop("asked")
    assert (asked["role"], asked["purposes"]["tag"]["requests"]) == ("tagger", 6)
    assert counts == {name: {"in": 3, "out": 3, "rejects": {}, "not_drawn": 1} for name in ("r0", "r1")}
    assert pl.read_parquet(out / "tags/r1.parquet")["tags"].to_list() == [["river", "naming"]] * 3
    metrics = json.loads((out / "metrics").read_text())
    assert metrics["complexity"] == {"r0": 2.0, "r1": 2.0} and metrics["diversity"]["r0"] == 0.6667


def test_rows_are_drawn_by_seed_and_pool(ran, engine):
    engine(lambda asked: '["river"]')
    out = ran(ChatModel("simulated", "tagger"))
    seed = load_all_params(SHIPPED_PARAMS).random_seed
    for pool in ("r0", "r1"):
        rows = list(stream_instructions(out / f"rounds/{pool}.parquet")[1])
        drawn = {row.id for row in draw_rows(rows, 3, seed, f"tag {pool}")}
        assert set(pl.read_parquet(out / f"tags/{pool}.parquet")["id"]) == drawn


def test_without_a_tagger_nothing_is_asked(ran):
    out = ran(None)
    off = {"r0": OFF, "r1": OFF}
    assert json.loads((out / "counts").read_text()) == off | {"asked": []}
    assert (out / "histogram").read_text() == "pool,tags,rows,share\n"
