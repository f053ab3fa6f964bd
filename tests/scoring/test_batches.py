"""What a model makes of a row has the same bytes whatever is measured beside it or was before."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import tiny
import torch
import transformers

from evobuild.core import tables
from evobuild.core.instructions import Instruction
from evobuild.core.measures import measure_of
from evobuild.core.uri import Weights
from evobuild.scoring.embeddings import Embedder
from evobuild.scoring.params import Reward, Score
from evobuild.scoring.reward import EvolverTurns, Rewarder
from evobuild.scoring.score import Scorer
from evobuild.weights.mean_states import read_mean_states
from evobuild.weights.passes import Passes

SIZES = {
    "vocab_size": 300, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 172, "max_position_embeddings": 1024,
}  # fmt: skip
"""172 as in a published model: no power of two divides it that a vector has numbers."""
ACTIVATION = "gelu_pytorch_tanh"
"""Of those that are computed otherwise at the end of a list, the one that shows it most often."""
Measure = Callable[[Sequence[Instruction]], dict[str, object]]
"""What a measure gives of each row by its id."""


def rows() -> list[Instruction]:
    draw = random.Random(3)
    words = ["sea", "grey", "wide", "name", "three", "colours", "morning", "seven", "five", "wood"]
    texts = [" ".join(draw.choices(words, k=draw.choice((1, 2, 3, 9, 30)))) for _ in range(44)]
    given = [(f"{number} {text}", texts[number + 22]) for number, text in enumerate(texts[:22])]
    # So few tokens that by themselves they go through other instructions than among others.
    given += [(short, "!") for short in ("7", "%", "a", "?")]
    return [tiny.row(instruction=question, output=answer) for question, answer in given]


ROWS = rows()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A decoder, a classifier and an encoder with random weights, each in a folder."""
    base = tmp_path_factory.mktemp("batches")
    llama = transformers.LlamaConfig(**SIZES, num_labels=1, hidden_act=ACTIVATION)
    bert = transformers.BertConfig(**SIZES, hidden_act=ACTIVATION)
    for name, kind, config in (
        ("causal", transformers.LlamaForCausalLM, llama),
        ("reward", transformers.LlamaForSequenceClassification, llama),
        ("encoder", transformers.BertModel, bert),
    ):
        transformers.set_seed(1)
        kind(config).save_pretrained(base / name)
        tokenizer = transformers.AutoTokenizer.from_pretrained(tiny.folder())
        if name == "reward":
            tokenizer.chat_template = None
        tokenizer.save_pretrained(base / name)
    return base


@pytest.fixture(params=["score", "reward", "embedding"])
def measure(request, folder: Path) -> Measure:
    def score_rows(some):
        params = Score(template="plain", dtype="float32", max_length=512)
        with Scorer(Weights(str(folder / "causal")), params) as scorer:
            return {each.id: each for each in scorer.score_rows(some)}

    def score_turns(some):
        turns = [EvolverTurns(row.id, row.instruction, row.output) for row in some]
        params = Reward(dtype="float32", max_length=512)
        with Rewarder(Weights(str(folder / "reward")), params) as rewarder:
            found = list(rewarder.score_turns(turns))
        return {each.id: each._replace(scaled=None) for each in found}  # by the mean of the pool

    def embedding(some):
        pytest.importorskip("sentence_transformers")
        with Embedder(Weights(str(folder / "encoder"))) as embedder:
            vectors = embedder.embed([row.instruction for row in some])
        return {row.id: vector.tobytes() for row, vector in zip(some, vectors, strict=True)}

    return {"score": score_rows, "reward": score_turns, "embedding": embedding}[request.param]


@pytest.fixture
def anew(tmp_path, monkeypatch) -> Callable[[], None]:
    """Forget what was measured."""
    count = iter(range(1000))
    return lambda: monkeypatch.setenv("EVOBUILD_STORE", str(tmp_path / f"{next(count)}.sqlite"))


def test_a_row_has_the_same_bytes_in_any_company(measure: Measure, anew) -> None:
    anew()
    together = measure(ROWS)
    assert together.keys() == {row.id for row in ROWS}
    anew()
    assert measure(ROWS[::-1]) == together
    anew()
    for row in ROWS[::5]:
        assert measure([row])[row.id] == together[row.id]
    for number in range(3):
        anew()
        half = random.Random(number).sample(ROWS, len(ROWS) // 2)
        measure(half)
        assert measure(ROWS) == together


@pytest.mark.parametrize("pack", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("threads", [1, 2])
def test_states_have_the_same_bits_at_any_place_of_a_pass(folder, monkeypatch, pack, dtype, threads) -> None:
    monkeypatch.setattr("evobuild.weights.threads.SMALL", 0)
    model = transformers.LlamaForCausalLM.from_pretrained(folder / "causal").to(dtype).eval()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    draw = random.Random(1)
    given = [[draw.randrange(300) for _ in range(draw.choice((1, 4, 17, 80, 200)))] for _ in range(16)]
    try:
        passes = Passes(model, pack)
        assert passes.layout == ("packed" if pack else "padded")
        together = states(passes, given)
        assert states(passes, given[::3]) == together[::3]
        assert [states(passes, [each])[0] for each in given[:6]] == together[:6]
    finally:
        torch.set_num_threads(before)


def states(passes: Passes, documents: list[list[int]]) -> list[bytes]:
    found = {
        place: read.states[start : start + len(documents[place])].float().numpy().tobytes()
        for read in passes.read(documents)
        for place, start in zip(read.places, read.starts, strict=True)
    }
    return [found[place] for place in range(len(documents))]


def test_a_document_longer_than_a_pass_is_read_by_itself(folder, monkeypatch) -> None:
    monkeypatch.setitem(Passes.__init__.__globals__["TOKENS"], "cpu", 128)
    passes = Passes(transformers.LlamaForCausalLM.from_pretrained(folder / "causal").eval())
    long, short = list(range(200)), [7, 8, 9]
    assert states(passes, [short, long, short]) == [
        *states(passes, [short]), *states(passes, [long]), *states(passes, [short])
    ]  # fmt: skip


def test_where_a_place_changes_bits_documents_are_read_one_by_one(folder, monkeypatch) -> None:
    model = transformers.LlamaForCausalLM.from_pretrained(folder / "causal").eval()
    norm = model.model.norm
    forward = norm.forward

    def placed(states):
        found = forward(states)
        # As a kernel would whose last rows go through other instructions.
        found.flatten(0, 1)[500:] *= 1 + 2**-20
        return found

    monkeypatch.setattr(norm, "forward", placed)
    passes = Passes(model)
    assert passes.layout == "alone"
    given = [[place, 8, 9] for place in range(9)]
    assert states(passes, given)[3:4] == states(passes, given[3:4])


def test_mean_states_do_not_depend_on_company(folder) -> None:
    model = transformers.LlamaForCausalLM.from_pretrained(folder / "causal").eval()
    given = [list(range(3, 3 + 7 * number)) for number in range(1, 20)]
    losses, found = read_mean_states(model, given)
    some_losses, some = read_mean_states(model, given[::4])
    assert (some.tobytes(), some_losses.tobytes()) == (found[::4].tobytes(), losses[::4].tobytes())


def test_tables_of_scores_are_the_same_files(folder, anew, tmp_path) -> None:
    params = Score(template="plain", dtype="float32", max_length=512)

    def table(path: Path, first: int) -> bytes:
        anew()
        with Scorer(Weights(str(folder / "causal")), params) as scorer:
            list(scorer.score_rows(ROWS[:first]))
            found = sorted(scorer.score_rows(ROWS))
        tables.write(path, tables.frame(measure_of("score").schema, found))
        return path.read_bytes()

    assert len({table(tmp_path / f"{first}.parquet", first) for first in (0, 1, 7, 20)}) == 1
