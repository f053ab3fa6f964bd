"""Raw prompts and scored texts on every engine: the same tokens, the same likelihoods."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peers import Peer, ask

from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.uri import ChatModel, Weights
from evobuild.models.transformers_engine import TransformersEngine
from evobuild.weights import checkpoints

TEXTS = (
    ("Name three", " colours"),
    ("Name three ", "colours, and"),
    ("Write a line about the sea.\nAnswer:", " A"),
    ("Write a line about the sea.\nAnswer:", " B"),
    ("Write a line about the sea.\nAnswer:", " grey in the morning"),
)


def scored(role: str, prompt: str, continuation: str) -> Request:
    messages = (Message(role, prompt),)  # type: ignore[arg-type]
    if role == "user":
        # What a template ends with and a blank may be one token, by a server's tokens.
        continuation = continuation.strip()
    key = f"{role}/{prompt}/{continuation}"
    return Request(key, "evaluate", messages, Sampling(), continuation=continuation)


@pytest.fixture(scope="session")
def known(folder: Path) -> dict[str, Reply]:
    """What this process makes of each text."""
    engine = TransformersEngine(ChatModel("transformers", str(folder)))
    for role in ("text", "user"):
        for prompt, continuation in TEXTS:
            engine.submit(scored(role, prompt, continuation))
    return {reply.key: reply for reply in engine.collect()}


@pytest.mark.parametrize("role", ["text", "user"])
def test_a_text_has_the_same_likelihood_by_every_engine_or_none(
    peer: Peer, known: dict[str, Reply], role: str
) -> None:
    replies = peer.ask(*(scored(role, prompt, continuation) for prompt, continuation in TEXTS))
    for key, reply in replies.items():
        if not peer.scored:
            assert (reply.error or "").startswith("no likelihoods"), key
            continue
        assert reply.error is None
        (choice,) = reply.choices
        assert choice.text == known[key].text
        found = [value for position in choice.logprobs or () for value in position]
        wanted = [value for position in known[key].choices[0].logprobs or () for value in position]
        assert (found == pytest.approx(wanted, abs=1e-3)) == peer.real
        if peer.real:
            assert (reply.prompt_tokens, choice.tokens) == (known[key].prompt_tokens, 0)


def test_a_whole_text_is_scored_in_windows_where_tokens_can_be_sent(peer: Peer, folder: Path) -> None:
    texts = {"short": "The sea is wide, and grey in the morning.", "long": "the sea is wide " * 2000}
    asked = [replace(scored("text", "", text), key=key, scored_as="windows") for key, text in texts.items()]
    replies = peer.ask(*asked)
    if peer.model.engine == "openai":
        assert all((reply.error or "").startswith("no likelihoods") for reply in replies.values())
        return
    assert not any(reply.error for reply in replies.values())
    if not peer.real:
        return
    tokenizer = checkpoints.load_tokenizer(Weights(str(folder)))
    engine = TransformersEngine(ChatModel("transformers", str(folder)))
    for request in asked:
        engine.submit(request)
    for wanted in engine.collect():
        found, known = (reply.choices[0].logprobs or () for reply in (replies[wanted.key], wanted))
        assert len(found) == len(known) == len(tokenizer(texts[wanted.key])["input_ids"])
        # vLLM's windows are two tokens shorter, so that some tokens of a long text have other ones before.
        near = 1e-3 if wanted.key == "short" else 0.02 * len(known)
        assert sum(each[0] for each in found) == pytest.approx(sum(each[0] for each in known), abs=near)


def test_a_raw_prompt_is_continued_as_it_stands(peer: Peer, folder: Path) -> None:
    raw = replace(ask("Name three", max_tokens=8), messages=(Message("text", "Name three"),))
    (reply,) = peer.ask(raw).values()
    assert reply.error is None
    if not peer.real:
        return
    name = Weights(str(folder))
    model, tokenizer = checkpoints.load_causal_lm(name), checkpoints.load_tokenizer(name)
    ids = torch.tensor([tokenizer("Name three")["input_ids"]])
    made = model.generate(ids, do_sample=False, max_new_tokens=8)[0, ids.shape[1] :]
    assert reply.text == tokenizer.decode(made, skip_special_tokens=True)
    assert (reply.prompt_tokens, reply.choices[0].tokens) == (ids.shape[1], len(made))


def test_a_text_that_has_no_place_is_refused(peer: Peer) -> None:
    (reply,) = peer.ask(scored("text", "the sea is wide " * 2000, " grey")).values()
    if peer.context is None:
        assert reply.error is None
    else:
        assert (reply.error or "").startswith(("prompt too long", "no likelihoods"))
        assert (reply.error or "").startswith("prompt too long") or not peer.scored


def test_what_is_scored_is_kept(peer: Peer) -> None:
    asked = scored("text", "Name", " a")
    first, again = peer.ask(asked), peer.ask(asked)
    if peer.scored:
        assert again[asked.key].cached
        assert again[asked.key].choices == first[asked.key].choices
        assert len(peer.engine.asked) == 1
