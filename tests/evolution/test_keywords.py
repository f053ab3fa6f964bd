"""Keywords: methods read from replies, phrases read from a judge, and what is counted of them."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from fakes import reply

from evobuild.cli.check.params import load_all_params
from evobuild.core import tables
from evobuild.core.chat import Sampling
from evobuild.core.tables import Reject
from evobuild.core.uri import ChatModel
from evobuild.evolution import keywords
from evobuild.evolution.keywords import Keyword, MethodList
from evobuild.models.client import Model
from evobuild.reporting import charts
from stages import keywords as script

JUDGE = ChatModel("simulated", "judge")
WAYS = ("Add a limit.", "Ask for causes.")
LISTS = {
    "numbers": "Step 1 #Methods List#:\n1. Add a limit.\n2. Ask for causes.\n\nStep 2 #Plan#:\n1. Use both.",
    "brackets": "#Methods List#:\n1) Add a limit.\n(2) Ask for causes.\n#Plan#: 1. Use both.",
    "bullets": "#Methods List#\n- Add a limit.\n- Ask for causes.\n\n#Plan#\n- Use both.",
    "stars": "#Methods List#\n* Add a limit.\n* Ask for causes.\n\n**Step 2: #Plan#**\n* Use both.",
    "dots": "#Methods List#\n• Add a limit.\n• Ask for causes.\n\n**#Plan#**\n• Use both.",
    "bold label": "**Step 1 #Methods List#:**\n\n1. Add a limit.\n\n2. Ask for causes.\n\n**Step 2 #Plan#:**",
    "heading": "## Methods List\n1. Add a limit.\n2. Ask for causes.\n\n## Plan\n1. Use both.",
    "headings as items": "#Methods List#\n### Method 1: Add a limit.\n### Method 2: Ask for causes.\n## Plan",
    "on the label's line": "#Methods List#: 1. Add a limit.\n2. Ask for causes.",
    "in a sentence": "Step 1: This is the #Methods List#:\n1. Add a limit.\n2. Ask for causes.\nStep 2: x",
    "in another case": "step 1 #METHODS LIST#:\n1. Add a limit.\n2. Ask for causes.\nSTEP 2 #PLAN#\n3. x",
    "one method": "#Method List#:\n1. Add a limit.\n2. Ask for causes.",
    "markdown": "#Methods List#:\n1. **Add** a `limit`.\n**2.** Ask for __causes__.",
    "remarks around": (
        "#Methods List#:\nHere are two ways:\n\n1. Add a limit.\n2. Ask for causes.\n\nBoth are sound.\n"
    ),
    "wrapped": "#Methods List#:\n1. Add\n   a limit.\n2. Ask for\ncauses.\n",
    "paragraphs": "#Methods List#:\n1. Add\n\n   a limit.\n\n2. Ask for\n\n\tcauses.\n",
    "sub-items": "#Methods List#:\n1. Add\n   - a limit.\n2. Ask\n   1. for causes.\n",
    "fenced": "#Methods List#:\n```\n1. Add a limit.\n2. Ask for causes.\n```\n#Plan#:\n1. x",
    "quoted": "> #Methods List#:\n> 1. Add a limit.\n> 2. Ask for causes.\n> #Plan#:\n> 1. x",
    "label twice": "I begin with the\n#Methods List#:\n#Methods List#:\n1. Add a limit.\n2. Ask for causes.",
    "named later": "#Methods List#:\n1. Add a limit.\n2. Ask for causes.\n#Plan#\n1. The #Methods List#",
    "Windows lines": "#Methods List#:\r\n1. Add a limit.\r\n2. Ask for causes.\r\n#Plan#:\r\n1. x",
}


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS)
def test_methods_are_the_items_below_their_label(text):
    assert keywords.listed_methods(text) == WAYS


@pytest.mark.parametrize(
    ("text", "methods"),
    [
        ("", ()),
        ("Name a river and its source.", ()),
        ("1. Add a limit.\n2. Ask for causes.", ()),
        ("#Methods List#:\nI would add a limit.\n\n#Plan#:\n1. Use it.", ()),
        ("#Methods List#:", ()),
        ("#Methods List#:\n#Plan#:\n1. Use it.", ()),
        ("Methods list items are numbered:\n1. Add a limit.", ()),
        ("#Methods List#:\n1. Raise the rate to\n1.5 percent.", ("Raise the rate to 1.5 percent.",)),
        ("#Methods List#:\n1. Step 2 of it needs a proof.\n2.\n", ("Step 2 of it needs a proof.",)),
        ("#Methods List#:\n1. Extend the #Rewritten Instruction#.", ("Extend the #Rewritten Instruction#.",)),
        ("#Methods List#:\n1、增加约束。\n2、要求推理。", ("增加约束。", "要求推理。")),
    ],
)
def test_where_no_list_stands_there_is_no_method(text, methods):
    assert keywords.listed_methods(text) == methods


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("1. add limit\n2. ask causes", {1: ["add limit"], 2: ["ask causes"]}),
        ("Here they are:\n\n1) add limit\n(2) ask causes\nDone.", {1: ["add limit"], 2: ["ask causes"]}),
        ("2: ask causes\n1: add limit", {1: ["add limit"], 2: ["ask causes"]}),
        ("1 - add limit", {1: ["add limit"]}),
        ("**1.** add limit\nMethod 2: ask causes", {1: ["** add limit"], 2: ["ask causes"]}),
        ("- add limit\n- ask causes", {1: ["add limit"], 2: ["ask causes"]}),
        ("1. add limit\n1. ask causes", {1: ["add limit", "ask causes"]}),
        ("- add limit", {}),
        ("- here:\n- add limit\n- ask causes", {}),
        ("add limit\nask causes", {}),
        ("0. add limit\n1. ask causes", {}),
        ("1. add limit\n2. ask causes\n3. more", {}),
        ("2 phrases are enough.", {}),
        ("1.5 is the number.", {}),
        ("", {}),
    ],
)
def test_phrases_are_read_by_number_else_by_the_order_of_bullets(text, phrases):
    found = keywords.read_keyword_phrases(text, 2)
    assert {number: [phrase.strip() for phrase in given] for number, given in found.items()} == phrases


@pytest.mark.parametrize(
    ("phrase", "form"),
    [
        ("Add a Limit.", "add limit"),
        ("**add the limit**", "add limit"),
        (' "add—limit" ', "add limit"),
        ("multi-step  reasoning", "multi step reasoning"),
        ("the reader's view", "readers view"),
        ("ＡＤＤ ｌｉｍｉｔ", "add limit"),
        ("Straße", "strasse"),
        ("增加约束。", "增加约束"),
        ("शर्त जोड़ें", "शर्त जोड़ें"),
        ("<b>x</b>\x00$y$", "b x b y"),
        ("—", ""),
    ],
)
def test_the_normal_form_has_neither_case_nor_punctuation_nor_articles(phrase, form):
    assert keywords.normal_phrase(phrase) == form


def named(*phrases):
    return [Keyword(str(at), "a", "r1", "e:m", "", phrase) for at, phrase in enumerate(phrases)]


def test_singular_and_plural_are_one_phrase_in_its_commonest_form():
    found = keywords.merge_plural_phrases(
        named(
            "add limits", "add limit", "add limits", "rare case", "rare cases", "pose query", "pose queries"
        )
    )
    assert [each.keyword for each in found] == ["add limits"] * 3 + ["rare case"] * 2 + ["pose queries"] * 2


@pytest.mark.parametrize(
    "phrases",
    [("ask cause", "ask causal"), ("add clas", "add class"), ("raise bar", "raise bars too")],
    ids="-".join,
)
def test_other_phrases_stay_apart(phrases):
    assert [each.keyword for each in keywords.merge_plural_phrases(named(*phrases))] == list(phrases)


def summarised(engine, lists, judge):
    fake = engine(judge)
    with Model(JUDGE) as model:
        return fake, sorted(keywords.summarise_methods(lists, model, Sampling()))


LISTED = MethodList("c1", "r1", "simulated:small", WAYS)


def test_one_request_names_all_methods_of_a_reply(engine):
    fake, found = summarised(engine, [LISTED], lambda asked: "1. Add limit\n2. **Ask for the causes**")
    (asked,) = fake.asked
    assert asked.purpose == "keywords"
    assert asked.messages[0].content.endswith("#Methods#:\n1. Add a limit.\n2. Ask for causes.")
    assert found == [
        Keyword("c1-001", "c1", "r1", "simulated:small", "Add a limit.", "add limit"),
        Keyword("c1-002", "c1", "r1", "simulated:small", "Ask for causes.", "ask for causes"),
    ]


def test_a_reply_without_a_list_asks_nothing(engine):
    fake, found = summarised(engine, [LISTED._replace(methods=())], lambda asked: "1. add limit")
    assert (fake.asked, found) == ([], [])


@pytest.mark.parametrize(
    ("text", "finish", "error", "reasons"),
    [
        ("1. add limit\n2. ask", "length", None, ["truncated", "truncated"]),
        (" ", "stop", None, ["empty", "empty"]),
        ("", "stop", "prompt too long", ["model error", "model error"]),
        ("I cannot help with that.", "stop", None, ["no phrase", "no phrase"]),
        ("1. add limit", "stop", None, [None, "no phrase"]),
        ("1. add limit\n2. ...", "stop", None, [None, "no phrase"]),
        ("1. add limit\n1. raise bar\n2. ask causes", "stop", None, ["two phrases", None]),
        (f"1. {'very ' * 12}long\n2. ask causes", "stop", None, ["long phrase", None]),
        ("1. add limit\n2. ask causes\n3. more", "stop", None, ["no phrase", "no phrase"]),
    ],
)
def test_every_method_gives_one_keyword_or_one_reject(engine, text, finish, error, reasons):
    _, found = summarised(engine, [LISTED], lambda asked: reply(asked.key, text, finish, error))
    assert [each.id for each in found] == ["c1-001", "c1-002"]
    assert [each.reason if isinstance(each, Reject) else None for each in found] == reasons
    lost = [each for each in found if isinstance(each, Reject)]
    assert all(each.detail in WAYS and each.reply == (error or text) for each in lost)


def test_a_template_in_a_method_stays_text(engine):
    fake, _ = summarised(engine, [LISTED._replace(methods=("{{ methods }} {% x",))], lambda asked: "1. x")
    assert "1. {{ methods }} {% x" in fake.asked[0].messages[0].content


@pytest.fixture
def write(tmp_path, row):
    """Write a round of children and the replies behind them; give the two folders by name."""

    def make(name, *texts, evolver="simulated:small"):
        children = [
            row(id=f"{name}{at:02}", round=name, evolver=evolver)._replace(history=[])
            for at in range(len(texts))
        ]
        replies = [(f"{name}{at:02}", 0, 1, 1, text, None, "") for at, text in enumerate(texts)]
        content = {"rounds": (tables.INSTRUCTIONS, children), "replies": (tables.REPLIES, replies)}
        for folder, (schema, rows) in content.items():
            (tmp_path / folder).mkdir(exist_ok=True)
            tables.write(tmp_path / folder / f"{name}.parquet", tables.frame(schema, rows))
        return {"replies": tmp_path / "replies", "rounds": tmp_path / "rounds"}

    return make


def listing(*ways):
    return "#Methods List#:\n" + "\n".join(f"{place}. {way}" for place, way in enumerate(ways, start=1))


def test_at_most_so_many_replies_of_each_round_are_drawn_by_seed(write):
    write("r1", *[listing(f"Way {at}.") for at in range(20)])
    folders = write("r2", listing("Add a limit."), "no list")
    drawn = keywords.draw_method_lists(["r1", "r2"], **folders, count=5, seed=42)
    assert Counter(each.round for each in drawn) == {"r1": 5, "r2": 2}
    assert drawn == keywords.draw_method_lists(["r1", "r2"], **folders, count=5, seed=42)
    assert {each.id for each in drawn} != {
        each.id for each in keywords.draw_method_lists(["r1", "r2"], **folders, count=5, seed=43)
    }
    assert drawn[-2:] == [
        MethodList("r200", "r2", "simulated:small", ("Add a limit.",)),
        MethodList("r201", "r2", "simulated:small", ()),
    ]
    assert all(each.methods == (f"Way {int(each.id[2:])}.",) for each in drawn[:5])


def test_only_the_rounds_named_are_read_and_none_for_no_rows(write, tmp_path):
    folders = write("r1", listing("Add a limit."))
    (tmp_path / "replies/r9.parquet").write_text("left over")
    assert [each.round for each in keywords.draw_method_lists(["r1"], **folders, count=9, seed=42)] == ["r1"]
    assert keywords.draw_method_lists(["r9"], **folders, count=0, seed=42) == []


def test_figures_count_distinct_phrases_in_all_by_round_and_by_evolver():
    drawn = [
        MethodList("a", "r1", "e:small", ("x", "y")),
        MethodList("b", "r1", "e:small", ()),
        MethodList("c", "r2", "e:large", ("z", "w", "v")),
    ]
    found = [
        Keyword("a-1", "a", "r1", "e:small", "x", "limit"),
        Keyword("a-2", "a", "r1", "e:small", "y", "cause"),
        Keyword("c-1", "c", "r2", "e:large", "z", "limit"),
        Keyword("c-2", "c", "r2", "e:large", "w", "limit"),
    ]
    assert keywords.keyword_figures(drawn, found, ["r1", "r2", "r3"]) == {
        "keywords": {
            "replies": 3,
            "lists": 2,
            "methods": 5,
            "distinct": {"all": 2, "r1": 2, "r2": 1, "r3": 0, "e:large": 1, "e:small": 2},
        }
    }


def test_keywords_are_counted_by_evolver_the_commonest_first():
    large = named("z", "a", "z", "b")
    assert keywords.count_keywords([each._replace(evolver="e:n") for each in named("z")] + large).rows() == [
        ("e:m", "z", 2),
        ("e:m", "a", 1),
        ("e:m", "b", 1),
        ("e:n", "z", 1),
    ]


OUTS = ("keywords", "rejects", "counts", "metrics", "frequencies")


@pytest.fixture
def stage(tmp_path, store):
    """Run the stage on round r1; give its outs, read."""

    def run(folders, rows=12):
        values = load_all_params(Path("params.yaml"))
        changes = {"keywords": values.keywords.model_copy(update={"rows": rows}), "rounds": {"r1": None}}
        paths = {name: tmp_path / name for name in OUTS}
        script.main(values.model_copy(update=changes), script.Arguments(**folders, **paths))
        return {
            "keywords": tables.read(paths["keywords"], keywords.KEYWORDS),
            "rejects": tables.read(paths["rejects"], tables.REJECTS),
            "frequencies": list(csv.reader(paths["frequencies"].read_text().splitlines())),
            **{name: json.loads(paths[name].read_text()) for name in ("counts", "metrics")},
        }

    return run


def test_the_stage_names_every_method_of_the_drawn_replies(write, stage):
    ways = ("Add a constraint on the form.", "Require several steps.")
    lists = [listing(*ways, f"Ask for the cause{'s' * (at % 2)}.", f"Use {at} maps.") for at in range(60)]
    made = stage(write("r1", *lists), rows=50)
    counts, figures = made["counts"], made["metrics"]["keywords"]
    assert counts["in"] == 200 == figures["methods"]
    assert counts["out"] == made["keywords"].height == 200 - made["rejects"].height
    assert set(counts["rejects"]) <= {"empty", "no phrase", "two phrases"} and made["rejects"].height
    assert made["frequencies"][0] == ["evolver", "keyword", "count"]
    phrases = [line[1].rstrip("s") for line in made["frequencies"][1:]]
    assert sorted(phrases[:3]) == ["add constraint form", "ask cause", "require several step"]
    assert len(set(phrases)) == len(phrases)
    assert sum(int(line[2]) for line in made["frequencies"][1:]) == counts["out"]
    assert figures["distinct"]["all"] == len(made["frequencies"]) - 1
    (asked,) = counts["asked"]
    assert (asked["role"], asked["purposes"]["keywords"]["requests"]) == ("judge", 50)


@pytest.mark.parametrize(
    ("text", "rows", "read"), [("Name a river.", 12, 2), (listing("Add a limit."), 0, 0)], ids=["none", "off"]
)
def test_without_a_list_or_a_row_nothing_is_asked_and_the_outs_are_empty(
    write, stage, text, rows, read, capsys
):
    made = stage(write("r1", text, text), rows)
    distinct = {"all": 0, "r1": 0} | ({"simulated:small": 0} if read else {})
    assert (made["keywords"].height, made["rejects"].height) == (0, 0)
    assert made["counts"] == {"in": 0, "out": 0, "rejects": {}, "asked": []}
    assert made["metrics"]["keywords"] == {"replies": read, "lists": 0, "methods": 0, "distinct": distinct}
    assert made["frequencies"] == [["evolver", "keyword", "count"]]
    assert f"none of {read} replies lists methods" in capsys.readouterr().err


def test_a_judge_that_names_nothing_stops_no_line(write, stage, engine, capsys):
    engine(lambda asked: "I would rather not.")
    made = stage(write("r1", listing("Add a limit.")))
    counts = made["counts"]
    assert (counts["in"], counts["out"], counts["rejects"]) == (1, 0, {"no phrase": 1})
    assert "none of 1 methods could be named: {'no phrase': 1}" in capsys.readouterr().err


def test_the_chart_escapes_a_phrase_and_takes_no_formula_from_it():
    counts = [
        {"evolver": "simulated:small", "keyword": keyword, "count": 3}
        for keyword in ("add limit", "<b>$x_1$ \\alpha", "增加约束", "x" * keywords.LONGEST)
    ]
    drawn = charts.keywords([*counts, {"evolver": "e:large", "keyword": "ask causes", "count": 1}])
    assert ">&lt;b&gt;$x_1$ \\alpha</text>" in drawn and ">增加约束</text>" in drawn and "<b>" not in drawn
    assert drawn.count(">simulated:small<") == drawn.count(">e:large<") == 1


def test_the_chart_shows_the_commonest_of_many():
    counts = [
        {"evolver": "e:m", "keyword": f"way {at}", "count": 99 - at} for at in range(charts.KEYWORDS + 1)
    ]
    drawn = charts.keywords(counts)
    assert f">way {charts.KEYWORDS - 1}<" in drawn and f">way {charts.KEYWORDS}<" not in drawn
