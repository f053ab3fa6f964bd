"""The explorer's files: what they hold, that text stays text, and that equal tables give equal bytes."""

from __future__ import annotations

import json
import re

import pytest
import trees

from evobuild.core import tables
from evobuild.core.errors import BadInput
from evobuild.core.instructions import INSTRUCTIONS
from evobuild.reporting import entries, explorer
from evobuild.reporting.outcomes import row_outcomes


@pytest.fixture
def written(tmp_path):
    """The folder of the small trees."""
    explorer.write_explorer(tmp_path / "explorer", trees.settings(), trees.small(tmp_path))
    return tmp_path / "explorer"


def content(path):
    """What a data script hands to `take`."""
    found = re.fullmatch(r'take\("(\w+)", (\d+), (.*)\);\n', path.read_text(encoding="ascii"), re.DOTALL)
    return json.loads(found[3])


def column(index, name):
    return [index["names"][name][code] for code in index["columns"][name]]


def several(index, name):
    sets = [[index["names"][name][code] for code in codes] for codes in index["sets"][name]]
    return [sets[code] for code in index["columns"][name]]


def test_entries_stand_tree_by_tree_and_attempts_before_the_child_of_their_round(written):
    texts = content(written / "texts/000.js")
    assert [each[0] for each in texts] == [
        "a-r0", "a-r1", "a-r2", "b-r0", "b-r0-r1-0", "b-r1", "b-r1-r2-0", "b-r1-r2-1", "c-r0", "c-r1",
        "d-r0", "d-r0-r1-0",
    ]  # fmt: skip
    assert content(written / "rows.js")["columns"]["parent"] == [-1, 0, 1, -1, 3, 3, 5, 5, -1, 8, -1, 10]
    assert texts[1][4:] == ["ornithology", "colours"] and texts[5][3:] == [""]
    assert texts[0][1:3] == ["Name a bird.", "a list"] and texts[4][1:] == ["I would rather not.", "", ""]


def test_entries_can_be_filtered_by_what_they_are(written):
    index = content(written / "rows.js")
    assert column(index, "round")[:5] == ["r0", "r1", "r2", "r0", "r1"]
    assert column(index, "domain")[:4] == ["code", "code", "code", "math"]
    assert column(index, "operation")[:5] == ["", "deepening", "reasoning", "", "deepening"]
    outcomes = several(index, "outcome")
    assert outcomes[:5] == [
        ["not up for selection"], ["selected"], ["rate: unparsed level", "select: below the cut"],
        ["not up for selection"], ["evolve: unparsable"],
    ]  # fmt: skip
    assert outcomes[5] == ["respond: stagnant complexity"] and outcomes[7] == ["evolve: truncated"]
    assert index["columns"]["difficulty"][:5] == [10, 60, 90, 50, None]
    assert index["columns"]["ic_ifd"][3:6] == [0.12346, None, None]
    assert index["columns"]["diversity"][:4] == [None, 0.75, 0.5, None]
    assert index["columns"]["reward"][:3] == [None, -1.5, None]
    assert several(index, "shared")[:3] == [[], ["held_out: 13-gram", "held_out: 8-gram"], []]


def test_entries_have_models_and_lengths_to_be_filtered_by(written):
    index = content(written / "rows.js")
    assert column(index, "evolver")[:5] == ["", "m", "m", "", "simulated:small"]
    assert column(index, "responder")[:6] == ["", "n", "n", "", "", ""]
    assert index["columns"]["words"][:6] == [3, 4, 7, 2, 4, 2]
    assert index["columns"]["answer_words"][:6] == [4, 4, 4, 4, None, None]
    assert index["columns"]["attempt"] == [0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 1]
    texts = content(written / "texts/000.js")
    assert re.fullmatch("[0-9a-f]{10}", texts[0][3]) and texts[0][3] != texts[1][3] and texts[5][3] == ""


def test_what_was_not_measured_is_no_score_to_filter_by(tmp_path):
    where = trees.write(tmp_path, [trees.row("a-r0")], {}, {})
    explorer.write_explorer(tmp_path / "explorer", trees.settings(rounds={}, pools={"r0": {}}), where)
    index = content(tmp_path / "explorer/rows.js")
    measured = [name for name in explorer.metrics_explored() if name in index["columns"]]
    assert measured == ["ic_ifd", "ifd", "difficulty"]
    assert list(index["metrics"]) == list(explorer.metrics_explored())
    assert (index["metrics"]["ic_ifd"], index["metrics"]["reward"]) == ("IC-IFD", "reward")
    assert index["names"]["shared"] == [] and index["sets"]["shared"] == [[]]


def test_the_rest_is_read_with_the_tree(written):
    rests = content(written / "trees/000.js")
    overlaps = [
        ["held_out", "held.parquet[3]", "13-gram", "name a red bird"],
        ["held_out", "held.parquet[4]", "8-gram", "a red bird"],
    ]
    assert rests[1] == [None, [], "m", "hard", "An answer to a-r1.", "n", [], "c-r1", overlaps]
    assert rests[3][7:] == [None, []]
    assert rests[3][1] == [["user", "Hello."], ["assistant", "Hi."]]
    assert rests[4][0] == 0 and rests[4][6] == [["evolve", "unparsable", "no final label", ""]]
    assert rests[5][4] is None and rests[5][6] == [
        ["respond", "stagnant complexity", "", "Great, which one?"]
    ]


def test_calls_are_in_pieces_and_texts_of_the_row_stand_there_once(written, tmp_path):
    pieces, calls = content(written / "calls/000.js")
    texts = content(written / "texts/000.js")
    assert len(calls) == len(texts) and len(pieces) == len(set(pieces))
    child = "Name a red bird and say why."
    assert texts[2][1] == child and not any(child in piece for piece in pieces)
    known = [texts[1][1], texts[1][2], child, "", "An answer to a-r2."]
    joined = [
        ["".join((known + pieces)[number] for number in text) for text in call] for call in calls[2][:2]
    ]
    role, model, source, prompt, thought, reply = joined[0]
    assert (role, model, source, thought) == ("evolver", "m", "prompts/evolve/reasoning.jinja", "")
    assert "\n#Instruction#:\nName a red bird." in prompt and reply == f"Let me see.\n{child}"
    assert joined[1] == ["responder", "n", "prompts/respond/answer.jinja", child, "", "An answer to a-r2."]
    assert [call[5] for call in calls[2]][2:] == [None, None], "a judge's reply that was read is nowhere"


def test_equal_tables_give_equal_bytes(tmp_path, written):
    explorer.write_explorer(tmp_path / "again", trees.settings(), trees.small(tmp_path / "same"))
    files = sorted(path.relative_to(written) for path in written.rglob("*") if path.is_file())
    assert len(files) == len(explorer.SCRIPTS) + 5
    assert all((written / file).read_bytes() == (tmp_path / "again" / file).read_bytes() for file in files)


def test_no_text_can_end_a_script_or_a_line_of_one(written):
    for path in written.rglob("*.js"):
        if path.name not in explorer.SCRIPTS:
            text = path.read_text(encoding="ascii")
            assert "<" not in text and text.count("\n") == 1
    assert [each[1] for each in content(written / "texts/000.js")][8] == trees.HOSTILE
    page = (written / "index.html").read_text(encoding="utf-8")
    assert "hacked" not in page and page.count("<script") == len(explorer.SCRIPTS) + 1


def test_nothing_outside_the_folder_is_asked_for(written):
    page = (written / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'src="([^"]*)"', page) == [*explorer.SCRIPTS, "rows.js"]
    assert re.findall(r'href="([^"]*)"', page) == ["../report.html", "../report.html#evaluation"]
    for path in written.rglob("*"):
        if path.is_file():
            assert not re.search(
                r"https?://|@import|url\(|innerHTML|insertAdjacentHTML|eval\(", path.read_text()
            )


def test_a_dry_run_says_so(tmp_path, written):
    page = (written / "index.html").read_text(encoding="utf-8")
    assert "DRY RUN" in page and "evolver, optimizer, responder, judge" in page
    models = dict.fromkeys(("evolver", "optimizer", "responder", "judge"), "transformers:a/b@1234567")
    models |= {"scorer": "models/scratch"}
    models |= dict.fromkeys(("embedder", "reward", "tagger", "entailment"))
    explorer.write_explorer(tmp_path / "real", trees.settings(models=models), trees.small(tmp_path / "same"))
    assert "DRY RUN" not in (tmp_path / "real/index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("label", ["TOY", "DRY RUN, TOY"])
def test_the_label_of_the_run_is_on_the_page(tmp_path, label):
    explorer.write_explorer(tmp_path / "explorer", trees.settings(), trees.small(tmp_path), label)
    page = (tmp_path / "explorer/index.html").read_text(encoding="utf-8")
    assert f"<title>{label} · " in page and f"<strong>{label}</strong>" in page and "A toy model" in page


def test_a_tree_is_never_split_between_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(explorer, "PART", 4)
    explorer.write_explorer(tmp_path / "explorer", trees.settings(), trees.small(tmp_path))
    folder = tmp_path / "explorer"
    starts = content(folder / "rows.js")["starts"]
    assert starts == [0, 8]
    for kind in ("texts", "trees"):
        assert [len(content(folder / f"{kind}/{part:03d}.js")) for part in (0, 1)] == [8, 4]
        assert not (folder / f"{kind}/002.js").exists()


@pytest.mark.parametrize(("part", "starts"), [(1, [0, 3, 8, 10]), (3, [0, 3, 8]), (9, [0, 10]), (99, [0])])
def test_a_part_ends_with_the_tree_that_fills_it(tmp_path, monkeypatch, part, starts):
    monkeypatch.setattr(explorer, "PART", part)
    explorer.write_explorer(tmp_path / "explorer", trees.settings(), trees.small(tmp_path))
    assert content(tmp_path / "explorer/rows.js")["starts"] == starts


def test_of_too_many_rows_the_first_trees_are_shown_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(explorer, "MOST", 6)
    explorer.write_explorer(tmp_path / "explorer", trees.settings(), trees.small(tmp_path))
    assert [each[0] for each in content(tmp_path / "explorer/texts/000.js")][-1] == "b-r1-r2-1"
    page = (tmp_path / "explorer/index.html").read_text(encoding="utf-8")
    assert "5 rows in 2 trees" in page and "Of 4 trees" in page


def test_of_too_many_trees_those_of_selected_rows_come_first(tmp_path):
    where = trees.small(tmp_path)
    roots = entries.tree_roots(trees.settings(), where)
    last = trees.row("z-r9", roots[-1])._replace(seed_id=roots[-1])
    tables.write(where.dataset, tables.frame(INSTRUCTIONS, [last]))
    assert entries.choose_roots(roots, where, 2).to_list() == [roots[0], roots[-1]]
    assert entries.choose_roots(roots, where, 1).to_list() == [roots[-1]]
    assert entries.choose_roots(roots, where, 4).to_list() == roots.to_list()


def test_rounds_may_stand_in_any_order_and_branch(tmp_path):
    rows = [trees.row("a-r0"), trees.row("a-r1", "a-r0"), trees.row("a-r2", "a-r0")]
    failed = [trees.attempt("a-r0", 0, "deepening", "chat", "empty", "", "")]
    where = trees.write(tmp_path, rows, {"r1": failed, "r2": failed}, {})
    rounds = {"r2": {"parent": "r0"}, "r1": {"parent": "r0"}}
    explorer.write_explorer(tmp_path / "explorer", trees.settings(rounds=rounds), where)
    ids = [each[0] for each in content(tmp_path / "explorer/texts/000.js")]
    assert ids == ["a-r0", "a-r0-r2-0", "a-r2", "a-r0-r1-0", "a-r1"]


def test_a_row_of_a_branch_hangs_below_its_query_or_is_a_tree_of_its_own(tmp_path):
    where = trees.write(tmp_path, [trees.row("b-r0"), trees.row("b-r1", "b-r0")], {}, {})
    made = {"strategy": "autoif", "operation": "autoif-c", "input": "Name b.", "instruction": "Use no comma."}
    rows = [
        trees.row("b-autoif", "b-r0", **made),
        *(trees.row(f"{name}-autoif", seed_id=f"{name}-autoif", **made) for name in "ac"),
    ]
    tables.write(where.rounds / "autoif.parquet", tables.frame(INSTRUCTIONS, rows))
    given = trees.settings(rounds={"r1": {"parent": "r0"}}, branches={"autoif": {}})
    explorer.write_explorer(tmp_path / "explorer", given, where)
    texts = content(tmp_path / "explorer/texts/000.js")
    assert [each[0] for each in texts] == ["a-autoif", "b-r0", "b-r1", "b-autoif", "c-autoif"]
    assert texts[0][1:3] == ["Use no comma.", "Name b."]
    assert content(tmp_path / "explorer/rows.js")["columns"]["parent"] == [-1, -1, 1, 1, -1]
    assert "5 rows in 3 trees" in (tmp_path / "explorer/index.html").read_text(encoding="utf-8")


def test_a_score_that_is_no_number_is_none(tmp_path):
    ratings = {"a-r0": float("nan"), "b-r0": 50.0}
    where = trees.write(tmp_path, [trees.row("a-r0"), trees.row("b-r0")], {}, {}, ratings=ratings)
    explorer.write_explorer(tmp_path / "explorer", trees.settings(rounds={}, pools={"r0": {}}), where)
    assert content(tmp_path / "explorer/rows.js")["columns"]["difficulty"] == [None, 50]


@pytest.mark.parametrize("name", [
    "rounds/r1", "failures/r2", "responses/r0", "rejects/select", "measures/scores/r2",
    "measures/diversity/r0", "measures/rewards/r1", "measures/tags/r2", "contamination/held_out",
    "replies/r1", "unread/r0",
])  # fmt: skip
def test_a_missing_table_is_named(tmp_path, name):
    where = trees.small(tmp_path)
    (tmp_path / f"{name}.parquet").unlink()
    with pytest.raises(BadInput, match=re.escape(f"{name}.parquet")):
        explorer.write_explorer(tmp_path / "explorer", trees.settings(), where)


def test_outcomes_are_told_of_the_rows_that_were_asked_for(tmp_path):
    where = trees.small(tmp_path)
    found = row_outcomes(["a-r1", "b-r1"], trees.settings(), where)
    assert list(found) == ["a-r1", "b-r1"]
    measured = found["a-r1"].measured
    assert found["a-r1"].selected and (measured["level"], measured["difficulty"]) == ("hard", 60.0)
    assert measured["ic_ifd"] == 0.123456789 and found["a-r1"].labels == ("selected",)
    assert (measured["neighbour"], measured["diversity"]) == ("c-r1", 0.75) and measured["reward"] == -1.5
    assert measured["tags"] == ["ornithology", "colours"] and found["b-r1"].measured["tags"] == []
    assert found["a-r1"].overlaps[0] == ("held_out", "held.parquet[3]", "13-gram", "name a red bird")
    assert found["b-r1"].answer is None and found["b-r1"].losses[0].stage == "respond"


def test_what_was_measured_is_said_in_a_line_a_measure(tmp_path):
    found = row_outcomes(["a-r1", "b-r1"], trees.settings(), trees.small(tmp_path))
    assert list(found["a-r1"].measured_lines()) == [
        ("rated", "hard, difficulty 60 of 100"),
        ("scored", "question_tokens 9, answer_tokens 7, truncated False, loss_q 2, loss_a_given_q 1, "
                   "loss_a 2, ifd 0.5, ifd_ppl 0.4, ic_ifd 0.12346"),
        ("nearest other instruction", "c-r1, distance 0.75"),
        ("reward", "-1.5, 4 tokens, -0.5 scaled by length"),
        ("tags", "ornithology, colours"),
    ]  # fmt: skip
    assert list(found["b-r1"].measured_lines()) == [("rated", "hard, difficulty 50 of 100"), ("tags", "none")]


def test_what_was_not_measured_is_none(tmp_path):
    where = trees.write(
        tmp_path, [trees.row("a-r0"), trees.row("b-r0")], {}, {"respond-r0": [("b-r0", "", "", "")]}
    )
    given = trees.settings(rounds={}, pools={"r0": {}})
    found = row_outcomes(["a-r0", "b-r0"], given, where)
    assert not found["a-r0"].measured.keys() & {"neighbour", "diversity", "reward", "tags"}
    assert found["a-r0"].overlaps == ()
    assert found["b-r0"].overlaps is None, "what has no answer was held against no set"
    without = trees.settings(decontaminate=given.decontaminate.model_dump() | {"sets": {}})
    assert row_outcomes(["a-r0"], without, where)["a-r0"].overlaps is None


def test_a_selected_row_that_training_lost_is_both(tmp_path):
    lost = {"finetune-toy": [("a-r0", "too long", "", "")]}
    where = trees.write(tmp_path, [trees.row("a-r0")], {}, lost, ("a-r0",))
    found = row_outcomes(["a-r0"], trees.settings(), where)
    assert found["a-r0"].labels == ("selected", "finetune@toy: too long")


def test_a_removed_pool_is_not_read(tmp_path):
    where = trees.small(tmp_path)
    for folder in (where.responses, *where.measures.iterdir()):
        (folder / "r1.parquet").write_text("left behind")
    given = trees.settings(pools={"r0": {}, "r2": {}})
    assert row_outcomes(["a-r1"], given, where)["a-r1"].answer is None
    assert tables.read(where.rounds / "r1.parquet", INSTRUCTIONS).height == 3


def test_select_says_nothing_of_a_row_that_another_stage_lost(tmp_path):
    rejects = {
        "respond-r1": [("a-r1", "stagnant complexity", "", "Great?")],
        "select": [("a-r1", "not answered", "", ""), ("b-r1", "not answered", "", "")],
    }
    rows = [trees.row("a-r0"), trees.row("a-r1", "a-r0"), trees.row("b-r0"), trees.row("b-r1", "b-r0")]
    found = row_outcomes(["a-r1", "b-r1"], trees.settings(), trees.write(tmp_path, rows, {}, rejects))
    assert found["a-r1"].labels == ("respond: stagnant complexity",)
    assert found["b-r1"].labels == ("select: not answered",)
