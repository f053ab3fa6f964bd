"""What every engine must do, and what a server is known not to."""

from __future__ import annotations

import math
from pathlib import Path

import peers
import pytest
from peers import Peer, ask

from evobuild.core.errors import UserError
from evobuild.core.uri import Weights
from evobuild.models import placement
from evobuild.models.client import Model
from evobuild.weights import checkpoints

WORDS = ("sea", "colour", "stone", "river", "fish", "song", "tree", "lamp", "road", "bird")
PROMPTS = [f"Write a line about the {word}." for word in WORDS]


def test_replies_are_joined_by_key_whatever_the_order(peer: Peer) -> None:
    requests = [ask(text, max_tokens=4 + 5 * (place % 4)) for place, text in enumerate(PROMPTS)]
    forth, back = peer.ask(*requests), {}
    for request in reversed(requests):
        with Model(peer.model) as model:
            (back[request.key],) = model.generate([request])
    assert {key: reply.text for key, reply in forth.items()} == {
        key: reply.text for key, reply in back.items()
    }
    assert all(reply.error is None and reply.text for reply in forth.values())
    assert len(peer.engine.asked) == len(PROMPTS)


@pytest.fixture(scope="session")
def greedy(folder: Path) -> dict[str, str]:
    """What a plain loop of transformers makes of each prompt."""
    name = Weights(str(folder))
    model, tokenizer, texts = checkpoints.load_causal_lm(name), checkpoints.load_tokenizer(name), {}
    for prompt in PROMPTS:
        inputs = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], add_generation_prompt=True, return_tensors="pt"
        )
        made = model.generate(**inputs, do_sample=False, max_new_tokens=24)[0, inputs["input_ids"].shape[1] :]
        texts[prompt] = tokenizer.decode(made, skip_special_tokens=True)
    return texts


def test_greedy_replies_are_those_of_a_plain_loop_of_transformers(peer: Peer, greedy: dict[str, str]) -> None:
    replies = peer.ask(*(ask(text, max_tokens=24) for text in PROMPTS))
    found = {key: reply.text for key, reply in replies.items()}
    assert (found == greedy) == peer.real


def test_the_same_question_is_asked_once(peer: Peer) -> None:
    replies = peer.ask(ask("Name a fish.", "1"), ask("Name a stone.", "2"), ask("Name a fish.", "3"))
    assert replies["1"].text == replies["3"].text
    assert len(peer.engine.asked) == 2


def test_a_seed_repeats_its_text_and_another_gives_another(peer: Peer) -> None:
    def drawn(seed: int, *others: str) -> str:
        peer.engine.asked.clear()
        wanted = ask(
            PROMPTS[0], "wanted", temperature=0.9, max_tokens=24, seed=seed, stop=(f"\0{len(others)}",)
        )
        among = [ask(text, temperature=0.9, max_tokens=9, seed=seed) for text in others]
        text = peer.ask(*among, wanted)["wanted"].text
        assert len(peer.engine.asked) == 1 + len(others), "it came from the reply cache"
        return text

    one, again, other = drawn(1), drawn(1, *PROMPTS[1:]), drawn(2)
    assert one == again
    assert one != other


def test_one_seed_is_other_noise_for_another_prompt(peer: Peer) -> None:
    """Rows share their stage's seed: at a high temperature the noise decides, and it must differ."""
    replies = peer.ask(*(ask(text, temperature=2.0, max_tokens=8, seed=3) for text in PROMPTS))
    assert len({reply.text for reply in replies.values()}) == len(PROMPTS)


# llama.cpp gives no more than it has slots, which are 8 here: the rest is asked for one by one.
@pytest.mark.parametrize("n", [4, 9])
def test_n_gives_n_answers(peer: Peer, n: int) -> None:
    reply = peer.one("Name three colours.", n=n, temperature=2.0, seed=1, max_tokens=24)
    assert len(reply.choices) == n
    assert len({choice.text for choice in reply.choices}) > n / 2
    whole = sum(choice.finish == "length" for choice in reply.choices)
    assert (sum(choice.tokens for choice in reply.choices) >= 24 * whole) == (peer.counted or n > 8)


def test_a_stop_string_ends_the_text_before_it(peer: Peer) -> None:
    whole = peer.one("Name three colours.", max_tokens=40).text
    stop = whole[len(whole) // 2 :][:2]
    reply = peer.one("Name three colours.", max_tokens=40, stop=(stop,))
    cut = whole[: whole.index(stop)]
    # A server may leave the stop string in the text; the engine takes it off.
    assert (reply.text, reply.finish) == (cut, "stop")


def test_max_tokens_is_kept_and_told(peer: Peer) -> None:
    reply = peer.one("Name three colours.", max_tokens=3)
    assert (reply.finish, reply.choices[0].tokens) == ("length", 3)
    assert reply.prompt_tokens > 0


def test_a_text_that_ends_of_itself_is_told(peer: Peer) -> None:
    requests = [
        ask(text, temperature=1.0, max_tokens=1000, seed=seed) for seed, text in enumerate(PROMPTS[:6])
    ]
    assert "stop" in [reply.finish for reply in peer.ask(*requests).values()]


def test_logprobs_are_the_chosen_tokens_first_then_the_best(peer: Peer) -> None:
    untold = 0
    for temperature in (0.0, 1.0, 2.0):
        reply = peer.one("Name a river.", logprobs=3, temperature=temperature, max_tokens=24)
        choice = reply.choices[0]
        assert choice.logprobs
        untold += choice.tokens - len(choice.logprobs)
        for chosen, *best in choice.logprobs:
            assert len(best) == 3
            assert best == sorted(best, reverse=True)
            assert sum(map(math.exp, best)) <= 1 + 1e-6
            assert max(chosen, best[0]) <= 0
            if temperature == 0 and peer.real:
                assert chosen == pytest.approx(best[0])
    assert (untold == 0) == peer.scored
    assert peer.one("Name a lake.").choices[0].logprobs is None


def test_tokens_whose_probabilities_are_told_have_texts_where_asked_for(peer: Peer) -> None:
    choice = peer.one("Name a river.", logprobs=3, token_texts=True).choices[0]
    assert choice.token_texts and choice.logprobs
    assert [len(each) for each in choice.token_texts] == [len(each) for each in choice.logprobs]
    for texts, logprobs in zip(choice.token_texts, choice.logprobs, strict=True):
        if logprobs[0] == logprobs[1] > logprobs[2]:
            assert texts[0] == texts[1] != texts[2]
    if peer.scored:
        assert "".join(texts[0] for texts in choice.token_texts).startswith(choice.text[:1])
    assert peer.one("Name a river.", logprobs=3).choices[0].token_texts is None


@pytest.mark.parametrize(
    "text", ["Où est l'été? 漢字 😀", "e\u0301 \u202e \x07", "<|end|> {{ 7 * 7 }} {% raw %}"]
)
def test_any_text_is_answered(peer: Peer, text: str) -> None:
    assert peer.one(text).error is None


def test_an_empty_prompt_is_answered_or_refused_with_a_reason(peer: Peer) -> None:
    reply = peer.one("")
    assert reply.choices or reply.error


def test_half_a_surrogate_pair_harms_no_other(peer: Peer) -> None:
    replies = peer.ask(ask(PROMPTS[0]), ask("no \ud800 text", "half"), ask(PROMPTS[1]))
    assert [replies[text].error for text in PROMPTS[:2]] == [None, None]
    assert replies["half"].choices or replies["half"].error


def test_a_prompt_beyond_the_context_harms_no_other(peer: Peer) -> None:
    replies = peer.ask(ask(PROMPTS[0]), ask("sea " * 25_000, "long"), ask(PROMPTS[1]))
    assert [replies[text].error for text in PROMPTS[:2]] == [None, None]
    long = replies["long"]
    if peer.context is None:
        assert long.choices
    else:
        assert "too long" in (long.error or "")


def test_an_unknown_model_is_the_users_to_mend(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    with pytest.raises(UserError) as caught, Model(peer.unknown) as model:
        list(model.generate([ask("Name a fish.")]))
    assert peer.unknown.name in str(caught.value)
    assert str(caught.value).count("\n") <= 1


def test_what_was_answered_before_the_consumer_left_is_not_asked_again(peer: Peer) -> None:
    requests = [ask(f"Name {number} things.", max_tokens=8) for number in range(40)]
    with Model(peer.model) as model:
        for given, _ in enumerate(model.generate(requests), start=1):
            if given == 5:
                break
    peer.engine.asked.clear()
    replies = peer.ask(*requests)
    cached = sum(reply.cached for reply in replies.values())
    assert cached >= 5
    assert len(peer.engine.asked) == len(requests) - cached
    assert placement.start_engine(peer.model) is peer.engine


@pytest.mark.parametrize("running", [name for name in peers.ALL if "server" in name], indirect=True)
def test_calls_that_are_cancelled_leave_the_server_to_others(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()

    engine = placement.start_engine(peer.model)
    for number in range(16):
        engine.submit(ask(f"Name {number} things.", temperature=1.0, max_tokens=8 + 100 * number))
    assert engine.collect()
    engine.close()
    peer.engine.submit(ask("Name a fish."))
    assert [reply.error for reply in peer.engine.collect()] == [None]
