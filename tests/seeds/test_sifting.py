"""What is no seed is lost with its reason: courtesies, short rows, other languages and other turns."""

from __future__ import annotations

import polars as pl
import pytest
from workspace import SHIPPED_PARAMS

from evobuild.core.yaml_files import read_yaml
from evobuild.seeds.clean import select_kept_rows, select_rejected_rows
from evobuild.seeds.closings import asks_for_nothing
from evobuild.seeds.formats import SourceRow
from evobuild.seeds.params import Seed
from evobuild.seeds.seed import keep_seeds

SHIPPED = read_yaml(SHIPPED_PARAMS)["seed"]


def source(place: int, instruction: str, conversation: int | None = None, **fields) -> SourceRow:
    number = place if conversation is None else conversation
    row = SourceRow(f"a.jsonl:{place}", number, (), instruction, "", "An answer.", None)
    return row._replace(**fields)


def talk(conversation: int, *turns: str) -> list[SourceRow]:
    """The rows of a conversation, each with the turns before it."""
    said: tuple[tuple[str, str], ...] = ()
    found = []
    for place, turn in enumerate(turns):
        found.append(source(10 * conversation + place, turn, conversation, history=said))
        said = (*said, ("user", turn), ("assistant", "Well."))
    return found


def sifted(rows: list[SourceRow], **given) -> tuple[list[str], list[str]]:
    """The instructions that are kept, and the reasons of the others; no row is lost without one."""
    with keep_seeds(rows, Seed.model_validate(SHIPPED | given)) as found:
        table = pl.concat(found.batches())
    kept, lost = select_kept_rows(table), select_rejected_rows(table)
    assert kept.height + lost.height == len(rows)
    return kept["instruction"].to_list(), lost["reason"].to_list()


@pytest.mark.parametrize(
    "turn",
    [
        "Thanks!",
        "thank you so much for your help :)",
        "Ok, go on.",
        "HELLO",
        "Hi there! How are you?",
        "You’re welcome",
        "Yes please",
        "continue",
        "Vielen Dank für deine Hilfe!",
        "谢谢你!",
        "धन्यवाद",
        "Great, thanks 👍",
    ],
)
def test_turns_of_courtesy_ask_for_nothing(turn):
    assert asks_for_nothing(turn)
    assert sifted([source(1, turn), source(2, "Name a river.")]) == (["Name a river."], ["asks for nothing"])


@pytest.mark.parametrize(
    "turn",
    [
        "Thanks! Now in French",
        "Continue the story about the dog.",
        "Is this good?",
        "Help me continue this",
        "Say hello in three languages.",
        "Yes or no: is 7 prime?",
        "1 + 1",
        "🐍➕🍎=?",
        "",
        "thanks " * 30,
    ],
)
def test_what_asks_for_something_is_no_courtesy(turn):
    assert not asks_for_nothing(turn)


def test_courtesy_with_an_input_is_a_request():
    assert sifted([source(1, "Continue", input="Once upon a time")]) == (["Continue"], [])


@pytest.mark.parametrize(
    ("turns", "kept", "lost"),
    [
        ("all", ["Name a river.", "In Asia, please.", "Name a lake."], 2),
        ("first", ["Name a river.", "Name a lake."], 3),
        ("last", ["In Asia, please.", "Name a lake."], 3),
    ],
)
def test_of_a_conversation_the_turns_that_params_name_are_kept_among_those_that_ask(turns, kept, lost):
    rows = [*talk(1, "Hello!", "Name a river.", "In Asia, please.", "Thanks!"), *talk(2, "Name a lake.")]
    found, reasons = sifted(rows, turns=turns)
    assert (found, len(reasons)) == (kept, lost)
    assert sorted(set(reasons)) == ["asks for nothing", *(["other turn"] if turns != "all" else [])]


def test_instances_of_one_record_are_no_turns():
    rows = [source(1, "Add.", 1, input="1, 2"), source(1, "Add.", 1, input="3, 4")]
    assert sifted(rows, turns="first") == (["Add.", "Add."], [])


def test_short_instructions_are_lost_and_their_input_counts():
    rows = [
        source(1, "Name it."),
        source(2, "Sum up.", input="A long text."),
        source(3, "Name three rivers."),
    ]
    assert sifted(rows, min_words=3) == (["Sum up.", "Name three rivers."], ["too short"])
    assert sifted(rows, min_words=1)[1] == []


def test_rows_of_other_languages_are_lost_and_those_that_do_not_tell_stay():
    german, english = "Wie koche ich Reis, damit er locker wird?", "How do I cook rice so that it is loose?"
    rows = [source(1, german), source(2, english), source(3, "7 * 6")]
    assert sifted(rows, languages=["de"]) == ([german, "7 * 6"], ["other language"])
    assert sifted(rows)[1] == []


@pytest.mark.parametrize("wrong", [{"turns": "some"}, {"min_words": 0}, {"languages": ["german"]}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Seed.model_validate(SHIPPED | wrong)
