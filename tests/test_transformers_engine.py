"""The transformers engine: each reply depends on its own request alone."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
import tiny
import torch

from evobuild.errors import UserError
from evobuild.models import transformers_engine
from evobuild.models.request import Message, Reply, Request, Sampling
from evobuild.models.transformers_engine import TransformersEngine
from evobuild.uri import ChatModel

SAMPLED = Sampling(temperature=1.0, max_tokens=12, seed=5)
GREEDY = Sampling(max_tokens=12)


def ask(text: str, sampling: Sampling = GREEDY) -> Request:
    return Request(f"{text}/{sampling}", "respond", (Message("user", text),), sampling)


@pytest.fixture
def engine() -> TransformersEngine:
    return TransformersEngine(ChatModel("transformers", str(tiny.folder())))


def answer(engine: TransformersEngine, *requests: Request) -> list[Reply]:
    """All replies, in the order of the requests."""
    for request in requests:
        engine.submit(request)
    replies: dict[str, Reply] = {}
    while len(replies) < len(requests):
        replies |= {reply.key: reply for reply in engine.collect()}
    return [replies[request.key] for request in requests]


def texts(reply: Reply) -> list[str]:
    return [choice.text for choice in reply.choices]


OTHERS = [
    ask("Add two and five.", Sampling(temperature=0.3, top_p=0.5, max_tokens=20, seed=9)),
    ask("Write a line about the sea. " * 12, Sampling(max_tokens=3)),
    ask("Name a fish.", Sampling(temperature=2, max_tokens=7, n=3, logprobs=2)),
    ask("Name a stone.", Sampling(max_tokens=9, stop=("e",))),
]


def test_greedy_is_plain_generate(engine: TransformersEngine) -> None:
    turns = [{"role": "user", "content": "Name three colours."}]
    ids = tiny.tokenizer().apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")[
        "input_ids"
    ]
    out = tiny.model().generate(ids, max_new_tokens=12, do_sample=False)[0, ids.shape[1] :]
    (reply,) = answer(engine, ask("Name three colours."))
    assert reply.text == tiny.tokenizer().decode(out, skip_special_tokens=True)
    assert reply.prompt_tokens == ids.shape[1]


@pytest.mark.parametrize(
    "sampling",
    [
        GREEDY,
        SAMPLED,
        Sampling(0.7, 0.9, 12, n=2, seed=1, logprobs=1),
        Sampling(1.0, max_tokens=40, seed=2, stop=("a", "o")),
    ],
)
def test_a_reply_does_not_depend_on_its_batch(engine: TransformersEngine, sampling: Sampling) -> None:
    wanted = ask("Name three colours.", sampling)
    (alone,) = answer(engine, wanted)
    among = answer(engine, *OTHERS[:2], wanted, *OTHERS[2:])[2]
    assert [(each.text, each.finish, each.tokens) for each in among.choices] == [
        (each.text, each.finish, each.tokens) for each in alone.choices
    ]
    for one, other in zip(among.choices, alone.choices, strict=True):
        assert one.logprobs == (
            other.logprobs and tuple(pytest.approx(each, abs=1e-4) for each in other.logprobs)
        )


def test_a_long_neighbour_takes_no_room(engine: TransformersEngine) -> None:
    engine._context = 100
    wanted = ask("Name a fish.", Sampling(temperature=1.0, max_tokens=60, seed=3))
    (alone,) = answer(engine, wanted)
    long = ask("%" * 80)
    neighbour, among = answer(engine, long, wanted)
    assert 80 < neighbour.prompt_tokens < 100
    assert neighbour.choices[0].tokens <= 100 - neighbour.prompt_tokens
    assert (among.text, among.finish) == (alone.text, alone.finish)


@pytest.mark.parametrize(("seed", "same"), [(5, True), (6, False)])
def test_the_seed_decides_a_draw(engine: TransformersEngine, seed: int, same: bool) -> None:
    first = answer(engine, ask("Name three colours.", SAMPLED))[0].text
    again = answer(engine, ask("Name three colours.", Sampling(1.0, max_tokens=12, seed=seed)))[0].text
    assert (first == again) is same


def test_n_gives_n_choices_that_differ(engine: TransformersEngine) -> None:
    (reply,) = answer(engine, ask("Name three colours.", Sampling(1.0, max_tokens=12, n=20)))
    assert len(reply.choices) == len(set(texts(reply))) == 20


def test_a_stop_string_ends_the_reply_before_it(engine: TransformersEngine) -> None:
    (free,) = answer(engine, ask("Name three colours.", SAMPLED))
    stop = free.text[3:5]
    sampling = Sampling(temperature=1.0, max_tokens=12, seed=5, stop=(stop, "never said"))
    (cut,) = answer(engine, ask("Name three colours.", sampling))
    assert cut.text == free.text[: free.text.index(stop)]
    assert cut.finish == "stop"
    assert 0 < cut.choices[0].tokens < free.choices[0].tokens


def test_max_tokens_ends_the_reply(engine: TransformersEngine) -> None:
    (reply,) = answer(engine, ask("Name three colours.", Sampling(max_tokens=4)))
    assert (reply.finish, reply.choices[0].tokens) == ("length", 4)


def test_the_end_token_ends_the_reply_and_is_not_in_it(engine: TransformersEngine) -> None:
    engine._ends = lambda: set(range(engine._model.config.vocab_size))
    (reply,) = answer(engine, ask("Name three colours.", Sampling(max_tokens=4, logprobs=1)))
    assert (reply.text, reply.finish, reply.choices[0].tokens) == ("", "stop", 1)
    assert len(reply.choices[0].logprobs or ()) == 1


def test_logprobs_are_the_chosen_token_and_the_most_probable(engine: TransformersEngine) -> None:
    (reply,) = answer(engine, ask("Name three colours.", Sampling(1.0, max_tokens=6, logprobs=3)))
    (choice,) = reply.choices
    assert choice.logprobs is not None
    assert len(choice.logprobs) == choice.tokens == 6
    for chosen, *best in choice.logprobs:
        assert len(best) == 3
        assert best == sorted(best, reverse=True)
        assert chosen <= best[0] <= 0


def test_greedy_chooses_the_most_probable(engine: TransformersEngine) -> None:
    (reply,) = answer(engine, ask("Name three colours.", Sampling(max_tokens=6, logprobs=1)))
    assert all(chosen == best for chosen, best in reply.choices[0].logprobs or ())


def test_a_prompt_that_is_too_long_harms_no_other(engine: TransformersEngine) -> None:
    fine = ask("Name three colours.")
    (alone,) = answer(engine, fine)
    refused, among = answer(engine, ask("%" * 3000), fine)
    assert (refused.choices, refused.error) == (
        (),
        f"prompt too long: {refused.prompt_tokens} tokens of a context of 2048",
    )
    assert among == alone


def test_a_conversation_that_the_template_refuses_harms_no_other(engine: TransformersEngine) -> None:
    template = "{% if messages[0]['content'] == 'No.' %}{{ raise_exception('not so') }}{% endif %}go"
    engine._tokenizer.chat_template = template
    refused, among = answer(engine, ask("No."), ask("Yes."))
    assert (refused.choices, refused.error) == ((), "refused by the chat template: not so")
    assert among.error is None


def test_a_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    shutil.copytree(tiny.folder(), tmp_path / "plain", ignore=shutil.ignore_patterns("chat_template*"))
    with pytest.raises(UserError, match="has no chat template; choose an instruction-tuned one"):
        TransformersEngine(ChatModel("transformers", str(tmp_path / "plain")))


def test_an_unknown_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        TransformersEngine(ChatModel("transformers", str(tmp_path / "missing")))


PROBABILITIES = (0.5, 0.25, 0.15, 0.07, 0.03)


def reshaped(temperature: float, top_p: float) -> list[float]:
    """What should be drawn from PROBABILITIES: the fewest most probable that reach top_p, renormalised."""
    heated = [share ** (1 / temperature) for share in PROBABILITIES]
    heated = [share / sum(heated) for share in heated]
    kept = [share if sum(heated[:place]) < top_p else 0.0 for place, share in enumerate(heated)]
    return [share / sum(kept) for share in kept]


@pytest.mark.parametrize(
    ("temperature", "top_p"), [(1.0, 1.0), (0.5, 1.0), (2.0, 1.0), (1.0, 0.8), (1.0, 0.4), (0.7, 0.95)]
)
def test_draws_follow_temperature_and_top_p(temperature: float, top_p: float) -> None:
    rounds, rows = 100, 40
    sampling = Sampling(temperature, top_p)
    request = ask("any", sampling)
    draw = transformers_engine._Draw(torch, [transformers_engine._Row(request, n, []) for n in range(rows)])
    logits_B_V = torch.tensor(PROBABILITIES).log().expand(rows, -1) + 3
    counts = torch.zeros(len(PROBABILITIES))
    for _ in range(rounds):
        counts += torch.bincount(draw(None, logits_B_V).argmax(-1), minlength=len(PROBABILITIES))
    wanted = [share * rounds * rows for share in reshaped(temperature, top_p)]
    squares = [
        (count - want) ** 2 / want if want else count * math.inf if count else 0.0
        for count, want in zip(counts.tolist(), wanted, strict=True)
    ]
    assert sum(squares) < 18.5  # chi-square with 4 degrees of freedom: one draw in a thousand lies above
