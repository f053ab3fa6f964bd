"""Labelled examples: labels are read back to text, in every template, for rows of every kind."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from itertools import groupby, product
from typing import Any

import llama_factory
import made_tokenizers
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as some
from tokenizers import Tokenizer

from evobuild.core.errors import BadInput, UserError
from evobuild.core.instructions import Instruction, PreferencePair
from evobuild.core.rejects import Reject
from evobuild.core.uri import Weights
from evobuild.training.examples import labelling
from evobuild.training.examples.templates import PUBLISHED, answer_end, template_source
from evobuild.training.params import TEMPLATES, Dpo, Finetune, Lora
from evobuild.training.running.job import UNLABELLED, Example
from evobuild.weights import checkpoints, tokenized_pairs
from evobuild.weights.losses import Pair

LLAMA3 = ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
SOURCES = {name: PUBLISHED[name].read_text() for name in TEMPLATES} | {
    "toy": checkpoints.CHAT_TEMPLATE, "chatml": made_tokenizers.CHATML
}  # fmt: skip
ENDS = {"llama3": "<|eot_id|>", "qwen": "<|im_end|>", "chatml": "<|im_end|>", "llama2": " </s>"}
"""What ends an answer, by template; </s> by the others."""
EACH = [*product(SOURCES, made_tokenizers.KINDS)]
TRIMS = ("llama3", "llama2", "mistral", "chatml")
"""Templates that cut blank space off an answer."""


@cache
def tokenizer(template: str, kind: str = "byte lines") -> Any:
    made = made_tokenizers.with_tokens(kind, *LLAMA3)
    made.chat_template = SOURCES[template]
    return made


def params(**fields: Any) -> Finetune:
    return Finetune(**({
        "data": "dataset", "method": "sft", "template": "own", "loss": "answers", "truncate": "right",
        "max_length": 128, "epochs": 1, "batch": 4, "learning_rate": 0.01, "schedule": "cosine", "warmup": 0,
        "weight_decay": 0, "clip": 1, "optimizer": "adamw", "precision": "mixed", "neftune": 0,
        "lora": Lora(rank=0, alpha=8, dropout=0, targets="all-linear", quantize=None), "merge": True,
        "dpo": Dpo(beta=0.1, reference=True), "save_steps": 10, "eval_steps": None,
    } | fields))  # fmt: skip


def labelled(made: Any, row: Instruction, limit: int = 9999, **fields: Any) -> Example:
    ((example,), _) = labelling.label_examples(made, [row], params(**fields), limit)
    return example


def read_back(made: Any, example: Example) -> tuple[list[str], list[str]]:
    """The texts that are not in the loss, and those that are, a stretch each."""
    ids, labels = example["input_ids"], example["labels"]
    assert len(ids) == len(labels) and labels[0] == UNLABELLED
    assert all(label in (token, UNLABELLED) for token, label in zip(ids, labels, strict=True))
    stretches = {True: [], False: []}  # type: ignore[var-annotated]
    for is_learnt, pairs in groupby(zip(ids, labels, strict=True), lambda pair: pair[1] != UNLABELLED):
        stretches[is_learnt].append(made.decode([token for token, _ in pairs]))
    return stretches[False], stretches[True]


TALK = (
    ("system", "Be kind."), ("user", "One?"), ("assistant", "First."), ("user", "Two?"),
    ("assistant", "Second!"),
)  # fmt: skip


@pytest.mark.parametrize(("template", "kind"), EACH)
def test_all_answers_with_their_ends_and_nothing_else_is_learnt(template: str, kind: str) -> None:
    made, end = tokenizer(template, kind), ENDS.get(template, "</s>")
    example = labelled(made, tiny.row(history=TALK, instruction="Three?", output="Third."))
    others, learnt = read_back(made, example)
    # A piece at the start of what is decoded has its blank cut off.
    assert [text.lstrip() for text in learnt] == [f"First.{end}", f"Second!{end}", f"Third.{end}"]
    for word in ("One?", "Two?", "Three?"):
        assert word in "".join(others)


@pytest.mark.parametrize("template", SOURCES)
def test_with_everything_all_but_the_first_token_is_learnt(template: str) -> None:
    example = labelled(tokenizer(template), tiny.row(history=TALK, output="Third."), loss="everything")
    assert example["labels"] == [UNLABELLED, *example["input_ids"][1:]]
    assert (
        example["input_ids"]
        == labelled(tokenizer(template), tiny.row(history=TALK, output="Third."))["input_ids"]
    )


BLANKS = ["", " ", "\n", "\n\n", "  \n ", "\t"]
HARD = [
    "</s>",
    "<|im_end|>",
    "<|eot_id|>",
    "<s>",
    "USER: ",
    "ASSISTANT:",
    "### Response:",
    "<|user|>\n",
    "[/INST]",
    "\ufdd0",
]
PROMPT_LETTERS, ANSWER_LETTERS = "жшщ 你", "яюэ🐟é"


def texts(letters: str) -> some.SearchStrategy[str]:
    words = some.text(alphabet=letters.replace(" ", ""), min_size=1, max_size=3)
    inside = some.lists(some.one_of(words, some.sampled_from([*BLANKS, *HARD])), max_size=4).map("".join)
    blank = some.sampled_from(BLANKS)
    return some.tuples(blank, words, inside, words, blank).map("".join)


TURNS = some.lists(
    some.tuples(texts(PROMPT_LETTERS), some.one_of(texts(ANSWER_LETTERS), some.sampled_from(BLANKS))),
    max_size=3,
)


@pytest.mark.parametrize("template", SOURCES)
@given(
    turns=TURNS,
    asked=texts(PROMPT_LETTERS),
    given=texts(PROMPT_LETTERS),
    output=texts(ANSWER_LETTERS),
    kind=some.sampled_from(made_tokenizers.KINDS),
    room=some.integers(1, 400),
    truncate=some.sampled_from(["right", "proportional"]),
)
@settings(derandomize=True, database=None, max_examples=40, deadline=None)
def test_no_token_of_a_prompt_is_learnt_and_all_of_the_answers_is(
    template: str, turns, asked: str, given: str, output: str, kind: str, room: int, truncate: str
) -> None:
    """Prompts and answers have letters of their own: each is where it belongs."""
    made, end = tokenizer(template, kind), ENDS.get(template, "</s>")
    history = tuple(turn for user, answer in turns for turn in (("user", user), ("assistant", answer)))
    row = tiny.row(history=history, instruction=asked, input=given, output=output)
    whole = labelled(made, row)
    others, learnt = read_back(made, whole)
    assert not set("".join(learnt)) & (set(PROMPT_LETTERS) - {" "})
    assert not set("".join(others)) & set(ANSWER_LETTERS)
    answers = [answer for _, answer in turns if answer.strip()]
    cut = str.strip if template in TRIMS else str
    expected = [*(cut(answer) + end for answer in answers), output + end]
    assert [text.strip() for text in learnt] == [text.strip() for text in expected]
    # Blanks at an answer's start may be in one token with the template's, which then is not learnt.
    lead = " " if template in ("vicuna", "llama2", "mistral") else ""
    assert all((lead + text).endswith(found) for text, found in zip(expected, learnt, strict=True))
    (pair,) = tokenized_pairs.tokenize_pairs(made, "chat", [row], 9999)
    assert isinstance(pair, Pair)
    assert whole["input_ids"] == [*pair.both, *answer_end(made)]
    try:
        shorter = labelled(made, row, room, truncate=truncate)
    except BadInput as error:
        assert "no room for the answer" in str(error)
        return
    assert len(shorter["input_ids"]) == min(room, len(whole["input_ids"]))
    others, learnt = read_back(made, shorter)
    assert learnt and not set("".join(learnt)) & (set(PROMPT_LETTERS) - {" "})
    assert not set("".join(others)) & set(ANSWER_LETTERS)


TALKS: dict[str, llama_factory.Turns] = {
    "alone": [("user", "Name three colours."), ("assistant", "Red, green and blue.")],
    "system": [("system", "Be kind."), ("user", "Add two."), ("assistant", "Seven.")],
    "empty system": [("system", ""), ("user", "Add two."), ("assistant", "Seven.")],
    "several turns": [
        ("system", "Be kind."), ("user", "Add two."), ("assistant", "Seven."), ("user", "And five?"),
        ("assistant", "The sea."),
    ],
    "blank space": [
        ("user", " Add two.  "), ("assistant", "Seven. \n"), ("user", "And five?"), ("assistant", "So.  "),
    ],
}  # fmt: skip
JOINING = {("alpaca", "bytes"), ("llama3", "bytes")}
"""With these tokenizers line ends before a text are tokens other than line ends at a piece's end."""


@pytest.mark.parametrize("talk", TALKS)
@pytest.mark.parametrize("kind", made_tokenizers.KINDS)
@pytest.mark.parametrize("name", TEMPLATES)
def test_the_forms_of_llama_factory_have_its_ids_and_labels(name: str, kind: str, talk: str) -> None:
    made = made_tokenizers.with_tokens(kind, *LLAMA3)
    made.chat_template = template_source(made, Weights("base"), f"llama_factory/{name}")
    *before, (_, asked), (_, answer) = TALKS[talk]
    example = labelled(made, tiny.row(history=tuple(before), instruction=asked, output=answer))
    turns = llama_factory.encoded(name, made, TALKS[talk])
    theirs = [token for turn in turns for token in turn]
    learnt = [answered for number, turn in enumerate(turns) for answered in [number % 2 == 1] * len(turn)]
    ids, labels = example["input_ids"], example["labels"]
    if (name, kind) not in JOINING:
        # It goes on to the line ends after the last answer's end.
        assert ids == theirs[: len(ids)] and not made.decode(theirs[len(ids) :]).strip()
        own = [label != UNLABELLED for label in labels]
        # Beside answers and what ends them, it learns the blank before and the line ends after.
        others = [token for token, ours, its in zip(theirs, own, learnt, strict=False) if ours != its]
        assert not made.decode(others).strip()
        assert not any(ours and not its for ours, its in zip(own, learnt, strict=False))


def test_an_end_that_a_row_writes_is_text() -> None:
    made = tiny.tokenizer()
    row = tiny.row(history=(("user", "A?"), ("assistant", "B.<|end|>C")), output="Red.<|end|>")
    example = labelled(made, row)
    assert example["labels"].count(made.eos_token_id) == 2
    assert read_back(made, example)[1] == ["B.<|end|>C<|end|>", "Red.<|end|><|end|>"]


def test_an_earlier_answer_that_the_template_takes_something_out_of_is_not_learnt() -> None:
    made = deepcopy(tokenizer("chatml"))
    made.chat_template = made.chat_template.replace(
        "{{ message.content | trim }}", "{{ (message.content.split('</think>') | last) | trim }}"
    )
    history = (("user", "A?"), ("assistant", "<think>So.</think>B."), ("user", "C?"), ("assistant", "D."))
    others, learnt = read_back(made, labelled(made, tiny.row(history=history, output="Red.")))
    assert learnt == ["D.<|im_end|>", "Red.<|im_end|>"]
    assert "assistant\nB.<|im_end|>" in others[0] and "So." not in others[0]


@pytest.mark.parametrize("written", ["", "\n"])
def test_a_template_that_writes_no_end_gets_the_tokenizers(written: str) -> None:
    made = deepcopy(tokenizer("chatml"))
    made.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}" + written + "{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    history = (("user", "A?"), ("assistant", "B."))
    learnt = read_back(made, labelled(made, tiny.row(history=history, output="Red.")))[1]
    # What follows an earlier answer is the next turn's, not its end. With "byte lines" ".\n" is one token.
    assert learnt == ["B" if written else "B.", "Red.</s>"]


# ---- cut


@pytest.mark.parametrize(("room", "learnt"), [(6, "%%%%%<|end|>"), (5, "%%%%%"), (1, "%")])
def test_a_longer_answer_is_cut_at_its_end(room: int, learnt: str) -> None:
    row = tiny.row(output="%%%%%")
    (pair,) = tokenized_pairs.tokenize_pairs(tiny.tokenizer(), "chat", [row], 128)
    example = labelled(tiny.tokenizer(), row, pair.answer_start + room)  # type: ignore[union-attr]
    assert read_back(tiny.tokenizer(), example)[1] == [learnt]


def test_in_proportion_a_long_question_is_cut_and_what_opens_the_answer_stays() -> None:
    made = tiny.tokenizer()
    row = tiny.row(instruction="%" * 300, output="Red.")
    example = labelled(made, row, 64, truncate="proportional")
    (others,), learnt = read_back(made, example)
    assert len(example["input_ids"]) == 64
    assert learnt == ["Red.<|end|>"]
    assert others.startswith("<|begin|><|user|>\n%%") and others.endswith("%%\n<|assistant|>\n")


def test_in_proportion_both_are_cut_where_both_are_long() -> None:
    made = tiny.tokenizer()
    whole = labelled(made, tiny.row(instruction="%" * 100, output="%" * 299))
    answer = sum(label != UNLABELLED for label in whole["labels"])
    prompt = len(whole["input_ids"]) - answer
    cut = labelled(made, tiny.row(instruction="%" * 100, output="%" * 299), 80, truncate="proportional")
    assert len(cut["input_ids"]) == 80
    assert sum(label != UNLABELLED for label in cut["labels"]) == int(80 * answer / (prompt + answer))
    assert made.eos_token_id not in cut["labels"]


def test_in_proportion_a_conversation_loses_its_last_turns() -> None:
    made = tiny.tokenizer()
    row = tiny.row(history=(("user", "A?"), ("assistant", "B.")), instruction="%" * 99, output="Red.")
    first = len(labelled(made, tiny.row(instruction="A?", output="B."))["input_ids"])
    example = labelled(made, row, first, truncate="proportional")
    assert read_back(made, example)[1] == ["B.<|end|>"]


@pytest.mark.parametrize("truncate", ["right", "proportional"])
def test_rows_without_an_answer_or_room_for_one_are_rejects(truncate: str) -> None:
    rows = [tiny.row(), tiny.row(instruction="%" * 40_000, output="%" * 99), tiny.row(output=" \n")]
    found, rejects = labelling.label_examples(tiny.tokenizer(), rows, params(truncate=truncate), 128)
    assert len(found) == 1
    assert [(each.id, each.reason, each.reply) for each in rejects] == [
        (rows[1].id, "no room for the answer", rows[1].output), (rows[2].id, "empty answer", " \n")
    ]  # fmt: skip


def test_no_row_at_all_is_refused() -> None:
    with pytest.raises(
        BadInput, match=r"none of 2 rows .* 8 tokens; raise finetune\.max_length.* 'no room for"
    ):
        labelling.label_examples(tiny.tokenizer(), [tiny.row(), tiny.row()], params(), 8)


# ---- what is checked before the first step


def checked(made: Any, rows: list[Instruction], limit: int = 128, *changes: tuple[str, int, int]) -> None:
    found, _ = labelling.label_examples(made, rows, params(), limit)
    for name, place, value in changes:
        found[0][name][place] = value
    labelling.check_examples(made, found, rows, limit)


@pytest.mark.parametrize(("template", "kind"), EACH)
def test_right_examples_pass(template: str, kind: str) -> None:
    rows = [
        tiny.row(history=TALK, input="2, 3", output="Red."),
        tiny.row(output="\n\nRed. "),
        tiny.row(instruction="What is </s>?", output="<|im_end|>"),
        tiny.row(output="你好"),
    ]
    checked(tokenizer(template, kind), rows, 9999)


def test_a_blank_that_is_in_one_token_with_the_prompt_is_learnt_with_the_answer() -> None:
    """As in a tokenizer without words, trained on a text where ": " is frequent."""
    made = deepcopy(made_tokenizers.tokenizer("pieces"))
    made.chat_template = SOURCES["vicuna"]
    content = json.loads(made.backend_tokenizer.to_str())
    content["model"]["vocab"][":▁"] = 1 + max(made.get_vocab().values())
    content["model"]["merges"].insert(0, [":", "▁"])
    made._tokenizer = Tokenizer.from_str(json.dumps(content))
    assert ":▁" in made.tokenize("T: red")
    row = tiny.row(history=TALK, output="Red.")
    others, learnt = read_back(made, labelled(made, row))
    assert [text[-11:] for text in others] == ["ASSISTANT: ", "ASSISTANT: ", " ASSISTANT:"]
    assert learnt == ["First.</s>", "Second!</s>", " Red.</s>"]
    checked(made, [row])


@pytest.mark.parametrize(
    "change", [("labels", -1, UNLABELLED), ("labels", 0, 1), ("labels", -3, 1), ("input_ids", -1, 5)]
)
def test_wrong_labels_are_found(change: tuple[str, int, int]) -> None:
    checked(tiny.tokenizer(), [tiny.row()])
    with pytest.raises(AssertionError):
        checked(tiny.tokenizer(), [tiny.row()], 128, change)


def test_answers_that_are_all_cut_are_refused() -> None:
    rows = [tiny.row(output="%" * 99), tiny.row(output="%" * 98)]
    with pytest.raises(
        UserError, match=r"all 2 answers are cut before their end.* raise finetune\.max_length"
    ):
        checked(tiny.tokenizer(), rows, 64)
    checked(tiny.tokenizer(), [*rows, tiny.row()], 64)


def test_a_template_that_asks_a_served_model_otherwise_is_refused() -> None:
    made = deepcopy(tiny.tokenizer())
    made.chat_template = checkpoints.CHAT_TEMPLATE.replace(
        "{{ bos_token }}", "{{ bos_token }}{% if messages[0].content.startswith('Name') %}!{% endif %}"
    )
    with pytest.raises(UserError, match=r"is asked otherwise in training than of a served model"):
        checked(made, [tiny.row(instruction="Name one.")])


# ---- preference pairs


def compared(
    made: Any, row: Instruction, rejected: str, limit: int = 9999, **fields: Any
) -> Example | Reject:
    """The pair's example, or its reject; another pair goes with it."""
    pairs = [PreferencePair(row, rejected), PreferencePair(tiny.row(), "None.")]
    found, rejects = labelling.preference_examples(made, pairs, params(method="dpo", **fields), limit)
    assert len(found) + len(rejects) == 2
    return rejects[0] if rejects else found[0]


@pytest.mark.parametrize(("template", "kind"), EACH)
@pytest.mark.parametrize(
    ("output", "rejected"),
    [
        ("Red.", "Blue and grey."), ("Red.", " Blue."), ("Red.", "\nBlue.\n"), ("\n\nRed.", "Blue."),
        (" Red.", "你好</s>"),
    ],
)  # fmt: skip
def test_both_answers_follow_the_same_prompt_and_end(
    template: str, kind: str, output: str, rejected: str
) -> None:
    made = tokenizer(template, kind)
    found = compared(made, tiny.row(history=TALK, output=output), rejected)
    assert isinstance(found, dict)
    end = answer_end(made)
    text = made.decode(found["prompt_ids"])
    assert "First." in text and "Blue" not in text and "Red." not in text
    for name, answer in (("chosen_ids", output), ("rejected_ids", rejected)):
        assert found[name][-len(end) :] == end
        assert made.decode(found[name][: -len(end)]).strip() == answer.strip()
    alike = labelled(made, tiny.row(history=TALK, output=output))
    assert found["prompt_ids"] + found["chosen_ids"] == alike["input_ids"]


def test_longer_answers_of_a_pair_are_cut_to_one_length() -> None:
    made = tiny.tokenizer()
    row = tiny.row(output="%" * 50)
    start = len(compared(made, row, "&" * 60)["prompt_ids"])  # type: ignore[call-overload]
    found = compared(made, row, "&" * 60, start + 30)
    assert isinstance(found, dict)
    assert [len(each) for each in found.values()] == [start, 30, 30]


def test_pairs_are_cut_in_proportion() -> None:
    made = tiny.tokenizer()
    found = compared(
        made, tiny.row(instruction="%" * 300, output="Red."), "Blue.", 64, truncate="proportional"
    )
    assert isinstance(found, dict)
    assert len(found["prompt_ids"]) + max(len(found["chosen_ids"]), len(found["rejected_ids"])) == 64
    assert made.decode(found["prompt_ids"]).endswith("%\n<|assistant|>\n")
    assert found["chosen_ids"][-1] == found["rejected_ids"][-1] == made.eos_token_id


@pytest.mark.parametrize(
    ("fields", "rejected", "reason", "reply"),
    [
        ({}, "Red, green and blue.", "equal answers", "Red, green and blue."),
        ({"output": "%" * 300}, "%" * 301, "equal answers", "%" * 300),
        ({}, " \n", "empty answer", " \n"),
        ({"output": ""}, "Blue.", "empty answer", ""),
        ({"instruction": "%" * 300}, "Blue.", "no room for the answer", "Red, green and blue."),
        ({}, "\ud83d", "broken text", "\ufffd"),
    ],
)
def test_a_pair_that_says_nothing_is_a_reject(fields, rejected: str, reason: str, reply: str) -> None:
    lost = compared(tiny.tokenizer(), tiny.row(**fields), rejected, 128)
    assert isinstance(lost, Reject)
    assert (lost.reason, lost.reply, lost.id) == (reason, reply, tiny.row(**fields).id)


def test_no_pair_at_all_is_refused() -> None:
    with pytest.raises(BadInput, match=r"none of 1 rows .* 'equal answers'"):
        labelling.preference_examples(
            tiny.tokenizer(), [PreferencePair(tiny.row(output="A"), "A")], params(), 128
        )
