"""Chat templates to train in: ours token by token as published, what ends an answer, what is refused."""

from __future__ import annotations

import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import llama_factory
import made_tokenizers
import pytest
import tiny
import trl
from hypothesis import given, settings
from hypothesis import strategies as some

from evobuild.core.errors import BadInput, UserError
from evobuild.core.uri import Weights
from evobuild.training.examples import templates
from evobuild.training.params import SHIPPED, TEMPLATES
from evobuild.weights import checkpoints

LLAMA3 = ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
VICUNA = (
    "A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
)
ALPACA = (
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request.\n\n"
)
ALPACA_WITH_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request.\n\n"
)
QWEN = "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
HELLO, HI, AGAIN = ("user", " Hello. "), ("assistant", "Hi!\n"), ("user", "And now?")
SYSTEM = ("system", "Be kind.")

EMPTY = ("system", "")

# As the references have them: FastChat's vicuna_v1.1, Meta's ChatFormat, Stanford Alpaca's train.py, and the
# tokenizer_config.json of Qwen2.5, Llama-2-7b-chat-hf and Mistral-7B-Instruct-v0.3. The start token is the
# tokenizer's, here <s>, and so is the end token, </s>.
PUBLISHED = [
    ("vicuna", [HELLO], f"<s>{VICUNA} USER:  Hello.  ASSISTANT:"),
    (
        "vicuna",
        [HELLO, HI, AGAIN],
        f"<s>{VICUNA} USER:  Hello.  ASSISTANT: Hi!\n</s>USER: And now? ASSISTANT:",
    ),
    ("vicuna", [SYSTEM, AGAIN], "<s>Be kind. USER: And now? ASSISTANT:"),
    ("vicuna", [AGAIN, HI], f"<s>{VICUNA} USER: And now? ASSISTANT: Hi!\n</s>"),
    (
        "llama3",
        [HELLO, HI, AGAIN],
        "<s><|start_header_id|>user<|end_header_id|>\n\nHello.<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nHi!<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nAnd now?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    (
        "llama3",
        [SYSTEM, AGAIN, HI],
        "<s><|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nAnd now?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nHi!<|eot_id|>",
    ),
    (
        "qwen",
        [HELLO, HI, AGAIN],
        f"{QWEN}<|im_start|>user\n Hello. <|im_end|>\n<|im_start|>assistant\nHi!\n<|im_end|>\n"
        "<|im_start|>user\nAnd now?<|im_end|>\n<|im_start|>assistant\n",
    ),
    (
        "qwen",
        [SYSTEM, AGAIN],
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nAnd now?<|im_end|>\n"
        "<|im_start|>assistant\n",
    ),
    (
        "qwen",
        [EMPTY, AGAIN],
        "<|im_start|>system\n<|im_end|>\n<|im_start|>user\nAnd now?<|im_end|>\n<|im_start|>assistant\n",
    ),
    (
        "llama2",
        [HELLO, HI, AGAIN],
        "<s>[INST] Hello. [/INST] Hi! </s><s>[INST] And now? [/INST]",
    ),
    (
        "llama2",
        [SYSTEM, HELLO, HI, AGAIN],
        "<s>[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\n Hello. [/INST] Hi! </s><s>[INST] And now? [/INST]",
    ),
    ("llama2", [EMPTY, AGAIN], "<s>[INST] <<SYS>>\n\n<</SYS>>\n\nAnd now? [/INST]"),
    (
        "mistral",
        [HELLO, HI, AGAIN],
        "<s>[INST]  Hello. [/INST] Hi!</s>[INST] And now?[/INST]",
    ),
    (
        "mistral",
        [SYSTEM, HELLO, HI, AGAIN, HI],
        "<s>[INST]  Hello. [/INST] Hi!</s>[INST] Be kind.\n\nAnd now?[/INST] Hi!</s>",
    ),
    ("mistral", [EMPTY, AGAIN], "<s>[INST] \n\nAnd now?[/INST]"),
    ("alpaca", [AGAIN], f"<s>{ALPACA}### Instruction:\nAnd now?\n\n### Response:"),
    ("alpaca", [AGAIN, HI], f"<s>{ALPACA}### Instruction:\nAnd now?\n\n### Response:Hi!\n</s>"),
    (
        "alpaca",
        [("user", "Add them.\n\n### Input:\n2, 3")],
        f"<s>{ALPACA_WITH_INPUT}### Instruction:\nAdd them.\n\n### Input:\n2, 3\n\n### Response:",
    ),
    (
        "alpaca",
        [HELLO, HI, AGAIN],
        f"<s>{ALPACA}### Instruction:\n Hello. \n\n### Response:Hi!\n</s>\n\n"
        "### Instruction:\nAnd now?\n\n### Response:",
    ),
    ("alpaca", [SYSTEM, AGAIN], "<s>Be kind.\n\n### Instruction:\nAnd now?\n\n### Response:"),
]


def with_template(name: str, kind: str = "bytes") -> Any:
    tokenizer = made_tokenizers.with_tokens(kind, *LLAMA3)
    tokenizer.chat_template = templates.PUBLISHED[name].read_text()
    return tokenizer


def rendered(tokenizer: Any, turns: list[tuple[str, str]]) -> str:
    messages = [{"role": role, "content": content} for role, content in turns]
    is_asked = turns[-1][0] == "user"
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=is_asked)


@pytest.mark.parametrize("kind", made_tokenizers.KINDS)
@pytest.mark.parametrize(("name", "turns", "expected"), PUBLISHED)
def test_ours_are_the_published_templates_token_by_token(kind, name, turns, expected) -> None:
    tokenizer = with_template(name, kind)
    text = rendered(tokenizer, turns)
    assert text == expected
    ids, published = (tokenizer(each, add_special_tokens=False)["input_ids"] for each in (text, expected))
    assert ids == published


CONVERSATIONS = some.tuples(
    some.booleans(), some.lists(some.text(alphabet="ab {}%\n'\"\\<|", max_size=9), min_size=1, max_size=5)
)


@pytest.mark.parametrize(("name", "file"), [("llama3", "llama3"), ("qwen", "qwen2_5")])
@given(drawn=CONVERSATIONS)
@settings(derandomize=True, database=None, max_examples=60, deadline=None)
def test_ours_render_as_those_that_models_bring(name: str, file: str, drawn) -> None:
    ours, theirs = with_template_once(name), with_template_once(name, brought(file))
    has_system, contents = drawn
    roles = [*["system"] * has_system, *("user", "assistant") * 3]
    # Theirs write a start token only before a first turn.
    turns = list(zip(roles, contents if not has_system else ["Be kind.", *contents], strict=False))
    messages = [{"role": role, "content": content} for role, content in turns]
    for is_asked in (True, False):
        texts = [
            each.apply_chat_template(messages, tokenize=False, add_generation_prompt=is_asked)
            for each in (ours, theirs)
        ]
        assert texts[0] == texts[1]


def brought(file: str) -> str:
    return (Path(trl.__file__).parent / "chat_templates" / f"{file}.jinja").read_text()


_MADE: dict[tuple[str, str], Any] = {}


def with_template_once(name: str, source: str = "") -> Any:
    if (name, source) not in _MADE:
        tokenizer = with_template(name)
        tokenizer.chat_template = source or tokenizer.chat_template
        _MADE[name, source] = tokenizer
    return _MADE[name, source]


@pytest.mark.parametrize("name", TEMPLATES)
@given(drawn=CONVERSATIONS, system=some.sampled_from([None, "", "Be kind.", " So. "]))
@settings(derandomize=True, database=None, max_examples=40, deadline=None)
def test_the_forms_of_llama_factory_render_as_it_writes_them(name: str, drawn, system: str | None) -> None:
    contents = drawn[1]
    roles = [*["system"] * (system is not None), *("user", "assistant") * 3]
    turns = list(zip(roles, contents if system is None else [system, *contents], strict=False))
    # It has no prompt apart from the user's turn, and two of ours open the answer there.
    is_asked = turns[-1][0] == "user"
    text = with_template_once(f"llama_factory/{name}").apply_chat_template(
        [{"role": role, "content": content} for role, content in turns],
        tokenize=False,
        add_generation_prompt=is_asked,
    )
    assert text == llama_factory.written(name, turns)


@pytest.mark.parametrize("name", [name for name in SHIPPED if not name.endswith(("llama3", "qwen"))])
def test_a_template_refuses_a_system_turn_for_which_it_has_no_place(name: str) -> None:
    own = name.rpartition("/")[2]
    with pytest.raises(Exception, match=f"{own} takes a turn of the system only as the first"):
        rendered(with_template(name), [HELLO, SYSTEM, AGAIN])


@pytest.mark.parametrize(
    ("written", "ends"),
    [
        ("{{ m.content }}<|im_end|>\n", ["<|im_end|>"]),
        ("{{ m.content }}{{ eos_token }}", ["</s>"]),
        (" {{ m.content | trim }} {{ eos_token }}", ["▁", "</s>"]),
        ("{{ m.content }}", ["</s>"]),
        ("{{ m.content }}\n\n", ["</s>"]),
    ],
)
def test_an_answer_ends_with_what_the_template_writes_up_to_its_special_token(written, ends) -> None:
    tokenizer = deepcopy(made_tokenizers.tokenizer("pieces with a prefix"))
    tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'user' %}<s>[INST] {{ m.content }} [/INST]{% else %}"
        + written
        + "{% endif %}{% endfor %}"
    )
    assert tokenizer.convert_ids_to_tokens(templates.answer_end(tokenizer)) == ends


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("vicuna", "</s>"),
        ("alpaca", "</s>"),
        ("mistral", "</s>"),
        ("llama3", "<|eot_id|>"),
        ("qwen", "<|im_end|>"),
    ],
)
def test_the_end_that_is_learnt_is_what_generation_stops_at(name: str, end: str) -> None:
    tokenizer = with_template(name)
    number = tokenizer.convert_tokens_to_ids(end)
    assert templates.answer_end(tokenizer) == [number]
    eos = tokenizer.eos_token_id
    assert templates.stop_tokens(tokenizer, None) == list(dict.fromkeys([number, eos]))
    assert templates.stop_tokens(tokenizer, 77) == list(dict.fromkeys([number, 77, eos]))
    assert templates.stop_tokens(tokenizer, [eos, number, 9]) == list(dict.fromkeys([number, eos, 9]))


def test_a_template_that_refuses_to_be_tried_out_ends_with_the_end_token() -> None:
    tokenizer = deepcopy(tiny.tokenizer())
    tokenizer.chat_template = "{{ raise_exception('no') }}"
    assert templates.answer_end(tokenizer) == [tokenizer.eos_token_id]


@pytest.fixture
def base(tmp_path: Path) -> Weights:
    """A base of an unknown hand, with a template of its own and all tokens of ours."""
    tokenizer = made_tokenizers.with_tokens("bytes", *LLAMA3)
    tokenizer.save_pretrained(tmp_path / "base")
    shutil.copy(tiny.folder() / "config.json", tmp_path / "base")
    return Weights(str(tmp_path / "base"))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_base_is_given_a_template_of_ours(base: Weights, name: str) -> None:
    tokenizer = templates.training_tokenizer(base, name)
    assert tokenizer.chat_template == templates.PUBLISHED[name].read_text()
    assert tokenizer.pad_token == tokenizer.eos_token
    tokenizer.save_pretrained(base.name)
    tuned, talk = checkpoints.load_tokenizer(base), [SYSTEM, HELLO, HI, AGAIN]
    assert rendered(tuned, talk) == rendered(tokenizer, talk)


def test_a_base_keeps_its_own_template(base: Weights) -> None:
    assert templates.training_tokenizer(base, "own").chat_template == made_tokenizers.CHATML


def test_the_toy_has_a_template_of_its_own() -> None:
    tokenizer = templates.training_tokenizer(Weights(str(tiny.folder())), "own")
    assert tokenizer.chat_template == checkpoints.CHAT_TEMPLATE
    assert tokenizer.pad_token == "<|pad|>"


def test_a_template_is_read_from_a_file(base: Weights, tmp_path: Path) -> None:
    given = tmp_path / "zephyr.jinja"
    # Roles as text, as Zephyr's: only what ends an answer has to be a token.
    source = (
        "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{{ eos_token }}\n{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
    )
    given.write_text(source)
    tokenizer = templates.training_tokenizer(base, str(given))
    assert tokenizer.chat_template == source
    assert rendered(tokenizer, [AGAIN]) == "<|user|>\nAnd now?</s>\n<|assistant|>\n"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (None, r"finetune\.template: .*own\.jinja: no such file"),
        ("a\n{% if %}", r"own\.jinja:2: not a Jinja template: "),
        ("a\n\n{{ messages | nothing }}", r"own\.jinja:3: not a Jinja template: .*nothing"),
        ("Answer:", r"own\.jinja: leaves out what the user says"),
        (
            "{{ messages[0].content }}{{ messages[1].content }}<|done|>",
            r"<\|done\|>, which is no token of '.*base'",
        ),
        ("{{ messages[0].content }}{{ messages[1].content }}<eot>", r"<eot>, which is no token of '.*base'"),
    ],
)
def test_a_file_that_is_no_template_is_refused_with_its_place(base, tmp_path, source, found) -> None:
    given = tmp_path / "own.jinja"
    if source is not None:
        given.write_text(source)
    with pytest.raises(UserError, match=found) as refused:
        templates.training_tokenizer(base, str(given))
    assert str(refused.value).count("\n") == 0


def test_a_file_of_other_bytes_is_refused(base: Weights, tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_bytes(b"\xff\xfe{\x00")
    with pytest.raises(BadInput, match=r"own\.jinja.*UTF-16"):
        templates.training_tokenizer(base, str(tmp_path / "own.jinja"))


def altered(base: Weights, **fields: Any) -> Weights:
    tokenizer = checkpoints.load_tokenizer(base)
    for name, value in fields.items():
        setattr(tokenizer, name, value)
    tokenizer.save_pretrained(base.name)
    if fields.get("chat_template", "") is None:
        (Path(base.name) / "chat_template.jinja").unlink(missing_ok=True)
    return base


def test_a_base_without_a_template_is_told_what_to_set(base: Weights) -> None:
    bare = altered(base, chat_template=None)
    with pytest.raises(
        UserError,
        match=r"set finetune\.template to vicuna, llama2, llama3, mistral, qwen, alpaca or a Jinja file",
    ):
        templates.training_tokenizer(bare, "own")
    assert templates.training_tokenizer(bare, "vicuna").chat_template


def test_a_base_without_an_end_token_is_refused(base: Weights) -> None:
    with pytest.raises(UserError, match=r"base' has no end token"):
        templates.training_tokenizer(altered(base, eos_token=None), "vicuna")


def test_a_broken_template_of_its_own_is_refused(base: Weights) -> None:
    with pytest.raises(UserError, match=r"the chat template of '.*base':1: not a Jinja template"):
        templates.training_tokenizer(altered(base, chat_template="{% if %}"), "own")


def test_a_template_whose_tokens_a_base_lacks_is_refused(tmp_path: Path) -> None:
    lacking = made_tokenizers.made("bytes", tiny.TEXTS, 400)
    lacking.save_pretrained(tmp_path / "lacking")
    shutil.copy(tiny.folder() / "config.json", tmp_path / "lacking")
    with pytest.raises(UserError) as refused:
        templates.training_tokenizer(Weights(str(tmp_path / "lacking")), "llama3")
    assert str(refused.value).startswith("prompts/chat/llama3.jinja writes <|start_header_id|>, which")


@pytest.mark.parametrize(
    ("name", "end"),
    [("vicuna", "<|end|>"), ("alpaca", "<|end|>"), ("qwen", "<|im_end|>"), ("llama3", "<|eot_id|>")],
)
def test_the_toy_can_be_tuned_in_every_template(name: str, end: str) -> None:
    tokenizer = templates.training_tokenizer(Weights(str(tiny.folder())), name)
    assert templates.answer_end(tokenizer) == [tokenizer.convert_tokens_to_ids(end)]
