"""IFEval: every kind of instruction by hand, eight forms of a reply, items that are none, and figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import polars as pl
import pytest
from answers import answered, scored_rows, values
from punkt import only_nltk_data, write_punkt

from evobuild.core.errors import BadInput, MissingExtra, UserError
from evobuild.evaluation.benchmark import Settings
from evobuild.evaluation.benchmarks.ifeval import IFEval, Verdict, check_reply, language, reply_forms
from evobuild.evaluation.benchmarks.ifeval.checks import CHECKS
from evobuild.evaluation.benchmarks.ifeval.instructions import read_instructions

OWN = Path(__file__).parents[3] / "data/raw/benchmarks/ifeval.jsonl"
AT_LEAST, LESS = "at least", "less than"
MAYBE = "My answer is maybe."
PHRASE = {"end_phrase": "That is all. "}
NTH = {"num_paragraphs": 3, "nth_paragraph": 2, "first_word": "Elm"}
BULLETS = "detectable_format:number_bullet_lists"
PROSE = "The river runs through the old town and under three bridges before it meets the sea."

# A kind, what it asks for, a text that follows it, and one that does not.
EITHER = [
    ("keywords:existence", {"keywords": ["Kiwi", "c++"]}, "kiwis, and C++ too", "kiwis"),
    ("keywords:existence", {"keywords": ["a.b"]}, "A.B", "axb"),
    ("keywords:frequency", {"keyword": " tea ", "frequency": 2, "relation": AT_LEAST}, "Tea, steam", "tea"),
    ("keywords:frequency", {"keyword": "tea", "frequency": 2, "relation": LESS}, "Tea", "teatea"),
    ("keywords:forbidden_words", {"forbidden_words": ["tea"]}, "steam, teas", "No Tea!"),
    ("keywords:forbidden_words", {"forbidden_words": ["a.b"]}, "axb", "So A.B it is"),
    ("keywords:letter_frequency", {"letter": "E", "let_frequency": 2, "let_relation": AT_LEAST}, "eE", "e"),
    ("keywords:letter_frequency", {"letter": "e", "let_frequency": 0, "let_relation": AT_LEAST}, "x", None),
    ("keywords:letter_frequency", {"letter": "e", "let_frequency": 0, "let_relation": LESS}, None, "x"),
    ("language:response_language", {"language": "de"}, "Der Fluss fließt durch die alte Stadt.", PROSE),
    ("language:response_language", {"language": "de"}, "12 34", PROSE),  # Nothing to tell a language by.
    (
        "length_constraints:number_sentences",
        {"num_sentences": 2, "relation": LESS},
        "Dr. Who.",
        "Sit. The b.",
    ),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": AT_LEAST}, "So. The b!", "So."),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "***a\n***\nb***", "a\n\nb"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a *** b", "a *** *** b"),
    ("length_constraints:number_words", {"num_words": 3, "relation": AT_LEAST}, "it's so", "so it"),
    ("length_constraints:number_words", {"num_words": 3, "relation": LESS}, "well-known", "a b c"),
    ("length_constraints:nth_paragraph_first_word", NTH, "a\n\nelm's b\n\nc", "a\n\nelms\n\nc"),
    ("length_constraints:nth_paragraph_first_word", NTH, "a\n\n'\"Elm, b\n\nc\n\n", "a\n\n\n\nelm\n\nc"),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[[a] []", "[a\nb] [c]"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye\np. s. x", "P.S"),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "Bye. P. P.s", "P.S. x"),
    ("detectable_content:postscript", {"postscript_marker": "N.B."}, "n.b. x", "nxb."),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n\n  - b", "** a\n- b"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 1}, "*\n* a", "*"),
    ("detectable_format:constrained_response", {}, f"Well. {MAYBE} So.", "My answer is Yes."),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a* **b**", "*a* * * *\n*"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Day ", "num_sections": 2},
        "Day 1Day2",
        "Day 1 day 2",
    ),
    ("detectable_format:json_format", {}, '```json\n{"a": [1]}\n```', "{'a': 1}"),
    ("detectable_format:json_format", {}, "3", "[" * 100_000),
    ("detectable_format:title", {}, "On\n<<Tea>> time", "<<\nTea>>"),
    ("detectable_format:title", {}, "<<<a>>", "<<>>\n<<   >>"),
    ("combination:two_responses", {}, "******a******b", "a******a"),
    ("combination:two_responses", {}, "a ****** b\n******", "a******b******c"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say hi. "}, " say HI. Hi!", "Hi! Say hi."),
    ("startend:end_checker", PHRASE, 'So "THAT is all."', "That is all. So"),
    ("startend:quotation", {}, ' "a" ', '"'),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": AT_LEAST},
        "A B-C d",
        "A b",
    ),
    ("change_case:capital_word_frequency", {"capital_frequency": 1, "capital_relation": LESS}, "Mr b", "USA"),
    ("change_case:english_capital", {}, PROSE.upper(), PROSE),
    ("change_case:english_lowercase", {}, PROSE.lower(), PROSE),
    ("change_case:english_lowercase", {}, None, "der fluss fließt durch die alte stadt und ins meer."),
    ("punctuation:no_comma", {}, "a b", "a, b"),
]


def record(kinds, kwargs, key=1, **fields):
    return {"key": key, "prompt": "Do it.", "instruction_id_list": kinds, "kwargs": kwargs} | fields


def instructions(kind, asked, key=1):
    return read_instructions(record([kind], [asked], key), "x")


@pytest.fixture(autouse=True)
def punkt(tmp_path, monkeypatch):
    write_punkt(tmp_path / "nltk_data", monkeypatch)


@pytest.mark.parametrize(("kind", "asked", "follows", "fails"), EITHER)
def test_each_kind_tells_texts_that_follow_it(kind, asked, follows, fails):
    (read,) = instructions(kind, asked)
    assert follows is None or read.holds(follows) is True
    assert fails is None or read.holds(fails) is False


def test_every_kind_is_checked_both_ways():
    assert len(CHECKS) == 25
    assert {kind for kind, _, text, _ in EITHER if text} == set(CHECKS)
    assert {kind for kind, _, _, text in EITHER if text} == set(CHECKS)


def test_a_reply_has_eight_forms():
    assert reply_forms(" *a*\n b\n*c* ") == [
        " *a*\n b\n*c* ",
        "b\n*c*",
        "*a*\n b",
        "b",
        " a\n b\nc ",
        "b\nc",
        "a\n b",
    ]  # The eighth, the middle without asterisks, is the middle again.
    assert reply_forms("a") == ["a"]
    assert reply_forms(" \n\t") == reply_forms("") == []
    assert reply_forms("***") == ["***"]


def test_a_form_that_follows_is_enough_for_loose_and_not_for_strict():
    (no_comma,) = [instructions("punctuation:no_comma", {})]
    assert check_reply(no_comma, "Sure, here:\nx\ny") == [Verdict(strict=False, loose=True)]
    assert check_reply(no_comma, "x\ny, z\nw") == [Verdict(strict=False, loose=False)]
    assert check_reply(no_comma, "x") == [Verdict(strict=True, loose=True)]


@pytest.mark.parametrize("blank", ["", " \n\t "])
def test_a_blank_reply_follows_nothing(blank):
    assert check_reply(instructions("punctuation:no_comma", {}), blank) == [
        Verdict(strict=False, loose=False)
    ]


def test_a_letter_that_is_none_is_drawn_by_the_key_as_the_official_code_does():
    asked = {"letter": "#", "let_frequency": 4, "let_relation": AT_LEAST}
    # random.seed(1122); random.choice(string.ascii_letters), in small.
    letters = [
        instructions("keywords:letter_frequency", asked, key)[0].asked["letter"] for key in (1122, 1129)
    ]
    assert letters == ["d", "u"]


def test_a_language_is_the_same_whatever_was_seen_before():
    langdetect = pytest.importorskip("langdetect")
    text = "so it is"  # Unseeded, it is English or Tagalog.
    found = set()
    for seed in range(12):
        langdetect.DetectorFactory.seed = seed
        language.detect_language.cache_clear()
        found.add(language.detect_language(text))
    assert len(found) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"instruction_id_list": ["keywords:no"]}, "unknown kind of instruction 'keywords:no'; did"),
        ({"instruction_id_list": [None]}, "unknown kind of instruction 'None'"),
        ({"instruction_id_list": []}, "'instruction_id_list' is a list; expected kinds"),
        ({"instruction_id_list": None}, "'instruction_id_list' is missing"),
        ({"kwargs": []}, "'kwargs' is a list of 0; expected a list of 1, one for each kind"),
        ({"kwargs": "{}"}, "'kwargs' is text; expected a list of 1"),
        ({"kwargs": ["x"]}, "'kwargs' of length_constraints:number_words is text; expected an object"),
        ({"kwargs": None}, "'num_words' of length_constraints:number_words is missing; expected a whole"),
        ({"kwargs": [{"num_words": 3}]}, "'relation' of .* is missing; expected 'less than' or 'at least'"),
        ({"kwargs": [{"num_words": 3, "relation": "at most"}]}, "'relation' of .* is 'at most'; expected"),
        ({"kwargs": [{"num_words": True, "relation": LESS}]}, "'num_words' of .* is True; expected a whole"),
        ({"kwargs": [{"num_words": 2.5, "relation": LESS}]}, "'num_words' of .* is 2.5; expected a whole"),
        ({"kwargs": [{"num_words": -1, "relation": LESS}]}, "'num_words' of .* is -1; expected a whole"),
        ({"kwargs": [{"num_words": float("nan"), "relation": LESS}]}, "'num_words' of .* is nan; expected"),
        ({"prompt": " "}, "'prompt' is empty; expected text"),
        ({"key": None}, "'key' is missing; expected a number or text"),
        ({"key": 1.5}, "'key' is a number; expected a number or text"),
    ],
)  # fmt: skip
def test_an_item_that_is_none_is_named_with_its_place(tmp_path, changes, message):
    good = record(["length_constraints:number_words"], [{"num_words": 3, "relation": LESS}])
    file = tmp_path / "items.jsonl"
    file.write_text(json.dumps(good) + "\n" + json.dumps(good | {"key": 2} | changes) + "\n")
    with pytest.raises(BadInput, match=f"^items.jsonl:2: {message}"):
        IFEval("ifeval", Settings(items=str(file)), 1).read_items()


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("keywords:existence", {"keywords": []}),
        ("keywords:existence", {"keywords": ["a", ""]}),
        ("keywords:existence", {"keywords": "a"}),
        ("keywords:forbidden_words", {"forbidden_words": [1]}),
        ("startend:end_checker", {"end_phrase": " "}),
        ("language:response_language", {"language": "English"}),
        ("length_constraints:nth_paragraph_first_word", NTH | {"nth_paragraph": 4}),
        ("length_constraints:nth_paragraph_first_word", NTH | {"nth_paragraph": 0}),
    ],
)
def test_an_argument_that_cannot_be_is_refused(kind, asked):
    with pytest.raises(BadInput, match=f"^x: '.*' of {kind} is "):
        instructions(kind, asked)


def test_the_columns_of_the_hub_are_read_with_their_nulls(tmp_path):
    nulls = {"num_words": None, "relation": None, "keywords": None, "num_bullets": None}
    rows = [
        record(["punctuation:no_comma", BULLETS], [nulls, nulls | {"num_bullets": 3}]),
        record(["keywords:existence"], [nulls | {"keywords": ["a"]}], key=2),
    ]
    pl.DataFrame(rows).write_parquet(tmp_path / "hub.parquet")
    items = IFEval("ifeval", Settings(items=str(tmp_path / "hub.parquet")), 1).read_items()
    assert [item.id for item in items] == ["1", "2"]
    assert [dict(each.asked) for each in items[0].content["instructions"]] == [{}, {"num_bullets": 3}]
    assert items[1].content["instructions"][0].asked == {"keywords": ["a"]}


def one_item(tmp_path, kind, asked):
    (tmp_path / "items.jsonl").write_text(json.dumps(record([kind], [asked])))
    return IFEval("ifeval", Settings(items=str(tmp_path / "items.jsonl")), 1)


def test_a_missing_model_of_punkt_is_said_before_anything_is_asked_and_only_where_it_is_needed(
    tmp_path, monkeypatch
):
    only_nltk_data(tmp_path / "none", monkeypatch)
    sentences = {"num_sentences": 2, "relation": LESS}
    with pytest.raises(UserError, match=r"python -m nltk\.downloader punkt_tab, or .* NLTK_DATA") as error:
        one_item(tmp_path, "length_constraints:number_sentences", sentences).read_items()
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="punkt_tab"):
        one_item(
            tmp_path,
            *("change_case:capital_word_frequency", {"capital_frequency": 1, "capital_relation": LESS}),
        ).read_items()
    assert one_item(tmp_path, "punctuation:no_comma", {}).read_items()


@pytest.mark.parametrize(
    ("library", "kind", "asked"),
    [
        ("langdetect", "change_case:english_capital", {}),
        ("nltk", "length_constraints:number_sentences", {"num_sentences": 2, "relation": LESS}),
    ],
)
def test_a_missing_library_is_named_with_its_extra(tmp_path, monkeypatch, library, kind, asked):
    for name in [name for name in sys.modules if name.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    language.list_languages.cache_clear()
    with pytest.raises(MissingExtra, match=rf"'{library}.*pip install 'evobuild\[eval\]'"):
        one_item(tmp_path, kind, asked).read_items()
    assert one_item(tmp_path, "punctuation:no_comma", {}).read_items()


REPLIES = {
    "1": "Basil and thyme and chives",
    "2": "A tall house stands on stones; its light sweeps across seas.",
    "3": "Here you go:\n* towel\n* book\n* hat\n* water",
    "4": "Yeast makes gas in the warm dough. **Now bake some.**",
    "5": '```json\n{"open": "9-17"}\n```',
    "6": "<<Lost cat>>\nHave you seen Tom, our cat?",
    "7": "Fill it with water and vinegar, boil it, and rinse it.",
    "8": "",
}


def test_own_items_are_scored_from_plain_texts():
    benchmark = IFEval("ifeval", Settings(items=str(OWN)), 1)
    items = benchmark.read_items()
    assert len(items) == 8
    assert [ask.messages[0].content for ask in benchmark.next_requests(items[0], ())] == [
        items[0].content["prompt"]
    ]
    rows = scored_rows(benchmark, answered(items, REPLIES))
    assert dict(rows.select("item", "score").iter_rows()) == {
        "1": 1, "2": 1, "3": 1, "4": 0, "5": 1, "6": 0, "7": 0, "8": 0
    }  # fmt: skip
    checks = {
        row["item"]: {check["name"]: check["value"] for check in row["checks"]} for row in rows.to_dicts()
    }
    assert checks["4"] == {
        "loose": 1.0,  # Without asterisks it ends with the phrase.
        "strict/keywords:existence": 1.0,
        "strict/startend:end_checker": 0.0,
        "loose/keywords:existence": 1.0,
        "loose/startend:end_checker": 1.0,
    }
    words = "length_constraints:number_words"
    assert {name for name in checks["7"] if name.startswith("strict/")} == {
        f"strict/{words}",
        f"strict/{words}#2",
    }
    # 13 instructions: strictly all but the end of 4, the postscript of 6, the 20 words of 7 and both of 8.
    assert values(benchmark.compute_metrics(rows)) == pytest.approx(
        {
            "prompt_strict": 4 / 8,
            "prompt_loose": 5 / 8,
            "instruction_strict": 8 / 13,
            "instruction_loose": 9 / 13,
        }
    )
    assert benchmark.compute_metrics(rows)["instruction_strict"]["unit"].to_list() == sorted(REPLIES)
