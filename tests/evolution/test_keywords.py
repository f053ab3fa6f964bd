"""Keywords: methods read from replies, a phrase from each reply of a judge, and what is counted of them."""

from __future__ import annotations

import csv
import json
from collections import Counter

import pytest
from fakes import reply
from workspace import SHIPPED_PARAMS

from evobuild.cli.check.all_params import load_all_params
from evobuild.core import tables
from evobuild.core.chat import Sampling
from evobuild.core.evolution_tables import REPLIES
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.core.rejects import REJECTS, Reject
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
    assert keywords.parse_method_list(text) == WAYS


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
    assert keywords.parse_method_list(text) == methods


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("add limit", "add limit"),
        ("\n **Add the Limit.** \n\n", "add limit"),
        ("- ask for causes\n---", "ask for causes"),
        ("...\nadd limit", "add limit"),
        ("x" * keywords.LONGEST, "x" * keywords.LONGEST),
    ],
)
def test_the_phrase_is_the_one_line_with_words_in_it(text, phrase):
    assert keywords.read_keyword(reply("k", text)) == (phrase, None)


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
    assert keywords.normalise_phrase(phrase) == form


def named(*phrases):
    return [Keyword(str(at), "a", "r1", "e:m", "", phrase, "") for at, phrase in enumerate(phrases)]


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


def test_each_method_is_asked_about_by_itself(engine):
    replies = {"Add a limit.": " Add limit\n", "Ask for causes.": "**Ask for the causes**"}
    fake, found = summarised(
        engine, [LISTED], lambda asked: replies[asked.messages[0].content.rpartition("#Method#:\n")[2]]
    )
    assert [asked.purpose for asked in fake.asked] == ["keywords"] * 2
    assert found == [
        Keyword("c1-001", *LISTED[:3], "Add a limit.", "add limit", "Add limit"),
        Keyword("c1-002", *LISTED[:3], "Ask for causes.", "ask for causes", "**Ask for the causes**"),
    ]


def test_equal_methods_are_asked_about_once(engine):
    fake, found = summarised(engine, [LISTED, LISTED._replace(id="c2")], lambda asked: "add limit")
    assert (len(fake.asked), [each.id for each in found]) == (2, ["c1-001", "c1-002", "c2-001", "c2-002"])


def test_no_more_than_so_many_methods_of_a_reply_are_read():
    ways = [f"Way {at}." for at in range(99)]
    assert keywords.parse_method_list(listing(*ways)) == tuple(ways[: keywords.MOST_METHODS])


def test_a_reply_without_a_list_asks_nothing(engine):
    fake, found = summarised(engine, [LISTED._replace(methods=())], lambda asked: "add limit")
    assert (fake.asked, found) == ([], [])


@pytest.mark.parametrize(
    ("text", "finish", "error", "reason"),
    [
        ("add lim", "length", None, "truncated"),
        (" ", "stop", None, "empty"),
        ("", "stop", "timeout", "model error"),
        ("...", "stop", None, "no phrase"),
        ("Here it is:\n\nadd limit", "stop", None, "two phrases"),
        (f"{'very ' * 12}long", "stop", None, "long phrase"),
    ],
)
def test_every_method_gives_one_keyword_or_one_reject(engine, text, finish, error, reason):
    def judge(asked):
        bad = "limit" in asked.messages[0].content.rpartition("#Method#:\n")[2]
        return reply(asked.key, text, finish, error) if bad else "ask causes"

    _, (lost, kept) = summarised(engine, [LISTED], judge)
    assert lost == Reject("c1-001", reason, WAYS[0], error or text)
    assert (kept.id, kept.keyword) == ("c1-002", "ask causes")


def test_a_template_in_a_method_stays_text(engine):
    fake, _ = summarised(engine, [LISTED._replace(methods=("{{ method }} {% x",))], lambda asked: "x")
    assert fake.asked[0].messages[0].content.endswith("#Method#:\n{{ method }} {% x")


@pytest.fixture
def write(tmp_path, row):
    """Write a round of children and the replies behind them; give the two folders by name."""

    def make(name, *texts, evolver="simulated:small"):
        children = [
            row(id=f"{name}{at:02}", round=name, evolver=evolver)._replace(history=[])
            for at in range(len(texts))
        ]
        replies = [(f"{name}{at:02}", 0, 1, 1, text, None, "") for at, text in enumerate(texts)]
        content = {"rounds": (INSTRUCTIONS, children), "replies": (REPLIES, replies)}
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
    drawn = keywords.sample_method_lists(["r1", "r2"], **folders, count=5, seed=42)
    assert Counter(each.round for each in drawn) == {"r1": 5, "r2": 2}
    assert drawn == keywords.sample_method_lists(["r1", "r2"], **folders, count=5, seed=42)
    assert {each.id for each in drawn} != {
        each.id for each in keywords.sample_method_lists(["r1", "r2"], **folders, count=5, seed=43)
    }
    assert drawn[-2:] == [
        MethodList("r200", "r2", "simulated:small", ("Add a limit.",)),
        MethodList("r201", "r2", "simulated:small", ()),
    ]
    assert all(each.methods == (f"Way {int(each.id[2:])}.",) for each in drawn[:5])


def test_only_the_rounds_named_are_read_and_none_for_no_rows(write, tmp_path):
    folders = write("r1", listing("Add a limit."))
    (tmp_path / "replies/r9.parquet").write_text("left over")
    assert [each.round for each in keywords.sample_method_lists(["r1"], **folders, count=9, seed=42)] == [
        "r1"
    ]
    assert keywords.sample_method_lists(["r9"], **folders, count=0, seed=42) == []


def test_figures_count_distinct_phrases_in_all_by_round_and_by_evolver():
    drawn = [
        MethodList("a", "r1", "e:small", ("x", "y")),
        MethodList("b", "r1", "e:small", ()),
        MethodList("c", "r2", "e:large", ("z", "w", "v")),
    ]
    found = [
        Keyword("a-1", "a", "r1", "e:small", "x", "limit", "Limit"),
        Keyword("a-2", "a", "r1", "e:small", "y", "cause", "Cause"),
        Keyword("c-1", "c", "r2", "e:large", "z", "limit", "limit"),
        Keyword("c-2", "c", "r2", "e:large", "w", "limit", "limit"),
        Reject("c-3", "long phrase", "v", "limit what is "),
        Reject("c-4", "model error", "v", "timeout"),
    ]
    assert keywords.keyword_metrics(drawn, found, ["r1", "r2", "r3"]) == {
        "keywords": {
            "replies": 3,
            "lists": 2,
            "methods": 5,
            "distinct": {"all": 2, "r1": 2, "r2": 1, "r3": 0, "e:large": 1, "e:small": 2},
            "distinct_as_published": 4,
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
def stage(tmp_path, store, label):
    """Run the stage on round r1; give its outs, read."""

    def run(folders, rows=12):
        values = load_all_params(SHIPPED_PARAMS)
        changes = {"keywords": values.keywords.model_copy(update={"rows": rows}), "rounds": {"r1": None}}
        paths = {name: tmp_path / name for name in OUTS}
        script.main(values.model_copy(update=changes), script.Arguments(label=label, **folders, **paths))
        return {
            "keywords": tables.read(paths["keywords"], keywords.KEYWORDS),
            "rejects": tables.read(paths["rejects"], REJECTS),
            "frequencies": list(csv.reader(paths["frequencies"].read_text().splitlines())),
            **{name: json.loads(paths[name].read_text()) for name in ("counts", "metrics")},
        }

    return run


def test_the_stage_names_every_method_of_the_drawn_replies(write, stage):
    ways = ("Add a constraint on the form.", "Require several steps.")
    others = ("Use {} maps.", "Name {} rules.", "Draw {} lines.")
    lists = [
        listing(*ways, f"Ask for the cause{'s' * (at % 2)}.", *(other.format(at) for other in others))
        for at in range(60)
    ]
    made = stage(write("r1", *lists), rows=50)
    counts, figures = made["counts"], made["metrics"]["keywords"]
    assert counts["in"] == 300 == figures["methods"]
    assert counts["out"] == made["keywords"].height == 300 - made["rejects"].height
    assert set(counts["rejects"]) <= {"empty", "two phrases"} and made["rejects"].height
    assert made["frequencies"][0] == ["evolver", "keyword", "count"]
    phrases = [line[1].rstrip("s") for line in made["frequencies"][1:]]
    assert sorted(phrases[:3]) == ["add constraint form", "ask cause", "require several step"]
    assert len(set(phrases)) == len(phrases)
    assert sum(int(line[2]) for line in made["frequencies"][1:]) == counts["out"]
    assert figures["distinct"]["all"] == len(made["frequencies"]) - 1
    (asked,) = counts["asked"]
    assert (asked["role"], asked["purposes"]["keywords"]["requests"]) == ("judge", 300)
    assert figures["distinct"]["all"] < figures["distinct_as_published"] < 300


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
    counted = {"replies": read, "lists": 0, "methods": 0, "distinct": distinct, "distinct_as_published": 0}
    assert made["metrics"]["keywords"] == counted
    assert made["frequencies"] == [["evolver", "keyword", "count"]]
    assert f"none of {read} replies lists methods" in capsys.readouterr().err


def test_a_judge_that_names_nothing_stops_no_line(write, stage, engine, capsys):
    engine(lambda asked: "?")
    made = stage(write("r1", listing("Add a limit.")))
    counts = made["counts"]
    assert (counts["in"], counts["out"], counts["rejects"]) == (1, 0, {"no phrase": 1})
    assert "none of 1 methods could be named: no phrase (1)" in capsys.readouterr().err


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
