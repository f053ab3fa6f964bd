"""Tags: read from replies, counted by hand, and asked for by the stage."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from fakes import reply

from evobuild.core import params, pools, tables
from evobuild.core.chat import Sampling
from evobuild.core.tables import Reject
from evobuild.core.uri import ChatModel
from evobuild.models.client import Model
from evobuild.scoring import tag
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
    assert tag.read_tags(text) == found


@pytest.mark.parametrize(
    ("said", "reason"),
    [("no list", "unparsed tags"), ("[]", "no tags"), (" ", "empty"), (("['a", "length"), "truncated")],
)
def test_a_reply_without_tags_is_a_reject(row, engine, said, reason):
    engine(lambda asked: said if isinstance(said, str) else reply(asked.key, *said))
    with Model(ChatModel("simulated", "tagger")) as model:
        (lost,) = tag.tag([row()], model, Sampling())
    assert isinstance(lost, Reject) and (lost.id, lost.reason) == (row().id, reason)


def table(*rows):
    return tables.frame(tables.TAGS, [(str(at), list(own)) for at, own in enumerate(rows)])


def test_complexity_is_tags_a_row_and_diversity_distinct_tags_a_row():
    found = {"r0": table(["a", "b"], ["a"]), "r1": table(["a", "b", "c", "d"], ["a", "e"]), "r2": table()}
    assert tag.figures(found, "m") == {
        "tagger": "m",
        "rows": {"r0": 2, "r1": 2, "r2": 0},
        "unique": {"r0": 2, "r1": 5, "r2": 0},
        "complexity": {"r0": 1.5, "r1": 3.0, "r2": None},
        "diversity": {"r0": 1.0, "r1": 2.5, "r2": None},
    }
    counted = tag.frequencies(found)
    assert counted.filter(pool="r0")["rows"].to_list() == [1, 1, 0, 0]
    assert counted.filter(pool="r1")["share"].to_list() == [0, 0.5, 0, 0.5]
    assert tag.frequencies({"r2": table()}).is_empty()


def test_rows_are_drawn_by_seed_and_pool_whatever_their_order():
    ids = [f"{number}" for number in range(50)]
    drawn = tag.draw(ids, 10, "r0", 1)
    assert len(drawn) == 10 and drawn == tag.draw(reversed(ids), 10, "r0", 1)
    assert drawn != tag.draw(ids, 10, "r1", 1) and drawn != tag.draw(ids, 10, "r0", 2)
    assert tag.draw(ids, None, "r0", 1) == tag.draw(ids, 99, "r0", 1) == set(ids)


@pytest.fixture
def ran(tmp_path, row, store):
    """Run the stage on two rounds with a tagger, and give the folder of its outs."""
    (tmp_path / "rounds").mkdir()
    for name in ("r0", "r1"):
        rows = [row(f"Name river {number}.", round=name, parent_id=name) for number in range(4)]
        tables.write(tmp_path / f"rounds/{name}.parquet", tables.frame(tables.INSTRUCTIONS, rows))

    def run(tagger):
        given = params.load(Path("params.yaml"))
        update = {
            "models": given.models.model_copy(update={"tagger": tagger}),
            "pools": {name: given.pools["r0"] for name in ("r0", "r1")},
            "tag": given.tag.model_copy(update={"rows": 3}),
        }
        outs = ("tags", "rejects", "counts", "metrics", "histogram", "usage")
        stage.main(given.model_copy(update=update), tmp_path / "rounds", *(tmp_path / name for name in outs))
        return tmp_path

    return run


def test_the_stage_tags_as_many_rows_of_each_pool(ran, engine):
    engine(lambda asked: '["river", "naming"]')
    out = ran(ChatModel("simulated", "tagger"))
    assert json.loads((out / "counts").read_text()) == {
        name: {"in": 3, "out": 3, "rejects": {}, "not_drawn": 1} for name in ("r0", "r1")
    }
    assert pl.read_parquet(out / "tags/r1.parquet")["tags"].to_list() == [["river", "naming"]] * 3
    metrics = json.loads((out / "metrics").read_text())
    assert metrics["complexity"] == {"r0": 2.0, "r1": 2.0} and metrics["diversity"]["r0"] == 0.6667
    used = json.loads((out / "usage").read_text())[0]["purposes"]["tag"]
    assert used["calls"] + used["cached"] == 6


def test_without_a_tagger_nothing_is_asked(ran):
    out = ran(None)
    assert json.loads((out / "counts").read_text()) == {"r0": pools.OFF, "r1": pools.OFF}
    assert json.loads((out / "usage").read_text()) == []
    assert (out / "histogram").read_text() == "pool,tags,rows,share\n"
