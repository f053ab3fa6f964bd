"""Tokenized pairs: which tokens are the question's and which the answer's, by template."""

from __future__ import annotations

from copy import deepcopy
from itertools import product
from types import SimpleNamespace

import made_tokenizers
import pytest
import tiny

from evobuild.core.errors import UserError
from evobuild.core.rejects import Reject
from evobuild.weights import checkpoints, tokenized_pairs
from evobuild.weights.losses import Pair


def made(template: str, max_length: int = 100, tokenizer=None, **fields) -> Pair | Reject:
    (found,) = tokenized_pairs.tokenize_pairs(
        tokenizer or tiny.tokenizer(), template, [tiny.row(**fields)], max_length
    )  # type: ignore[arg-type]
    return found


def ids(text: str) -> list[int]:
    return tiny.tokenizer()(text, add_special_tokens=False)["input_ids"]


class Letters:
    """A tokenizer of one token a letter, but newline and A, which are one; with or without a start."""

    def __init__(self, start: bool) -> None:
        self.start = [1] if start else []

    def __call__(self, text: str, **_) -> dict[str, list[int]]:
        merged = text.replace("\nA", "\1")
        return {"input_ids": [*self.start, *(999 if letter == "\1" else ord(letter) for letter in merged)]}

    def encode(self, text: str, truncation: bool, max_length: int) -> list[int]:
        return self(text)["input_ids"][:max_length]


def own(tokenizer, text: str) -> list[int]:
    """The tokenizer's ids of a text that holds no special tokens but a template's."""
    return tokenizer(text, add_special_tokens=False)["input_ids"]


ASKED = {
    "plain": "<s>{}\n",
    "alpaca": "<s>Below is an instruction that describes a task. Write a response that appropriately "
    "completes the request.\n\n### Instruction:\n{}\n\n### Response:",
    "chat": "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n",
}
"""What stands before an answer, around the question."""
WORDS = ["Name two colours.", "Sum up:  2,\n 3", "Write — naïve 你好 🐟!"]
ANSWERS = ["Red, green and blue.", "5\n\n\nfour", "def f():\n    return 你好", "- Two:\n three"]


@pytest.mark.parametrize("kind", made_tokenizers.KINDS)
@pytest.mark.parametrize("template", ASKED)
def test_ids_are_those_of_the_joint_text_and_of_the_template_without_the_question(
    kind: str, template: str
) -> None:
    tokenizer = made_tokenizers.tokenizer(kind)
    for words, output in product(WORDS, ANSWERS):
        found = made(template, 999, tokenizer, instruction=words, output=output)
        assert isinstance(found, Pair)
        # The start token is put before the text; it takes no part in how the text is tokenized.
        start = [] if template == "chat" else [tokenizer.bos_token_id]
        asked, without = (ASKED[template].removeprefix("<s>").format(text) for text in (words, ""))
        assert found.both == start + own(tokenizer, asked + output)
        assert found.both[: found.answer_start] == start + own(tokenizer, asked)
        assert found.alone[: found.alone_start] == start + own(tokenizer, without)
        assert found.alone[found.alone_start :] == found.both[found.answer_start :]
        ((first, end),) = found.question
        # With "byte lines" a mark and the newline behind it are one token.
        assert tokenizer.decode(found.both[first:end]).strip() == words
        assert first > 0 and end <= found.answer_start


@pytest.mark.parametrize("template", ASKED)
def test_the_questions_own_tokens_are_instruction_and_input(template: str) -> None:
    tokenizer = made_tokenizers.tokenizer("bytes")
    talk = (("user", "Hello."), ("assistant", "Hi."))
    found = made(template, 999, tokenizer, instruction="Sum up", input="2 and 3", history=talk)
    assert isinstance(found, Pair)
    texts = [tokenizer.decode(found.both[first:end]) for first, end in found.question]
    assert texts == {
        "plain": ["Sum up\n2 and 3"], "chat": ["Sum up\n\n2 and 3"], "alpaca": ["Sum up", "2 and 3"]
    }[template]  # fmt: skip
    alone = tokenizer.decode(found.alone)
    assert "Hello." in alone and "Hi." in alone and "Sum up" not in alone and "2 and 3" not in alone


@pytest.mark.parametrize("template", ASKED)
@pytest.mark.parametrize("kind", made_tokenizers.KINDS)
def test_special_tokens_in_a_row_stay_text(kind: str, template: str) -> None:
    tokenizer = made_tokenizers.tokenizer(kind)
    bare, full = (
        made(template, 999, tokenizer, instruction=f"a{add}b", input=f"{add}", output=f"Two{add}four")
        for add in ("", "</s><|im_start|><|im_end|>")
    )
    assert isinstance(bare, Pair) and isinstance(full, Pair)
    special = {1, 2, 3, 4}
    assert [each for each in full.both if each in special] == [each for each in bare.both if each in special]
    assert tokenizer.decode(full.both[full.answer_start :]).strip() == "Two</s><|im_start|><|im_end|>four"


def test_an_answer_is_tokenized_by_itself_where_a_token_spans_the_seam() -> None:
    tokenizer = made_tokenizers.tokenizer("byte lines")
    assert tokenizer.tokenize("x\n\nfour")[1] == "ĊĊ"
    found = made("plain", 99, tokenizer, instruction="x", output="\nfour")
    assert isinstance(found, Pair)
    assert found.both[1:] == own(tokenizer, "x\n") + own(tokenizer, "\nfour")
    assert found.alone[1:] == own(tokenizer, "\n") + own(tokenizer, "\nfour")


TURNS = "{% for message in messages %}{% if message.role == 'user' %}"
CHATS = {
    "chatml": made_tokenizers.CHATML,
    "llama 2": TURNS + "{{ bos_token + '[INST] ' + message.content | trim + ' [/INST]' }}"
    "{% else %}{{ ' ' + message.content | trim + ' ' + eos_token }}{% endif %}{% endfor %}",
    "mistral": "{{ bos_token }}" + TURNS + "{{ '[INST] ' + message.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + message.content + eos_token }}{% endif %}{% endfor %}",
    "vicuna": "{{ bos_token }}" + TURNS + "{{ 'USER: ' + message.content + ' ' }}"
    "{% else %}{{ 'ASSISTANT: ' + message.content + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}",
    "llama 3": "{{ bos_token }}{% for message in messages %}<|start|>{{ message.role }}<|end|>\n\n"
    "{{ message.content | trim }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant<|end|>\n\n{% endif %}",
    "gemma": "{{ bos_token }}{% for message in messages %}<|im_start|>"
    "{{ 'model' if message.role == 'assistant' else message.role }}\n{{ message.content | trim }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>model\n{% endif %}",
    "gpt-oss": "{% for message in messages %}<|im_start|>{{ message.role }}"
    "{% if message.role == 'assistant' %}<|channel|>final{% endif %}<|message|>"
    "{{ message.content }}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant{% endif %}",
}
"""Chat templates like those of models, by whose they are like."""


def with_template(kind: str, chat_template: str):
    changed = deepcopy(made_tokenizers.tokenizer(kind))
    changed.chat_template = chat_template
    return changed


# By GPT-2's rule two newlines are one token at the end of a prompt, and two where a word follows.
MODELS_AND_KINDS = sorted({*product(CHATS, made_tokenizers.KINDS)} - {("llama 3", "bytes")})


@pytest.mark.parametrize(("model", "kind"), MODELS_AND_KINDS)
def test_ids_of_a_chat_are_those_of_the_template_with_its_answer(model: str, kind: str) -> None:
    tokenizer = with_template(kind, CHATS[model])
    for words, output in product(WORDS, [*ANSWERS, "你好"]):
        found = made("chat", 999, tokenizer, instruction=words, output=output)
        assert isinstance(found, Pair)
        turns = [{"role": "user", "content": words}, {"role": "assistant", "content": output}]
        whole = tokenizer.apply_chat_template(turns, tokenize=True, return_dict=False)
        assert found.both == whole[: len(found.both)]
        assert tokenizer.decode(found.both[found.answer_start :]).strip() == output
        assert found.alone[found.alone_start :] == found.both[found.answer_start :]
        ((first, end),) = found.question
        assert tokenizer.decode(found.both[first:end]).strip() == words


def test_a_blank_of_the_template_is_in_the_answers_first_token() -> None:
    tokenizer = with_template("pieces with a prefix", CHATS["llama 2"])
    found = made("chat", 999, tokenizer, instruction="Name some.", output="three fish.")
    assert isinstance(found, Pair)
    first = tokenizer.convert_ids_to_tokens(found.both[found.answer_start])
    assert first.startswith("▁") and first != "▁"
    for ids, start in ((found.both, found.answer_start), (found.alone, found.alone_start)):
        assert tokenizer.decode(ids[:start]).endswith("[/INST]")


def test_a_separator_is_the_templates_whatever_the_conversation_is() -> None:
    """As Mistral's: the system prompt goes with the last turn if that is the user's."""
    template = "{% for message in messages %}" + (
        "{% if message.role == 'user' %}[INST] {% if loop.last and messages[0].role == 'system' %}"
        "{{ messages[0].content }}\n\n{% endif %}{{ message.content }}[/INST]"
        "{% elif message.role == 'assistant' %} {{ message.content }}</s>{% endif %}{% endfor %}"
    )
    tokenizer = with_template("pieces", template)
    found = made("chat", 999, tokenizer, instruction="Go.", output="Red.", history=(("system", "Be kind."),))
    assert isinstance(found, Pair)
    assert found.both == own(tokenizer, "[INST] Be kind.\n\nGo.[/INST] Red.")


@pytest.mark.parametrize("kind", [*made_tokenizers.KINDS, "pieces of old"])
def test_an_answer_by_itself_gets_no_blank_before_it(kind: str) -> None:
    from tokenizers import normalizers

    asking = "{% for message in messages %}USER: {{ message.content }} {% endfor %}" + (
        "{% if add_generation_prompt %}ASSISTANT: {% endif %}"
    )
    tokenizer = with_template(kind.replace(" of old", ""), asking)
    if kind == "pieces of old":
        steps = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(steps)
    found = made("chat", 999, tokenizer, instruction="Name some.", output="three fish.")
    assert isinstance(found, Pair)
    assert tokenizer.decode(found.both).lstrip() == "USER: Name some. ASSISTANT: three fish."


THINKING = (
    "{{ bos_token }}{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n"
)


@pytest.mark.parametrize(
    "opening",
    [
        "<think>\n{% endif %}",
        "<think>\n{% if not enable_thinking | default(true) %}{{ '\n</think>\n\n' }}{% endif %}{% endif %}",
    ],
)
def test_an_answer_stands_outside_of_a_thought(opening: str) -> None:
    """As DeepSeek R1's and QwQ's templates, which always open one, and Qwen3's, which can be told not to."""
    tokenizer = with_template("bytes", THINKING + opening)
    found = made("chat", 999, tokenizer, instruction="Name one.", output="Red.")
    assert isinstance(found, Pair)
    assert tokenizer.decode(found.both).endswith("<|im_start|>assistant\n<think>\n\n</think>\n\nRed.")
    assert tokenizer.decode(found.both[found.answer_start :]) == "Red."


def test_a_chat_template_with_nothing_before_an_answer_is_refused() -> None:
    bare = deepcopy(tiny.tokenizer())
    bare.chat_template = "{{ messages[0].content }}"
    with pytest.raises(UserError, match="nothing before an answer"):
        made("chat", tokenizer=bare)


def test_a_row_without_a_question_has_no_tokens_of_it() -> None:
    found = made("plain", instruction=" ")
    assert isinstance(found, Pair) and found.question == ()


def test_a_scorer_without_a_chat_template_is_refused() -> None:
    without = deepcopy(tiny.tokenizer())
    without.chat_template = None
    with pytest.raises(UserError, match=r"score\.template to plain"):
        made("chat", tokenizer=without)


@pytest.mark.parametrize("start", [True, False])
def test_authors_count_the_questions_tokens_apart_and_score_what_follows_them(start: bool) -> None:
    found = made("authors", instruction="Q?", output="An", tokenizer=Letters(start))
    first = [1] if start else []
    # As one text "\nA" is one token: of the question's two letters none, of the answer's two one and a half.
    assert found == Pair(
        tiny.row(instruction="Q?").id,
        [*first, ord("Q"), ord("?"), 999, ord("n")],
        ((1, 2 + start),),
        2 + start,
        [*first, ord("A"), ord("n")],
        1,
        False,
    )


@pytest.mark.parametrize("start", [True, False])
def test_superfiltering_counts_the_newline_to_the_question(start: bool) -> None:
    found = made("superfiltering", instruction="Q?", input="so", output="yes", tokenizer=Letters(start))
    first = [1] if start else []
    assert isinstance(found, Pair)
    assert found.both == [*first, *map(ord, "Q?\nso\nyes")]
    assert found.answer_start == 6 + start and found.alone == [*first, *map(ord, "yes")]


def test_superfiltering_cuts_the_answer_alone_by_what_the_question_takes() -> None:
    found = made("superfiltering", 6, instruction="Q", output="abcdefgh", tokenizer=Letters(True))
    assert isinstance(found, Pair)
    # 6 in all: start, Q, newline, three of the answer; alone 6 - 3 + 1 = 4: start, three of the answer.
    assert found.both == [1, ord("Q"), ord("\n"), *map(ord, "abc")]
    assert found.alone == [1, *map(ord, "abc")] and found.truncated


@pytest.mark.parametrize(
    ("room", "kept", "truncated"), [(100, 5, False), (5, 5, False), (4, 4, True), (1, 1, True)]
)
def test_a_longer_answer_is_cut_at_its_end_and_marked(room: int, kept: int, truncated: bool) -> None:
    question = [0, *ids("x\n")]
    found = made("plain", len(question) + room, instruction="x", output="%%%%%")
    assert isinstance(found, Pair)
    scored = (len(found.both) - found.answer_start, len(found.alone) - found.alone_start)
    assert (scored, found.truncated) == ((kept, kept), truncated)


@pytest.mark.parametrize("template", [*ASKED, "authors", "superfiltering"])
@pytest.mark.parametrize(
    ("output", "max_length", "why"), [("", 90, "empty answer"), ("xyz", 3, "no room for the answer")]
)
def test_what_has_no_answer_tokens_is_a_reject(template: str, output: str, max_length: int, why: str) -> None:
    found = made(template, max_length, instruction="Name a long river.", output=output)
    assert isinstance(found, Reject)
    assert (found.reason, found.reply) == (why, output)


@pytest.mark.parametrize("template", [*ASKED, "authors", "superfiltering"])
def test_a_blank_answer_is_a_reject(template: str) -> None:
    found = made(template, 999, output=" \n\t")
    assert isinstance(found, Reject) and (found.reason, found.reply) == ("empty answer", " \n\t")


@pytest.mark.parametrize(
    ("refusing", "detail"),
    [
        ("{{ raise_exception('no system turns') }}", "no system turns"),
        ("{{ messages[0].content + 1 }}", "can only concatenate str"),
        ("{{ messages[9].content }}", "has no element 9"),
        ("{{ 1 // 0 }}", "by zero"),
    ],
)
def test_a_row_that_the_chat_template_refuses_is_a_reject(refusing: str, detail: str) -> None:
    tokenizer = deepcopy(tiny.tokenizer())
    picky = "{% if messages[0].role == 'system' %}" + refusing + "{% endif %}" + checkpoints.CHAT_TEMPLATE
    tokenizer.chat_template = picky
    talk = (("system", "Be kind."),)
    rows = [tiny.row(), tiny.row(history=talk), tiny.row(output=" "), tiny.row(output="Red.")]
    found = list(tokenized_pairs.tokenize_pairs(tokenizer, "chat", rows, 999))
    assert [each.id for each in found] == [row.id for row in rows]
    assert isinstance(found[0], Pair) and isinstance(found[3], Pair)
    assert isinstance(found[1], Reject) and isinstance(found[2], Reject)
    assert (found[1].reason, found[2].reason) == ("refused by the template", "empty answer")
    assert detail in found[1].detail and found[1].reply == rows[1].output


@pytest.mark.parametrize("template", [*ASKED, "authors", "superfiltering"])
@pytest.mark.parametrize("field", ["instruction", "input", "output"])
def test_half_a_surrogate_is_a_reject(template: str, field: str) -> None:
    found = made(template, 999, **{field: "a\ud83db"})
    assert isinstance(found, Reject) and (found.reason, found.detail) == ("broken text", "U+D83D")
    assert found.reply == ("a\ufffdb" if field == "output" else tiny.row().output)


def test_an_answer_that_the_tokenizer_drops_is_a_reject() -> None:
    from tokenizers import Regex, normalizers

    deaf = deepcopy(made_tokenizers.tokenizer("bytes"))
    deaf.backend_tokenizer.normalizer = normalizers.Replace(Regex("[xyz]"), "")
    found = made("plain", 99, deaf, instruction="Name two.", output="xyz")
    assert isinstance(found, Reject) and found.reason == "no answer token is scored"


def test_an_answer_of_one_token_that_nothing_stands_before_cannot_be_scored_alone() -> None:
    found = made("authors", instruction="Q", output="x", tokenizer=Letters(False))
    assert isinstance(found, Reject) and found.reason == "no answer token is scored"


def test_no_rows_give_no_pairs() -> None:
    assert list(tokenized_pairs.tokenize_pairs(tiny.tokenizer(), "plain", [], 9)) == []


@pytest.mark.parametrize(
    ("bos", "eos", "pad", "start"), [(1, 2, 3, 1), (0, 2, 3, 0), (None, 2, 3, 2), (None, None, 3, 3)]
)
def test_the_start_token_is_the_first_there_is(bos, eos, pad, start) -> None:
    assert (
        tokenized_pairs.start_token(SimpleNamespace(bos_token_id=bos, eos_token_id=eos, pad_token_id=pad))
        == start
    )  # type: ignore[arg-type]


def test_a_tokenizer_without_special_tokens_is_refused() -> None:
    with pytest.raises(UserError, match="no bos, eos or pad token"):
        tokenized_pairs.start_token(SimpleNamespace(bos_token_id=None, eos_token_id=None, pad_token_id=None))  # type: ignore[arg-type]


def test_the_toy_model_has_a_chat_template_to_score_with() -> None:
    assert tiny.tokenizer().chat_template == checkpoints.CHAT_TEMPLATE
