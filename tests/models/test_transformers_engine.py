"""The transformers engine: each reply depends on its own request alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
import transformers

from evobuild.core.chat import Message, Reply, Request, Sampling
from evobuild.core.errors import UserError
from evobuild.core.uri import ChatModel, Weights
from evobuild.models.client import Model
from evobuild.models.transformers_engine import TransformersEngine
from evobuild.weights import checkpoints

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


def with_batch(folder: Path, batch: int, monkeypatch: pytest.MonkeyPatch) -> TransformersEngine:
    """An engine of a machine with its own size of batch."""
    (folder / "machine.yaml").write_text(f"transformers: {{batch: {batch}}}")
    monkeypatch.setenv("DVC_ROOT", str(folder))
    return TransformersEngine(ChatModel("transformers", str(tiny.folder())))


def test_the_size_of_the_batch_changes_no_reply(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [ask("Name three colours."), ask("Name three colours.", SAMPLED), *OTHERS]
    found = {
        size: [
            [(choice.text, choice.finish, choice.tokens) for choice in reply.choices]
            for reply in answer(with_batch(tmp_path, size, monkeypatch), *asked)
        ]
        for size in (1, 3, 16)
    }
    assert found[1] == found[3] == found[16]


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_the_machine_says_how_many_sequences_are_generated_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path, batch: int
) -> None:
    with_batch(tmp_path, batch, monkeypatch)
    sizes = recorded(monkeypatch)
    asked = [ask(f"Name {number}.", Sampling(max_tokens=2)) for number in range(25)]
    with Model(ChatModel("transformers", str(tiny.folder()))) as model:
        assert len(list(model.generate(asked))) == 25
    assert sizes == [*[batch] * (25 // batch), *([25 % batch] if 25 % batch else [])]


def recorded(
    monkeypatch: pytest.MonkeyPatch, fail: Callable[[int, int], bool] = lambda *_: False
) -> list[int]:
    """Let the model note the size of each batch it runs, and run out of memory where asked to."""
    sizes: list[int] = []
    generate = transformers.LlamaForCausalLM.generate

    def fake(self, ids_B_T, **options):
        if fail(*ids_B_T.shape):
            raise torch.OutOfMemoryError("CUDA out of memory")
        sizes.append(len(ids_B_T))
        return generate(self, ids_B_T, **options)

    monkeypatch.setattr(transformers.LlamaForCausalLM, "generate", fake)
    return sizes


def copied(to: Path, **generation: object) -> Path:
    """A copy of the tiny model with some settings of its generation changed."""
    folder = Path(shutil.copytree(tiny.folder(), to))
    file = folder / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | generation))
    return folder


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_straggler_goes_on_without_those_that_finished(
    engine: TransformersEngine, temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = ask("Name a fish.", Sampling(temperature, max_tokens=40, seed=3, logprobs=1))
    (alone,) = answer(engine, long)
    sizes = recorded(monkeypatch)
    *_, among = answer(engine, *(ask(f"Name {number}.", Sampling(max_tokens=2)) for number in range(9)), long)
    assert sizes == [10, 1]
    assert (among.text, among.finish) == (alone.text, alone.finish)
    assert len(among.choices[0].logprobs or ()) == among.choices[0].tokens > 2


def test_a_batch_that_takes_too_much_memory_is_halved(engine: TransformersEngine, monkeypatch) -> None:
    asked = [ask(f"Name {number}.", SAMPLED) for number in range(11)]
    wanted = answer(engine, *asked)
    sizes = recorded(monkeypatch, lambda rows, width: rows > 3)
    assert answer(engine, *asked) == wanted
    assert max(sizes) == 2  # 11, 5, 2


def test_a_row_that_does_not_fit_alone_harms_no_other(engine: TransformersEngine, monkeypatch) -> None:
    asked = [ask("Name a fish."), ask("%" * 80, Sampling(1.0, n=2)), ask("Name a stone.")]
    wanted = answer(engine, *asked)
    recorded(monkeypatch, lambda rows, width: width > 80)
    first, refused, last = answer(engine, *asked)
    assert [first, last] == [wanted[0], wanted[2]]
    assert (refused.choices, refused.error) == (
        (),
        f"out of memory with {refused.prompt_tokens} tokens in a batch of 1",
    )


def test_another_error_is_not_taken_for_memory(engine: TransformersEngine, monkeypatch) -> None:
    def broken(*_, **options):
        raise RuntimeError("a bug")

    monkeypatch.setattr(transformers.LlamaForCausalLM, "generate", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        answer(engine, ask("Name a fish."))


def test_the_models_own_generation_config_does_not_leak_in(
    engine: TransformersEngine, tmp_path: Path
) -> None:
    opinions = {"repetition_penalty": 9.0, "top_k": 1, "temperature": 0.1, "min_length": 30}
    folder = copied(tmp_path / "opinionated", do_sample=True, **opinions)
    assert checkpoints.load_causal_lm(Weights(str(folder))).generation_config.repetition_penalty == 9
    other = TransformersEngine(ChatModel("transformers", str(folder)))
    asked = [ask("Name three colours.", Sampling(max_tokens=40, logprobs=2)), ask("Name a fish.", SAMPLED)]
    assert answer(other, *asked) == answer(engine, *asked)
    assert other.end_tokens == engine.end_tokens != frozenset()


def test_learned_positions_are_not_overrun(tmp_path: Path) -> None:
    config = transformers.GPT2Config(
        vocab_size=len(tiny.tokenizer()), n_positions=64, n_embd=32, n_layer=1, n_head=2, bos_token_id=0
    )
    torch.manual_seed(1)
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    engine = TransformersEngine(ChatModel("transformers", str(tmp_path)))
    asked = [ask("%" * 40), ask("Name a fish.", Sampling(max_tokens=50)), ask("!", Sampling(max_tokens=50))]
    alone = [answer(engine, each)[0].choices for each in asked]
    assert [reply.choices for reply in answer(engine, *asked)] == alone


def test_a_long_neighbour_takes_no_room() -> None:
    engine = TransformersEngine(ChatModel("transformers", str(tiny.folder()), max_length=100))
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


def test_the_end_token_ends_the_reply_and_is_not_in_it(tmp_path: Path) -> None:
    every = list(range(len(tiny.tokenizer())))
    engine = TransformersEngine(ChatModel("transformers", str(copied(tmp_path / "ends", eos_token_id=every))))
    (reply,) = answer(engine, ask("Name three colours.", Sampling(max_tokens=4, logprobs=1)))
    assert (reply.text, reply.finish, reply.choices[0].tokens) == ("", "stop", 1)
    assert len(reply.choices[0].logprobs or ()) == 1


def test_logprobs_are_the_chosen_token_and_the_most_probable(engine: TransformersEngine) -> None:
    (reply,) = answer(engine, ask("Name three colours.", Sampling(1.0, max_tokens=6, seed=1, logprobs=3)))
    (choice,) = reply.choices
    assert choice.logprobs is not None
    assert len(choice.logprobs) == choice.tokens == 6
    for chosen, *best in choice.logprobs:
        assert len(best) == 3
        assert best == sorted(best, reverse=True)
        assert chosen <= best[0] <= 0


def test_tokens_whose_probabilities_are_told_have_texts_where_asked_for(engine: TransformersEngine) -> None:
    sampling = Sampling(1.0, max_tokens=6, seed=1, logprobs=2, token_texts=True)
    (with_texts,) = answer(engine, ask("Name three colours.", sampling))
    (without,) = answer(engine, ask("Name three colours.", replace(sampling, token_texts=False)))
    (choice,) = with_texts.choices
    assert choice.logprobs and choice.token_texts
    assert "".join(chosen for chosen, *_ in choice.token_texts) == choice.text
    for (chosen, best, other), texts in zip(choice.logprobs, choice.token_texts, strict=True):
        assert [texts[0] == each for each in texts[1:]] == [chosen == best, chosen == other]
    assert without.choices[0] == replace(choice, token_texts=None)


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


def test_a_conversation_that_the_template_refuses_harms_no_other(tmp_path: Path) -> None:
    template = "{% if messages[0]['content'] == 'No.' %}{{ raise_exception('not so') }}{% endif %}go"
    folder = copied(tmp_path / "strict")
    (folder / "chat_template.jinja").write_text(template)
    engine = TransformersEngine(ChatModel("transformers", str(folder)))
    refused, among = answer(engine, ask("No."), ask("Yes."))
    assert (refused.choices, refused.error) == ((), "refused by the chat template: not so")
    assert among.error is None


def test_a_chat_with_a_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    shutil.copytree(tiny.folder(), tmp_path / "plain", ignore=shutil.ignore_patterns("chat_template*"))
    engine = TransformersEngine(ChatModel("transformers", str(tmp_path / "plain")))
    with pytest.raises(UserError, match="has no chat template; choose an instruction-tuned one"):
        engine.submit(ask("Name a fish."))


def test_an_unknown_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        TransformersEngine(ChatModel("transformers", str(tmp_path / "missing")))
