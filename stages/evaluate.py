"""Ask one model every benchmark, and score its replies: rules, code in the sandbox, likelihoods, a judge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evobuild.core.declaration import Out, Stage, out
from evobuild.core.errors import BadParams
from evobuild.core.params import Name, RandomSeed, StageParams
from evobuild.core.stage import run_stage
from evobuild.evaluation.params import Evaluate, build_benchmarks, resolve_models, use_held_out_file
from evobuild.models.params import ChatRole
from evobuild.sandbox.params import Limits
from evobuild.weights.params import LIBRARIES, WeightsRole


class Models(StageParams):
    judge: ChatRole


class Base(StageParams):
    model: WeightsRole


class Params(StageParams):
    random_seed: RandomSeed
    bases: dict[Name, Base]
    evaluate: Evaluate
    models: Models
    sandbox: Limits

    def templates(self) -> tuple[str, ...]:
        return tuple({prompt: None for each in self._made for prompt in each.prompts})

    def named_files(self) -> tuple[str, ...]:
        return tuple({file: None for each in self._made for file in each.files})

    @property
    def _made(self) -> list[Any]:
        return build_benchmarks(self.evaluate.benchmarks, self.random_seed)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    model: str
    held_out: Path = Path("data/held_out.parquet")
    scratch: Path = Path("models/scratch")
    tuned: Path = Path("models/tuned")
    replies: Out = out("data/evaluation/{model}.parquet")
    rejects: Out = out("data/downstream/rejects/evaluate-{model}.parquet", push=False)
    counts: Out = out("data/downstream/counts/evaluate-{model}.json", push=False)


STAGE = Stage(
    desc="Ask ${key} every benchmark, and score its replies.",
    after="finetune",
    per="evaluate.models",
    keyed=("evaluate.models",),
    asks="evaluated",
    counts="items",
    prompts=(
        "evaluate",
        "judge/alpaca_eval.jinja",
        "judge/followbench.jinja",
        "judge/mt_bench.jinja",
        "judge/pair.jinja",
        "respond/answer.jinja",
    ),
    libraries=(
        *LIBRARIES,
        "langdetect",
        "latex2sympy2_extended",
        "lm-eval",
        "math-verify",
        "nltk",
        "peft",
        "sympy",
    ),
)


def main(params: Params, args: Arguments) -> None:
    from contextlib import ExitStack

    from evobuild.core import tables
    from evobuild.core.json_files import write_json
    from evobuild.core.rejects import refuse_empty
    from evobuild.evaluation.benchmark import Tools
    from evobuild.evaluation.evaluate import count_evaluation, evaluate_model
    from evobuild.evaluation.judge import Judge
    from evobuild.models.client import Model
    from evobuild.models.roles import EVALUATED

    if args.model not in params.evaluate.models:
        raise BadParams(f"params.yaml: evaluate.models has no '{args.model}'")
    asked = resolve_models(params.evaluate.models, params.bases)[args.model]
    entries = use_held_out_file(params.evaluate.benchmarks, args.held_out)
    made = build_benchmarks(entries, params.random_seed)
    needs = {need for each in made for need in each.needs}
    task = f"evaluate-{args.model}"
    with ExitStack() as stack:
        models = [stack.enter_context(Model(asked, EVALUATED, task))]
        judge = None
        if "judge" in needs:
            models.append(stack.enter_context(Model(params.models.judge, "judge", f"{task}-judge")))
            judge = Judge(models[1], params.evaluate.judge_settings(params.random_seed))
        tools = Tools(params.random_seed, params.sandbox if "sandbox" in needs else None, judge)
        found = evaluate_model(args.model, made, models[0], tools)
        usage = [model.usage.asked() for model in models]
    counts = count_evaluation(found, tools)
    tables.write(args.rejects, found.rejects)
    if made:
        came = f"{counts['in']} items of {len(made)} benchmarks came in"
        refuse_empty(came, counts, args.rejects)
    tables.write(args.replies, found.rows)
    write_json(args.counts, counts | {"asked": usage})


if __name__ == "__main__":
    run_stage(main)
