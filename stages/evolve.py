"""Evolve every instruction of one round once, giving the next round and what was lost."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from evobuild.core.params import Part, RandomSeed
from evobuild.core.reads import Given, Reads
from evobuild.core.stage import Out, out, run
from evobuild.evolution.params import Evolve
from evobuild.models.params import ChatRole


class Models(Part):
    evolver: ChatRole
    judge: ChatRole


class Params(Part):
    random_seed: RandomSeed
    evolve: Evolve
    models: Models

    def reads(self, given: Given) -> Reads:
        from evobuild.evolution.strategies import reads_of_strategy

        own = reads_of_strategy(self.evolve)
        rules, unused = self.evolve.failures, list(own.unused)
        unused += [] if self.evolve.on_failure == "retry" else ["evolve.retries"]
        unused += [] if rules.equal else ["models.judge"]
        equal = ("judge/equal.jinja",) if rules.equal else ()
        libraries = ("py3langid",) if rules.language else ()
        return own._replace(unused=tuple(unused), prompts=(*own.prompts, *equal), libraries=libraries)


@dataclass(frozen=True, kw_only=True)
class Arguments:
    round: str
    parent: str
    parents: Path = Path("data/rounds/{parent}.parquet")
    method: Path = Path("data/method.txt")
    child: Out = out("data/rounds/{round}.parquet")
    rejects: Out = out("data/rejects/evolve-{round}.parquet")
    failures: Out = out("data/failures/{round}.parquet")
    replies: Out = out("data/replies/{round}.parquet")
    counts: Out = out("data/counts/evolve-{round}.json")


def main(params: Params, args: Arguments) -> None:
    from evobuild.core import tables
    from evobuild.evolution import evolve
    from evobuild.evolution.step import RoundSource
    from evobuild.evolution.strategies import plan_round
    from evobuild.models.client import Model
    from evobuild.models.sharing import Engines

    rows = tables.read(args.parents, tables.INSTRUCTIONS)
    made = evolve.RoundTables(args.round, keep=params.evolve.on_failure == "keep_parent")
    task = f"evolve-{args.round}"
    total = None if params.evolve.on_failure == "retry" else rows.height
    engines = Engines()
    with ExitStack() as models:
        evolver = models.enter_context(Model(params.models.evolver, "evolver", task, total, engines))
        judge = None
        if params.evolve.failures.equal:
            judge = models.enter_context(Model(params.models.judge, "judge", task, engines=engines))
        source = RoundSource(args.round, params.random_seed, args.method)
        plan = plan_round(params.evolve, source)
        round = evolve.Round(args.round, plan, params.evolve, params.random_seed, evolver, judge)
        made.take(round.evolve(lambda: tables.instructions(rows)))
    outs = evolve.RoundOuts(
        child=args.child,
        rejects=args.rejects,
        failures=args.failures,
        replies=args.replies,
        counts=args.counts,
    )
    made.write(outs, rows.height, [model.usage.asked() for model in (evolver, judge) if model])


if __name__ == "__main__":
    run(main)
