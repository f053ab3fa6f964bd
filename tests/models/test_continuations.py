"""Texts that are scored instead of written: the same likelihoods as by hand, whatever is read beside them."""

from __future__ import annotations

import gzip
import json
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import made_tokenizers
import pytest
import tiny
import torch

from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.conversation import chat_messages
from evobuild.core.uri import ChatModel
from evobuild.models import planning
from evobuild.models.client import Model
from evobuild.models.reply_cache import ReplyCache
from evobuild.models.simulated_engine import SimulatedEngine
from evobuild.models.transformers_engine import TransformersEngine
from evobuild.weights import losses, tokenized_pairs
from evobuild.weights.continuations import Continuations
from evobuild.weights.likelihood import Reader

REAL = os.environ.get("EVOBUILD_REAL_DATA")
STORIES = "models/stories260K"
HALF = "\ud83d"


def scored(prompt: str, continuation: str, role: str = "text", **fields: object) -> Request:
    messages = (Message(role, prompt),)  # type: ignore[arg-type]
    made = Request(
        f"{role}/{prompt}/{continuation}", "evaluate", messages, Sampling(), continuation=continuation
    )
    return replace(made, **fields)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def engine() -> TransformersEngine:
    return TransformersEngine(ChatModel("transformers", str(tiny.folder())))


def answer(engine: TransformersEngine | SimulatedEngine, *requests: Request) -> list[Reply]:
    """All replies, in the order of the requests."""
    for request in requests:
        engine.submit(request)
    replies: dict[str, Reply] = {}
    while len(replies) < len(requests):
        replies |= {reply.key: reply for reply in engine.collect()}
    return [replies[request.key] for request in requests]


def by_hand(ids: list[int], last: int) -> list[tuple[float, float]]:
    """The log-probability of each of the last tokens, and the greatest there."""
    with torch.inference_mode():
        logprobs = tiny.model()(torch.tensor([ids])).logits[0].log_softmax(-1)
    places = range(len(ids) - last, len(ids))
    return [(float(logprobs[place - 1, ids[place]]), float(logprobs[place - 1].max())) for place in places]


@pytest.mark.parametrize(
    ("prompt", "continuation"),
    [("Name three", " colours"), ("Name three ", "colours, too"), ("Two", " and five make seven.")],
)
def test_each_token_has_its_own_likelihood_and_the_greatest(
    engine: TransformersEngine, prompt: str, continuation: str
) -> None:
    (reply,) = answer(engine, scored(prompt, continuation))
    whole = tiny.tokenizer()(prompt + continuation)["input_ids"]
    first = len(tiny.tokenizer()(prompt.rstrip())["input_ids"])
    (choice,) = reply.choices
    assert choice.logprobs is not None
    assert choice.text == continuation
    assert choice.finish == "stop"
    expected = by_hand(whole, len(whole) - first)
    assert len(choice.logprobs) == len(expected)
    for found, own in zip(choice.logprobs, expected, strict=True):
        assert found == pytest.approx(own, abs=1e-4)
    assert (reply.prompt_tokens, choice.tokens) == (len(whole), 0)


def test_blanks_at_the_end_of_a_prompt_are_scored(engine: TransformersEngine) -> None:
    with_blank, without = answer(engine, scored("Name three ", "colours"), scored("Name three", " colours"))
    assert with_blank.choices[0].logprobs == without.choices[0].logprobs


def test_a_seam_inside_a_token_leaves_the_prompt_its_own_tokens() -> None:
    tokenizer = made_tokenizers.tokenizer("pieces with a prefix")
    before, whole = (tokenizer(text)["input_ids"] for text in ("Name three col", "Name three colours: red"))
    assert whole[: len(before)] != before
    assert Continuations(tokenizer).encode_after_text("Name three col", "ours: red") == (
        before,
        whole[len(before) :],
    )


def test_behind_blanks_alone_all_of_a_text_is_scored() -> None:
    tokenizer = made_tokenizers.tokenizer("bytes")
    found = Continuations(tokenizer).encode_after_text(" \n", "red")
    assert found == ([tokenizer.bos_token_id], tokenizer(" \nred")["input_ids"])


def test_a_whole_text_is_read_in_windows_that_are_as_long_as_the_context() -> None:
    engine = TransformersEngine(ChatModel("transformers", str(tiny.folder()), max_length=32))
    ids = tiny.tokenizer()(text := "The sea is wide, and grey. " * 5)["input_ids"]
    assert 64 < len(ids) < 96
    ways = ("", "text"), (text, "windows"), ("", "windows")
    asked = [scored("", text, scored_as=way, key=way + text) for text, way in ways]
    (nothing, reply, none) = answer(engine, *asked)
    assert [(each.error or "")[:8] for each in (nothing, none)] == ["no token"] * 2
    expected = [
        *by_hand([tiny.tokenizer().bos_token_id, *ids[:32]], 32),
        *by_hand(ids[31:64], 32),
        *by_hand(ids[-33:], len(ids) - 64),
    ]
    found = reply.choices[0].logprobs or ()
    assert [each[0] for each in found] == pytest.approx([each[0] for each in expected], abs=1e-4)
    assert reply.prompt_tokens == 3 * 33


def test_a_chat_may_be_scored_as_the_text_that_its_template_makes(engine: TransformersEngine) -> None:
    turns = [{"role": "user", "content": "Which?"}]
    text = tiny.tokenizer().apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert text.endswith("\n")
    chat, raw = answer(engine, scored("Which?", "A", "user", scored_as="text"), scored(text, "A"))
    assert chat.choices[0].logprobs == raw.choices[0].logprobs
    # With the line's end that the template ends with.
    assert len(chat.choices[0].logprobs or ()) == 2


def test_an_answer_to_a_chat_has_the_loss_that_training_sees(engine: TransformersEngine) -> None:
    rows = [
        tiny.row(),
        tiny.row(instruction="Say <|user|> twice.", output="<|user|> and </s> are words."),
        tiny.row(instruction="Add.", input="2, 5", output=" seven"),
        tiny.row(history=(("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello")), output="Ä 漢字"),
    ]
    pairs = tokenized_pairs.tokenize_pairs(tiny.tokenizer(), "chat", rows, 2048)
    wanted = [pair for pair in pairs if isinstance(pair, losses.Pair)]
    own = {each.id: each.loss_a_given_q for each in losses.pair_losses(Reader(tiny.model()), wanted)}
    asked = [scored("", row.output, messages=chat_messages(row), key=row.id) for row in rows]
    for row, pair, reply in zip(rows, wanted, answer(engine, *asked), strict=True):
        logprobs = reply.choices[0].logprobs or ()
        assert len(logprobs) == len(pair.both) - pair.answer_start
        assert -math.fsum(each[0] for each in logprobs) / len(logprobs) == pytest.approx(
            own[row.id], abs=1e-5
        )


def test_likelihoods_do_not_depend_on_what_is_read_beside_them(engine: TransformersEngine) -> None:
    wanted = scored("Name three colours: red,", " green")
    (alone,) = answer(engine, wanted)
    others = [scored(f"Write {number} lines. " * number, " So be it.") for number in range(1, 20)]
    choices = [scored("Name three colours: red,", text) for text in (" green and", " blue", " ")]
    written = Request("written", "respond", (Message("user", "Hi"),), Sampling(max_tokens=3))
    among = answer(engine, *others, *choices, wanted, written)
    assert among[-2] == alone
    assert among[-1].choices[0].logprobs is None


def test_texts_that_differ_in_their_last_token_are_read_once(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    own = Reader.read_targets

    def spied(reader: Reader, documents: list[object]) -> object:
        read.append(len(documents))
        return own(reader, documents)  # type: ignore[arg-type]

    monkeypatch.setattr(Reader, "read_targets", spied)
    answer(engine, *(scored("Which? Answer:", f"\n{letter}") for letter in "1234"))
    assert read == [1]


def test_a_prompt_without_a_place_is_refused_or_cut(engine: TransformersEngine) -> None:
    tokenizer = tiny.tokenizer()
    prompt = "the sea is wide " * 2000
    refused, cut = answer(engine, scored(prompt, " grey"), scored(prompt, " grey", cut=True, key="cut"))
    assert refused.error is not None
    assert refused.error.startswith("prompt too long: ")
    assert refused.error.endswith("of a context of 2048")
    ids = tokenizer(prompt.rstrip() + "  grey")["input_ids"]
    last = len(ids) - len(tokenizer(prompt.rstrip())["input_ids"])
    # The last token is scored and never read, so that one more has its place.
    assert cut.prompt_tokens == 2049
    expected = by_hand(ids[-2049:], last)
    assert cut.choices[0].logprobs is not None
    assert [each[0] for each in cut.choices[0].logprobs] == pytest.approx(
        [each[0] for each in expected], abs=1e-4
    )


def test_a_cut_prompt_leaves_room_for_all_of_a_reply(engine: TransformersEngine) -> None:
    asked = Request("k", "evaluate", (Message("text", "the sea " * 2000),), Sampling(max_tokens=8), cut=True)
    (reply,) = answer(engine, asked)
    assert (reply.prompt_tokens, reply.error) == (2040, None)
    (refused,) = answer(engine, replace(asked, sampling=Sampling(max_tokens=4000)))
    assert (refused.error or "").startswith("prompt too long")


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (scored("Name", ""), "no token of '' is left to be scored"),
        (scored("Name", f" {HALF}"), "no text for the tokenizer"),
        (scored(HALF, " a"), "no text for the tokenizer"),
        (scored(HALF, " a", role="user"), "no text for the tokenizer"),
    ],
)
def test_what_cannot_be_scored_is_an_error_and_harms_no_other(
    engine: TransformersEngine, request_: Request, reason: str
) -> None:
    refused, among = answer(engine, request_, scored("Name", " a"))
    assert (refused.choices, (refused.error or "")[: len(reason)]) == ((), reason)
    assert among.error is None


def test_an_empty_prompt_begins_with_the_token_that_texts_begin_with(engine: TransformersEngine) -> None:
    (reply,) = answer(engine, scored("", "Red and green"))
    ids = tiny.tokenizer()("Red and green", add_special_tokens=False)["input_ids"]
    start = tiny.tokenizer().bos_token_id
    assert [each[0] for each in reply.choices[0].logprobs or ()] == pytest.approx(
        [each[0] for each in by_hand([start, *ids], len(ids))], abs=1e-4
    )


def test_a_raw_prompt_gets_no_template(engine: TransformersEngine) -> None:
    asked = Request("k", "evaluate", (Message("text", "Name three"),), Sampling(max_tokens=5))
    (reply,) = answer(engine, asked)
    ids = tiny.tokenizer()("Name three", return_tensors="pt")["input_ids"]
    out = tiny.model().generate(ids, max_new_tokens=5, do_sample=False)[0, ids.shape[1] :]
    assert reply.text == tiny.tokenizer().decode(out, skip_special_tokens=True)
    assert reply.prompt_tokens == ids.shape[1]


def test_the_key_counts_what_is_scored_and_nothing_else_changes_it(tmp_path: Path) -> None:
    chat = Request("k", "respond", (Message("user", "Name a river."),), Sampling(max_tokens=5))
    with ReplyCache(tmp_path / "replies.sqlite", "m") as cache:
        # As replies are stored since the first release.
        assert cache.key(chat) == cache.hash_content(repr((chat.messages, chat.sampling)).encode())
        keys = {
            cache.key(each)
            for each in (
                chat,
                replace(chat, continuation=""),
                replace(chat, continuation="Po"),
                replace(chat, continuation="Po", scored_as="text"),
                replace(chat, continuation="Po", scored_as="windows"),
                replace(chat, continuation="Po", cut=True),
                replace(chat, cut=True),
            )
        }
        assert len(keys) == 7
        other = replace(chat, continuation="Po", sampling=Sampling(max_tokens=9), key="x", purpose="evaluate")
        assert cache.key(other) in keys
        # An answer to a chat has the tokens that it always had; one behind a raw prompt has not.
        assert cache.key(other) == cache.hash_content(repr((other.messages, "Po")).encode())
        raw = replace(other, messages=(Message("text", "Name a river."),))
        assert cache.key(raw) != cache.hash_content(repr((raw.messages, "Po")).encode())


def test_a_likelihood_is_kept_and_counted(store: Path) -> None:
    asked = [scored("Name three", " colours"), scored("Name three", " seas")]
    with Model(ChatModel("transformers", str(tiny.folder()))) as model:
        first = {reply.key: reply for reply in model.generate(asked)}
        tokens = sum(reply.prompt_tokens for reply in first.values())
        assert (model.usage.total("calls"), model.usage.total("prompt_tokens")) == (2, tokens)
    with Model(ChatModel("transformers", str(tiny.folder()))) as model:
        again = {reply.key: reply for reply in model.generate(asked)}
        assert model.usage.total("calls") == 0
    assert {key: reply.choices for key, reply in again.items()} == {
        key: reply.choices for key, reply in first.items()
    }


def test_plan_counts_what_would_be_read(store: Path) -> None:
    with planning.counting_calls() as usages, Model(ChatModel("openai", "any")) as model:
        (reply,) = model.generate([scored("x" * 40, "y" * 20)])
    assert (reply.error, reply.prompt_tokens) == (planning.PLANNED, 15)
    assert usages[0].total("calls") == 1


def test_the_simulated_model_makes_likelihoods_up_from_the_request() -> None:
    small, large = (SimulatedEngine(ChatModel("simulated", name)) for name in ("small", "large"))
    asked = scored("Which? Answer:", " a longer continuation")
    (one,), (again,) = answer(small, asked), answer(small, replace(asked, key="other"))
    assert one.choices == again.choices
    assert len(one.choices[0].logprobs or ()) == 6
    assert all(own <= best <= 0 for own, best in one.choices[0].logprobs or ())
    others = [answer(large, asked)[0], answer(small, scored("Which? Answer:", " b"))[0]]
    assert all(other.choices[0].logprobs != one.choices[0].logprobs for other in others)


def test_the_simulated_model_takes_a_raw_prompt_for_a_user_s() -> None:
    engine = SimulatedEngine(ChatModel("simulated", "small"))
    raw = Request("k", "respond", (Message("text", "Name three rivers."),), Sampling())
    chat = replace(raw, messages=(Message("user", "Name three rivers."),))
    assert answer(engine, raw) == answer(engine, chat)


@pytest.mark.skipif(not REAL, reason="EVOBUILD_REAL_DATA is not set")
def test_likelihoods_of_choices_are_those_of_lm_evaluation_harness() -> None:
    assert REAL
    file = Path(REAL) / "oracles/multiple_choice/stories260K.json.gz"
    with gzip.open(file, "rt", encoding="utf-8") as opened:
        tasks = json.load(opened)
    # A model without a chat template; one prompt is longer than its context and was cut.
    engine = TransformersEngine(ChatModel("transformers", str(Path(REAL) / STORIES)))
    for task, known in tasks.items():
        rows = known["rows"]
        asked = [
            scored(row["prompt"], f" {letter}", cut=True, key=f"{number}{letter}")
            for number, row in enumerate(rows)
            for letter in "ABCD"
        ]
        replies = iter(answer(engine, *asked))
        right = 0
        for row in rows:
            sums = [math.fsum(each[0] for each in next(replies).choices[0].logprobs or ()) for _ in "ABCD"]
            assert sums == pytest.approx(row["ll"], abs=1e-4)
            right += sums.index(max(sums)) == row["target"]
        assert right / len(rows) == known["acc"], task


def test_a_base_model_is_measured_with_raw_prompts_and_loses_its_chats(tmp_path: Path) -> None:
    shutil.copytree(tiny.folder(), tmp_path / "plain", ignore=shutil.ignore_patterns("chat_template*"))
    engine = TransformersEngine(ChatModel("transformers", str(tmp_path / "plain")))
    raw, chat = answer(engine, scored("Name", " a"), scored("Name", " a", role="user"))
    assert raw.error is None
    assert (chat.error or "").startswith("no chat template")


def test_text_that_begins_like_texts_begin_gets_no_second_start() -> None:
    tokenizer = tiny.tokenizer()
    start = tokenizer.bos_token
    ids = Continuations(tokenizer).prompt_ids(f"{start}Name")
    assert ids.count(tokenizer.bos_token_id) == 1
