"""Evolve every instruction of one round once, giving the next round and what was lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from evobuild.core.declaration import MayLack, Out, Stage, may_lack, out
from evobuild.core.errors import UserError
from evobuild.core.params import RandomSeed, StageParams, WritesTables
from evobuild.core.stage import run_stage
from evobuild.evolution.params import Evolve
from evobuild.models.params import ChatRole


class Models(StageParams):
    evolver: ChatRole
    judge: ChatRole


class Seed(StageParams):
    gold: list[str]


class Params(WritesTables):
    random_seed: RandomSeed
    seed: Seed
    evolve: Evolve
    models: Models

    def templates(self) -> tuple[str, ...]:
        from evobuild.evolution.strategies import strategy_templates

        equal = ("judge/equal.jinja",) if self.evolve.failures.equal else ()
        return (*strategy_templates(self.evolve), *equal)

    def named_files(self) -> tuple[str, ...]:
        from evobuild.evolution.strategies import method_files

        return method_files(self.evolve)

    def unread_arguments(self) -> tuple[str, ...]:
        from evobuild.evolution.strategies import reads_answers

        return () if reads_answers(self.evolve) else ("answers",)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    round: str
    parent: str
    parents: Path = Path("data/rounds/{parent}.parquet")
    method: MayLack = may_lack("data/method.txt")
    answers: MayLack = may_lack("data/responses/{parent}.parquet")
    child: Out = out("data/rounds/{round}.parquet", push=False)
    rejects: Out = out("data/rejects/evolve-{round}.parquet", push=False)
    failures: Out = out("data/failures/{round}.parquet", push=False)
    replies: Out = out("data/replies/{round}.parquet", push=False)
    counts: Out = out("data/counts/evolve-{round}.json", push=False)


STAGE = Stage(
    desc="Evolve every instruction of ${item.parent} once, giving ${key}.",
    after="optimize",
    per="rounds",
    given={"parent": "${item.parent}"},
    asks="evolver",
    prompts=("evolve", "judge/equal.jinja"),
    libraries=("py3langid",),
    waits_for=("${evolve.file}",),
)


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import tables
    from evobuild.core.instructions import INSTRUCTIONS, Instruction, stream_instructions
    from evobuild.evolution.evolve import Round
    from evobuild.evolution.parents import join_answers
    from evobuild.evolution.round_tables import RoundOuts, RoundTables
    from evobuild.evolution.step import RoundSource
    from evobuild.evolution.strategies import count_per_row, plan_round, reads_answers, reads_optimized
    from evobuild.models.client import Model
    from evobuild.models.sharing import Engines

    needed = {"method": reads_optimized(params.evolve), "answers": reads_answers(params.evolve)}
    for option, is_read in needed.items():
        if is_read and not (path := getattr(args, option)).exists():
            raise UserError(f"--{option}: {path} does not exist; run the stage that makes it")
    height = tables.height(args.parents, INSTRUCTIONS)
    outs = RoundOuts(args.child, args.rejects, args.failures, args.replies, args.counts)
    made = RoundTables(args.round, params.evolve.on_failure == "keep_parent", outs)
    task = f"evolve-{args.round}"
    _, calls = count_per_row(params.evolve, lambda operation: operation.calls)
    total = None if params.evolve.on_failure == "retry" or calls > 1 else height
    engines = Engines()
    with ExitStack() as models:
        evolver = models.enter_context(Model(params.models.evolver, "evolver", task, total, engines))
        judge = None
        if params.evolve.failures.equal:
            judge = models.enter_context(Model(params.models.judge, "judge", task, engines=engines))
        source = RoundSource(args.round, params.random_seed, args.method)
        plan = plan_round(params.evolve, source)
        gold = params.seed.gold
        round = Round(args.round, plan, params.evolve, params.random_seed, evolver, judge, gold)

        def parents() -> Iterator[Instruction]:
            if needed["answers"]:
                return join_answers(args.parents, args.answers)
            return stream_instructions(args.parents)[1]

        made.add(round.evolve(parents))
    made.write(height, [model.usage.asked() for model in (evolver, judge) if model])


if __name__ == "__main__":
    run_stage(main)
