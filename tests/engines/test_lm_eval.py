"""Tasks of lm-evaluation-harness through the chat client: the figures of the library's own engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from evobuild.core.errors import UserError
from evobuild.core.uri import ChatModel
from evobuild.evaluation.benchmark import Tools
from evobuild.evaluation.benchmarks.ceval import CEval, CEvalSettings
from evobuild.evaluation.benchmarks.lm_eval import LMEval, LMEvalSettings
from evobuild.evaluation.benchmarks.mmlu import MMLU
from evobuild.evaluation.benchmarks.multiple_choice import MultipleChoiceSettings
from evobuild.evaluation.evaluate import Evaluation, evaluate_model
from evobuild.models import placement
from evobuild.models.client import Model

lm_eval = pytest.importorskip("lm_eval", reason="lm_eval is not installed")
from lm_eval.models.huggingface import HFLM  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402

COLOURS = ("red", "green", "blue", "grey")
DOCS = [
    {"question": f"Which colour has the number {number}?", "choices": list(COLOURS), "answer": number % 4}
    for number in range(12)
]
CHOICES = {
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}\nAnswer:",
    "doc_to_choice": "choices",
    "doc_to_target": "answer",
    "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
}
letter = {"function": "regex", "regex_pattern": "([a-z])"}
TASKS: dict[str, dict[str, Any]] = {
    "own_choices": CHOICES,
    "own_shots": CHOICES | {"num_fewshot": 2, "description": "Colours by number.\n\n"},
    "own_likelihood": {
        "output_type": "loglikelihood",
        "doc_to_text": "{{question}}",
        "doc_to_target": " {{choices[answer]}}",
        "metric_list": [{"metric": "perplexity"}, {"metric": "acc"}],
    },
    "own_texts": {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "{{question}}",
        "metric_list": [{"metric": "word_perplexity"}, {"metric": "bits_per_byte"}],
    },
    "own_written": {
        "output_type": "generate_until",
        "doc_to_text": "{{question}}\nAnswer:",
        "doc_to_target": "{{question[6]}}",
        "generation_kwargs": {"until": ["\n"], "max_gen_toks": 12},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        "filter_list": [
            {"name": name, "filter": [letter | {"group_select": place}, {"function": "take_first"}]}
            for name, place in (("first", 0), ("last", -1))
        ],
    },
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tasks over local data."""
    path = tmp_path_factory.mktemp("tasks")
    (path / "docs.jsonl").write_text("".join(json.dumps(doc) + "\n" for doc in DOCS))
    shared = {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(path / "docs.jsonl"), "dev": str(path / "docs.jsonl")}},
        "test_split": "test",
        "fewshot_split": "dev",
    }
    tasks = TASKS | {"own_unsafe": CHOICES | {"unsafe_code": True}, "mbpp_own": CHOICES}
    tasks["own_bleu"] = TASKS["own_written"] | {"metric_list": [{"metric": "bleu"}]}
    tasks["own_hub"] = TASKS["own_written"] | {"metric_list": [{"metric": "x", "hf_evaluate": True}]}
    tasks["own_prefixed"] = TASKS["own_written"] | {"gen_prefix": "So"}
    for name, task in tasks.items():
        (path / f"{name}.yaml").write_text(yaml.safe_dump({"task": name} | shared | task))
    (path / "group.yaml").write_text(
        yaml.safe_dump({"group": "own_group", "task": ["own_choices", "own_texts"]})
    )
    return path


@pytest.fixture(scope="module")
def chat(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatModel]:
    """A model whose engine stays."""
    model = ChatModel("transformers", str(folder))
    engine = placement.start_engine(model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(placement, "start_engine", lambda _: engine)
        patch.setattr(engine, "close", lambda: None)
        patch.setenv("EVOBUILD_STORE", str(tmp_path_factory.mktemp("store") / "replies.sqlite"))
        yield model


def asked(model: ChatModel, own: Path, task: str, **settings: Any) -> tuple[LMEval, Evaluation]:
    made = LMEval("entry", LMEvalSettings(benchmark=f"lm_eval:{task}", include_path=str(own), **settings), 1)
    with Model(model) as client:
        return made, evaluate_model("tiny", [made], client, Tools(1))


def figures(made: LMEval, found: Evaluation) -> dict[str, float]:
    return {
        name: figure["total"].sum() / figure["weight"].sum()
        for name, figure in made.compute_metrics(found.rows).items()
    }


def known(folder: Path, own: Path, task: str, **options: Any) -> dict[str, float]:
    """What the library finds with its own engine."""
    results = lm_eval.simple_evaluate(
        HFLM(pretrained=str(folder), device="cpu", batch_size=4),
        tasks=[task],
        task_manager=TaskManager(include_defaults=False, include_path=str(own)),
        bootstrap_iters=0,
        **options,
    )
    return results["results"][task]


@pytest.mark.parametrize("task", ["own_choices", "own_shots"])
def test_choices_have_the_library_s_figures(chat: ChatModel, folder: Path, own: Path, task: str) -> None:
    made, found = asked(chat, own, task)
    wanted = known(folder, own, task)
    shown = figures(made, found)
    assert found.rows.height == len(DOCS)
    for metric in ("acc", "acc_norm"):
        assert shown[metric] == pytest.approx(wanted[f"{metric},none"])
    assert shown["score"] == shown["acc"]


def test_shots_are_the_library_s(chat: ChatModel, folder: Path, own: Path) -> None:
    _, found = asked(chat, own, "own_choices", shots=3)
    results = lm_eval.simple_evaluate(
        HFLM(pretrained=str(folder), device="cpu", batch_size=4),
        tasks=["own_choices"],
        num_fewshot=3,
        task_manager=TaskManager(include_defaults=False, include_path=str(own)),
        bootstrap_iters=0,
    )
    prompts = [sample["arguments"][0][0] for sample in results["samples"]["own_choices"]]
    assert found.rows["prompt"].to_list() == prompts
    assert "Answer: " in prompts[0]


def test_perplexities_are_the_library_s_in_nats(chat: ChatModel, folder: Path, own: Path) -> None:
    import math

    shown, wanted = figures(*asked(chat, own, "own_likelihood")), known(folder, own, "own_likelihood")
    assert math.exp(shown["log perplexity"]) == pytest.approx(wanted["perplexity,none"], rel=1e-4)
    assert shown["acc"] == pytest.approx(wanted["acc,none"])
    shown, wanted = figures(*asked(chat, own, "own_texts")), known(folder, own, "own_texts")
    assert math.exp(shown["log word_perplexity"]) == pytest.approx(wanted["word_perplexity,none"], rel=1e-4)
    assert shown["bits_per_byte"] == pytest.approx(wanted["bits_per_byte,none"], rel=1e-4)


def test_what_is_written_passes_the_task_s_filters(chat: ChatModel, folder: Path, own: Path) -> None:
    shown, wanted = figures(*asked(chat, own, "own_written")), known(folder, own, "own_written")
    for name in ("first", "last"):
        assert shown[f"exact_match,{name}"] == pytest.approx(wanted[f"exact_match,{name}"])


def test_chats_have_the_library_s_replies(chat: ChatModel, folder: Path, own: Path) -> None:
    _, found = asked(chat, own, "own_written", chat=True)
    results = lm_eval.simple_evaluate(
        HFLM(pretrained=str(folder), device="cpu", batch_size=4),
        tasks=["own_written"],
        apply_chat_template=True,
        task_manager=TaskManager(include_defaults=False, include_path=str(own)),
        bootstrap_iters=0,
    )
    samples = [each for each in results["samples"]["own_written"] if each["filter"] == "first"]
    assert found.rows["reply"].to_list() == [each["resps"][0][0] for each in samples]


def test_a_second_run_asks_nothing(chat: ChatModel, own: Path) -> None:
    asked(chat, own, "own_choices")
    made = LMEval("entry", LMEvalSettings(benchmark="lm_eval:own_choices", include_path=str(own)), 1)
    with Model(chat) as client:
        evaluate_model("tiny", [made], client, Tools(1))
        assert client.usage.total("calls") == 0
        assert client.usage.total("cached") == 4 * len(DOCS)


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("own_choises", "is an unknown task of lm-eval; did you mean 'own_choices'"),
        ("own_group", "is a group; name its tasks one by one: lm_eval:own_choices, lm_eval:own_texts"),
        ("own_unsafe", "runs code of a model or of the hub"),
        ("own_hub", "runs code of a model or of the hub"),
        ("mbpp_own", "runs code of a model or of the hub"),
        ("own_bleu", "has no metric that is a mean over documents, only bleu"),
    ],
)
def test_what_is_not_run_is_refused_before_anything_is_asked(own: Path, task: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        LMEval(f"lm_eval:{task}", LMEvalSettings(include_path=str(own)), 1).read_items()
    assert str(caught.value).startswith(f"lm_eval:{task} {said}")
    assert len(str(caught.value).splitlines()) <= 2


def test_a_reply_that_the_task_begins_is_no_chat(own: Path) -> None:
    settings = LMEvalSettings(benchmark="lm_eval:own_prefixed", include_path=str(own), chat=True)
    with pytest.raises(UserError, match="gen_prefix"):
        LMEval("entry", settings, 1).read_items()


def test_the_library_s_own_code_tasks_are_refused_without_loading_their_data() -> None:
    for task in ("humaneval", "mbpp_instruct", "cruxeval_input"):
        with pytest.raises(UserError, match="runs code"):
            LMEval(f"lm_eval:{task}", LMEvalSettings(), 1).read_items()


def test_prompts_of_mmlu_and_ceval_are_the_library_s(tmp_path: Path) -> None:
    root = Path(__file__).parents[2] / "data/raw/benchmarks"
    source = Path(lm_eval.__file__).parent / "tasks"
    geography = "high_school_geography"
    cases = (
        ("mmlu", "mmlu/default", "mmlu_astronomy", "astronomy", MMLU, MultipleChoiceSettings(shots=2)),
        ("ceval", "ceval", f"ceval-valid_{geography}", geography, CEval, CEvalSettings(shots=2)),
    )
    for name, folder, task, subject, kind, settings in cases:
        rows = [json.loads(line) for line in (root / f"{name}.jsonl").read_text().splitlines()]
        asked_of, files = "test" if name == "mmlu" else "val", {}
        for split in ("dev", asked_of):
            kept = [row for row in rows if row["subject"] == subject and row["split"] == split]
            for row in kept:
                row["answer"] = "ABCD".index(row["answer"]) if name == "mmlu" else row["answer"]
            path = tmp_path / f"{name}-{split}.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in kept))
            files[split] = str(path)
        include = next(path for path in (source / folder).glob("*.yaml") if f'"{task}"' in path.read_text())
        config = {
            "include": str(include), "task": f"own_{name}", "dataset_path": "json", "dataset_name": None,
            "dataset_kwargs": {"data_files": files}, "num_fewshot": 2, "tag": "own",
        }  # fmt: skip
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(config))
        theirs = LMEval(f"lm_eval:own_{name}", LMEvalSettings(include_path=str(tmp_path)), 1)
        settings = settings.model_copy(update={"items": str(root / f"{name}.jsonl"), "subjects": [subject]})
        ours = kind(name, settings, 1)
        own_asks = [ours.next_requests(item, ()) for item in ours.read_items()]
        their_asks = [theirs.next_requests(item, ()) for item in theirs.read_items()]
        assert [[(ask.messages, ask.continuation) for ask in each] for each in own_asks] == [
            [(ask.messages, ask.continuation) for ask in each] for each in their_asks
        ]
