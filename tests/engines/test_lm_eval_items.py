"""Every item of lm-evaluation-harness's tasks has the result of the library's engine, wherever seams lie."""

from __future__ import annotations

import gzip
import json
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import made_tokenizers
import pytest
import torch
import yaml
from tokenizers import processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from evobuild.core.chat import Request, Sampling
from evobuild.core.uri import ChatModel
from evobuild.evaluation.benchmark import Benchmark, ModelRequest, Tools, raw_prompt
from evobuild.evaluation.benchmarks.ceval import CEval, CEvalSettings
from evobuild.evaluation.benchmarks.lm_eval import LMEval, LMEvalSettings
from evobuild.evaluation.benchmarks.mmlu import MMLU
from evobuild.evaluation.benchmarks.multiple_choice import MultipleChoiceSettings
from evobuild.evaluation.evaluate import evaluate_model
from evobuild.models import placement
from evobuild.models.client import Model
from evobuild.models.transformers_engine import TransformersEngine
from evobuild.weights.continuations import Continuations

lm_eval = pytest.importorskip("lm_eval", reason="lm_eval is not installed")
from lm_eval.api.instance import Instance  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402

REAL = os.environ.get("EVOBUILD_REAL_DATA")
BENCHMARKS = Path(__file__).parents[2] / "data/raw/benchmarks"
CONTEXT = 96
"""Tokens, so few that texts need several windows, and some prompts are cut."""
COLOURS = ("red", "green", "grey", "blue as the sea")
DOCS = [
    {
        "question": f"{'So it was. ' * (number % 5) ** 2}Which colour is number {number}?",
        "choices": list(COLOURS),
        "answer": number % 4,
    }
    for number in range(16)
]
TEXTS = [
    "Add two and five: two and five make seven. The answer is green, or grey as the sea.",
    # So a colon and what is blank behind it are one token, of whatever stands on both sides.
    *(f"{one}:{blank}{other}" for blank in " \n" for one in "abcdefghrst" for other in "ABCDbgr"),
]


def choices(text: str, delimiter: str, options: str = "choices") -> dict[str, Any]:
    """A task whose prompt and choices meet so."""
    return {
        "output_type": "multiple_choice",
        "doc_to_text": text,
        "doc_to_choice": options,
        "doc_to_target": "answer",
        "target_delimiter": delimiter,
        "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
    }


letters = "{{['A', 'B', 'C', 'D']}}"
TASKS: dict[str, dict[str, Any]] = {
    "own_letters": choices("{{question}}\nAnswer:", " ", letters),
    "own_blank_at_end": choices("{{question}}\nAnswer: ", "", letters),
    "own_lines": choices("{{question}}\nAnswer:", "\n"),
    "own_inside_a_word": choices("{{question}}\nThe colour is gr", "", "{{['een.', 'ey.', 'ape.', 'ass.']}}"),
    "own_without_a_prompt": choices("", ""),
    "own_beginning": choices("<s>{{question}}", " "),
    "own_likelihood": {
        "output_type": "loglikelihood",
        "doc_to_text": "{{question}}",
        "doc_to_target": " {{choices[answer]}}",
        "metric_list": [{"metric": "perplexity"}, {"metric": "acc"}],
    },
    "own_texts": {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "{{question * (answer * 2 + 1)}}",
        "metric_list": [{"metric": "word_perplexity"}, {"metric": "bits_per_byte"}],
    },
    "own_written": {
        "output_type": "generate_until",
        "doc_to_text": "{{question}}\nAnswer:",
        "doc_to_target": "{{question[6]}}",
        "generation_kwargs": {"until": ["e", "\n\n"], "max_gen_toks": 12},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    },
}
CHATS = ("own_letters", "own_lines", "own_likelihood")


@dataclass(frozen=True)
class Peer:
    """A model and both engines with it."""

    kind: str
    tokenizer: PreTrainedTokenizerFast
    chat: ChatModel
    library: HFLM

    def likelihoods(self, asks: Sequence[ModelRequest]) -> list[float]:
        """What the library makes of what is asked."""
        requests = [
            Instance("loglikelihood", {}, (ask.messages[0].content, ask.continuation), number)
            for number, ask in enumerate(asks)
        ]
        return [total for total, _ in self.library.loglikelihood(requests, disable_tqdm=True)]


def saved_model(folder: Path, tokenizer: PreTrainedTokenizerFast) -> Path:
    """A small network whose predictions differ from token to token."""
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=CONTEXT, initializer_range=0.25,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=None,
    )  # fmt: skip
    tokenizer.model_max_length = CONTEXT
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tokenizer_of(kind: str) -> PreTrainedTokenizerFast:
    """One that merges what prompts end with and what follows; pieces begin each text, as Llama's do."""
    made = made_tokenizers.made(kind, TEXTS, 110 if kind.startswith("pieces") else 300, across=True)
    if kind.startswith("pieces"):
        made.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", made.bos_token_id)]
        )
    return made


@pytest.fixture(scope="module", params=["pieces with a prefix", "pieces", "byte lines"])
def peer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    kind, root = request.param, tmp_path_factory.mktemp("model")
    tokenizer = tokenizer_of(kind)
    with started(kind, saved_model(root / "tiny", tokenizer), root) as peer:
        yield peer


@contextmanager
def started(kind: str, folder: Path, root: Path) -> Iterator[Peer]:
    torch.set_num_threads(1)  # at this size two threads only wait for each other
    model = ChatModel("transformers", str(folder))
    engine = TransformersEngine(model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(placement, "start_engine", lambda _: engine)
        patch.setattr(engine, "close", lambda: None)
        patch.setenv("EVOBUILD_STORE", str(root / "replies.sqlite"))
        library = HFLM(pretrained=str(folder), device="cpu", batch_size=4)
        yield Peer(kind, library.tokenizer, model, library)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tasks over local data."""
    path = tmp_path_factory.mktemp("tasks")
    (path / "docs.jsonl").write_text("".join(json.dumps(doc) + "\n" for doc in DOCS))
    files = {"test": str(path / "docs.jsonl")}
    shared = {"dataset_path": "json", "dataset_kwargs": {"data_files": files}, "test_split": "test"}
    for name, task in TASKS.items():
        (path / f"{name}.yaml").write_text(yaml.safe_dump({"task": name} | shared | task))
    return path


def results(peer: Peer, own: Path, task: str, chat: bool) -> tuple[list[Any], list[Any]]:
    """Of each item our results, and the library's."""
    made = LMEval("entry", LMEvalSettings(benchmark=f"lm_eval:{task}", include_path=str(own), chat=chat), 1)
    with Model(peer.chat) as client:
        found = evaluate_model("tiny", [made], client, Tools(1))
    assert found.rejects.height == 0
    manager = TaskManager(include_defaults=False, include_path=str(own))
    known = lm_eval.simple_evaluate(
        peer.library, tasks=[task], task_manager=manager, bootstrap_iters=0, apply_chat_template=chat
    )
    samples = sorted(known["samples"][task], key=lambda sample: sample["doc_id"])
    by_item: dict[int, list[Any]] = {}
    for instance in made._task.instances:
        by_item.setdefault(instance.doc_id, []).append(instance.resps)
    return [by_item[number] for number in sorted(by_item)], [sample["resps"] for sample in samples]


@pytest.mark.parametrize(
    ("task", "chat"), [*((task, False) for task in TASKS), *((task, True) for task in CHATS)]
)
def test_every_item_has_the_library_s_result(peer: Peer, own: Path, task: str, chat: bool) -> None:
    ours, theirs = results(peer, own, task, chat)
    assert len(ours) == len(theirs) == len(DOCS)
    for place, (found, wanted) in enumerate(zip(ours, theirs, strict=True)):
        if task == "own_written":
            assert found == wanted, place
            continue
        pairs = zip(found, wanted, strict=True)
        for [own_result], [known] in pairs:
            total, *greedy = own_result if isinstance(own_result, tuple) else (own_result,)
            known_total, *known_greedy = known if isinstance(known, tuple | list) else (known,)
            assert total == pytest.approx(known_total, abs=2e-4, rel=1e-6), place
            assert greedy == known_greedy, place


def test_these_tokenizers_merge_what_they_are_to_merge(peer: Peer) -> None:
    """Else the comparison above shows nothing."""
    by_place = {
        "own_letters": ("Answer:", " D"),
        "own_blank_at_end": ("Answer: ", "D"),
        "own_lines": ("Answer:", "\nred"),
        "own_inside_a_word": ("The colour is gr", "een."),
    }
    merged = set()
    for task, (prompt, continuation) in by_place.items():
        scored = Continuations(peer.tokenizer).encode_after_text(prompt, continuation)
        whole = peer.tokenizer(prompt + continuation)["input_ids"]
        if scored.prompt != whole[: len(scored.prompt)]:
            merged.add(task)
    blanks = {"own_blank_at_end", "own_letters"} if peer.kind.startswith("pieces") else {"own_lines"}
    assert merged == {"own_inside_a_word"} | blanks


@pytest.mark.parametrize(
    "benchmark",
    [
        MMLU(
            "mmlu", MultipleChoiceSettings(items=str(BENCHMARKS / "mmlu.jsonl"), shots=2, overlong="cut"), 1
        ),
        CEval("ceval", CEvalSettings(items=str(BENCHMARKS / "ceval.jsonl"), shots=1, overlong="cut"), 1),
    ],
    ids=["mmlu", "ceval"],
)
def test_letters_of_mmlu_and_ceval_have_the_library_s_likelihoods(
    peer: Peer, benchmark: Benchmark[Any]
) -> None:
    with Model(peer.chat) as client:
        found = evaluate_model("tiny", [benchmark], client, Tools(1))
    assert found.rejects.height == 0
    ours = {row["item"]: [check["value"] for check in row["checks"][:4]] for row in found.rows.to_dicts()}
    for item in benchmark.read_items():
        wanted = peer.likelihoods(benchmark.next_requests(item, ()))
        assert ours[item.id] == pytest.approx(wanted, abs=2e-4), item.id


@pytest.mark.skipif(not REAL, reason="EVOBUILD_REAL_DATA is not set")
def test_a_published_model_that_merges_seams_has_the_library_s_likelihoods(tmp_path: Path) -> None:
    """Of every letter of 406 questions; ": " is one of its tokens."""
    with gzip.open(Path(str(REAL)) / "oracles/multiple_choice/stories260K.json.gz", "rt") as file:
        prompts = [row["prompt"] for task in json.load(file).values() for row in task["rows"]]
    asks = [
        ModelRequest(raw_prompt(prompt), Sampling(), f" {letter}", cut=True)
        for prompt in prompts
        for letter in "ABCD"
    ]
    requests = [
        Request(str(number), "evaluate", ask.messages, ask.sampling, continuation=ask.continuation, cut=True)
        for number, ask in enumerate(asks)
    ]
    folder = Path(str(REAL)) / "models/TinyStories-656K-np"
    with started("published", folder, tmp_path) as peer:
        with Model(peer.chat) as client:
            ours = {int(reply.key): reply.choices[0].logprobs or () for reply in client.generate(requests)}
        found = [math.fsum(each[0] for each in ours[number]) for number in range(len(asks))]
        assert found == pytest.approx(peer.likelihoods(asks), abs=2e-5)
