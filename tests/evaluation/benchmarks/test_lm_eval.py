"""Tasks of lm-evaluation-harness, as far as that is not needed: what it is given, and that it is missing.

tests/engines/test_lm_eval.py has the tasks themselves.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evobuild.core.chat import Choice, Message, Reply, Sampling
from evobuild.core.errors import MissingExtra
from evobuild.evaluation.benchmarks import benchmark_class
from evobuild.evaluation.benchmarks.lm_eval import LMEval, LMEvalSettings
from evobuild.evaluation.lm_eval_requests import convert_reply, convert_request, dump_messages
from evobuild.evaluation.params import Evaluate, build_benchmarks

DEFAULT = Sampling(max_tokens=256, seed=3)


def instance(kind: str, *args: Any) -> Any:
    return SimpleNamespace(request_type=kind, args=args)


def test_without_the_package_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # As where it is not installed, whether or not it is here.
    for name in [name for name in sys.modules if name.split(".")[0] == "lm_eval"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("sys.path", [path for path in sys.path if "site-packages" not in path])
    assert benchmark_class("lm_eval:hellaswag") is LMEval
    with pytest.raises(MissingExtra, match=r"evobuild\[lm-eval\]"):
        LMEval("lm_eval:hellaswag", LMEvalSettings(), 1).read_items()


def entries(benchmarks: dict[str, Any]) -> dict[str, Any]:
    judge = {"temperature": 0.0, "top_p": 1.0, "max_tokens": 9, "retries": 1}
    given = {"models": {}, "benchmarks": benchmarks, "judge": judge, "unparsed": 0.2}
    return Evaluate.model_validate(given).benchmarks


def test_an_entry_is_a_task_by_its_name_or_by_what_it_says() -> None:
    found = entries({"lm_eval:ceval-valid_Law": {"limit": 3}, "own": {"benchmark": "lm_eval:arc_easy"}})
    tasks = {name: made.task_name for name, made in zip(found, build_benchmarks(found, 1), strict=True)}
    # As names of pages and figures are.
    assert tasks == {"lm_eval_ceval_valid_law": "ceval-valid_Law", "own": "arc_easy"}
    assert found["lm_eval_ceval_valid_law"].limit == 3
    with pytest.raises(ValueError, match="found 'lm_eval_a_b' twice"):
        entries({"lm_eval:a-b": {}, "lm_eval:a_b": {}})


def test_the_stage_depends_on_the_user_s_own_tasks(tmp_path: Path) -> None:
    (tmp_path / "tasks/deep").mkdir(parents=True)
    for name in ("a.yaml", "deep/docs.jsonl"):
        (tmp_path / "tasks" / name).write_text("x")
    settings = LMEvalSettings(include_path=str(tmp_path / "tasks"))
    assert LMEval("lm_eval:a", settings, 1).files == (
        f"{tmp_path}/tasks/a.yaml",
        f"{tmp_path}/tasks/deep/docs.jsonl",
    )
    assert LMEval("lm_eval:a", LMEvalSettings(), 1).files == ()


@pytest.mark.parametrize(
    ("given", "sampling"),
    [
        ({"until": ["\n", ""]}, Sampling(max_tokens=256, seed=3, stop=("\n",))),
        ({"until": "Q:", "max_gen_toks": 9}, Sampling(max_tokens=9, seed=3, stop=("Q:",))),
        ({"do_sample": False, "temperature": 0.7}, DEFAULT),
        ({"do_sample": True}, Sampling(1.0, max_tokens=256, seed=3)),
        ({"do_sample": True, "temperature": 0.7, "top_p": 0.9}, Sampling(0.7, 0.9, 256, seed=3)),
    ],
)
def test_a_task_says_how_replies_are_drawn(given: dict[str, Any], sampling: Sampling) -> None:
    ask = convert_request(instance("generate_until", "Two and", given), DEFAULT, False)
    assert (ask.messages, ask.sampling, ask.continuation) == ((Message("text", "Two and"),), sampling, None)


def test_a_chat_comes_back_as_its_messages() -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Où?"}]
    context = dump_messages(turns, add_generation_prompt=True)
    assert json.loads(context) == turns
    ask = convert_request(instance("loglikelihood", context, " Là"), DEFAULT, True)
    assert (ask.messages, ask.continuation) == (
        (Message("system", "Be brief."), Message("user", "Où?")),
        " Là",
    )
    alone = convert_request(instance("loglikelihood", "", "Là"), DEFAULT, True)
    assert alone.messages == (Message("text", ""),)


def test_likelihoods_are_sums_and_whether_each_token_is_the_likeliest() -> None:
    def reply(*logprobs: tuple[float, float]) -> Reply:
        return Reply("", (Choice("x", "stop", 0, logprobs),), 3)

    scored = instance("loglikelihood", "a", "x")
    assert convert_reply(scored, reply((-1.0, -1.0), (-0.5, -0.5))) == (-1.5, True)
    assert convert_reply(scored, reply((-1.0, -0.9), (-0.5, -0.5))) == (-1.5, False)
    assert convert_reply(instance("loglikelihood_rolling", "x"), reply((-1.0, -0.9))) == -1.0
