"""What each stage costs, one entry a stage: whether it is on, whom it asks how often, how long it takes.

Seconds are those of a stage's own process on two CPU cores. `fixed` is its start, with imports, MEASURED as
`assumptions` says. `row` is what each of its rows adds, as docs/scale.md has it. A stage that runs or trains
models itself has operations, too (`operations.py`). `speeds.py` has the time of calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evobuild.cli.plan import operations
from evobuild.cli.plan.amounts import NONE, Amount, exactly
from evobuild.cli.plan.asking import Asking
from evobuild.cli.plan.assumptions import BETTER_STEPS, LENGTHS, METHODS, REPEATED
from evobuild.cli.plan.planned_rows import PlannedRows
from evobuild.cli.plan.replies import DEFAULT_TOKENS, allowed_tokens
from evobuild.core.instructions import SEED_ROUND
from evobuild.evolution.keywords import MOST_METHODS
from evobuild.evolution.optimization_calls import optimization_calls
from evobuild.evolution.strategies import per_row, reads_optimized

Asks = Callable[[PlannedRows, str], Sequence[Asking]]


@dataclass(frozen=True)
class StageCost:
    """What a stage costs, given the planned rows and the name of its round, pool or branch.

    is_on: False where params switch it off. asks: None where it asks no chat model. rows: its time grows with
    them. operations: floating-point operations of the models that it runs itself.
    """

    is_on: Callable[[PlannedRows, str], bool] = lambda given, name: True
    asks: Asks | None = None
    rows: Callable[[PlannedRows, str], Amount] = lambda given, name: given.all_rows()
    fixed: float = 0.4
    row: float = 0.0
    operations: Callable[[PlannedRows, str], operations.Operations] | None = None


def _asking(given: PlannedRows, stage: str, role: str, calls: Amount, text: float) -> list[Asking]:
    """Calls of a stage about rows of `text` tokens."""
    model = getattr(given.params.models, role)
    kind = "evolve by operations" if (stage, given.params.evolve.strategy) == ("evolve", "evol") else stage
    lengths, most = LENGTHS[kind], reply_tokens(given, stage)
    reply = lengths.simulated if model is not None and model.simulated else lengths.reply
    if model is not None and model.simulated:
        calls = calls.reduced(REPEATED.get(stage, 1.0))
    return [Asking(str(model), role, calls, lengths.prompt.of(text), min(reply.of(text), most), most)]


REPLY_SETTINGS = {"optimize": ("optimize", "evolve", "respond", "rate"), "evolve": ("evolve", "rate")}
"""Sections that say how long a reply may be, of stages that have several in use."""
_OF_BRANCHES = ("augment", "verifiers", "backtranslate", "sample", "quality")


def reply_tokens(given: PlannedRows, stage: str) -> int:
    """Tokens of a reply of a stage at most: the most that any setting that it may read allows."""
    found = given.params.model_dump(include=set(REPLY_SETTINGS.get(stage, (stage,))))
    if stage in _OF_BRANCHES:
        found = given.params.autoif.model_dump(include={stage})
    return max(allowed_tokens(found), default=DEFAULT_TOKENS)


# The seed, the method and the rounds.


def _optimizes(given: PlannedRows, _: str) -> bool:
    return reads_optimized(given.params.evolve)


def _optimize(given: PlannedRows, _: str) -> list[Asking]:
    own, rows = given.params.optimize, given.rows(SEED_ROUND)
    equal = given.params.evolve.failures.equal
    steps = min(own.steps, own.patience + BETTER_STEPS)
    expected = optimization_calls(own, equal, steps=steps, rows=round(rows.expected))
    most = optimization_calls(own, equal, steps=own.steps, rows=rows.most)
    return _asking(given, "optimize", "evolver", Amount(expected, most), given.text(SEED_ROUND))


def _evolve(given: PlannedRows, round_: str) -> list[Asking]:
    evolve, parent = given.params.evolve, given.params.rounds[round_].parent
    retries = evolve.retries if evolve.on_failure == "retry" else 0
    lost, rows = 1 - given.kept("evolve", round_), given.rows(parent)
    attempts = sum(lost**attempt for attempt in range(1 + retries))
    expected, most = per_row(evolve, lambda operation: operation.calls)
    children, most_children = per_row(evolve, lambda operation: operation.traits.children)
    judged = evolve.failures.equal
    calls = Amount(
        rows.expected * attempts * (expected + judged * children),
        rows.most * (1 + retries) * (most + judged * most_children),
    )
    return _asking(given, "evolve", "evolver", calls, given.text(parent))


def _lists_methods(given: PlannedRows, _: str) -> bool:
    """Replies to fixed operations list none."""
    return bool(given.params.keywords.rows and given.params.rounds) and given.params.evolve.strategy == "auto"


def _keywords(given: PlannedRows, _: str) -> list[Asking]:
    replies = given.params.keywords.rows * len(given.params.rounds)
    return _asking(given, "keywords", "judge", Amount(METHODS * replies, MOST_METHODS * replies), 0)


# Branches.


def _samples(given: PlannedRows, _: str) -> bool:
    return bool(given.params.autoif.sample.count)


def _judges(given: PlannedRows, name: str) -> bool:
    return _samples(given, name) and given.params.autoif.quality.score is not None


def _translates(given: PlannedRows, _: str) -> bool:
    return bool(given.params.autoif.backtranslate.functions)


def _augment(given: PlannedRows, _: str) -> list[Asking]:
    return _asking(given, "augment", "evolver", exactly(given.params.autoif.augment.rounds), 0)


def _verifiers(given: PlannedRows, branch: str) -> list[Asking]:
    calls = given.constraints(branch).times(given.params.autoif.verifiers.count)
    return _asking(given, "verifiers", "evolver", calls, 0)


def _backtranslate(given: PlannedRows, branch: str) -> list[Asking]:
    calls = given.checked(branch).times(given.params.autoif.backtranslate.functions)
    return _asking(given, "backtranslate", "evolver", calls, 0)


def _sample(given: PlannedRows, branch: str) -> list[Asking]:
    return _asking(given, "sample", "responder", given.samples(branch), given.text(SEED_ROUND))


def _quality(given: PlannedRows, branch: str) -> list[Asking]:
    if not _judges(given, branch):
        return _asking(given, "quality", "judge", NONE, 0)
    answers = given.samples(branch).reduced(given.kept("verify", branch))
    return _asking(given, "quality", "judge", answers, given.text(SEED_ROUND))


# Pools.


def _respond(given: PlannedRows, pool: str) -> list[Asking]:
    rows = given.unanswered if pool == SEED_ROUND else given.rows(pool)
    calls = NONE if given.is_sampled(pool) else rows
    return _asking(given, "respond", "responder", calls, given.text(pool))


def _rates(given: PlannedRows, _: str) -> bool:
    return bool(given.params.rate.measures)


def _rate(given: PlannedRows, pool: str) -> list[Asking]:
    calls = given.rows(pool).times(len(given.params.rate.measures))
    return _asking(given, "rate", "judge", calls, given.text(pool))


def _tag(given: PlannedRows, _: str) -> list[Asking]:
    pools = [given.rows(pool).limited(given.params.tag.rows) for pool in given.params.pools]
    calls = Amount(sum(each.expected for each in pools), sum(each.most for each in pools))
    text = sum(map(given.text, given.params.pools)) / max(1, len(given.params.pools))
    return _asking(given, "tag", "tagger", calls, text)


def _measure(given: PlannedRows, name: str) -> list[Asking]:
    own = given.params.measures[name]
    pools = [given.rows(pool).limited(own.rows) for pool in given.params.pools]
    rows = Amount(sum(each.expected for each in pools), sum(each.most for each in pools))
    text = sum(map(given.text, given.params.pools)) / max(1, len(given.params.pools))
    lengths, model = LENGTHS["measure"], own.model or given.params.models.judge
    most = 1 if own.read == "expected" else own.max_tokens
    reply = (lengths.simulated if model.simulated else lengths.reply).of(text)
    role = f"measure {name}" if own.model else "judge"
    calls = rows.times(own.samples)
    return [Asking(str(model), role, calls, lengths.prompt.of(text), min(reply, most), most)]


def _has(role: str) -> Callable[[PlannedRows, str], bool]:
    """Whether a model plays a role."""
    return lambda given, _: getattr(given.params.models, role) is not None


def _scorer_is_experienced(given: PlannedRows, _: str) -> bool:
    scorer = given.params.models.scorer
    return scorer is not None and scorer.is_experienced


def _one_pool(given: PlannedRows, pool: str) -> Amount:
    return given.rows(pool)


def _parents(given: PlannedRows, round_: str) -> Amount:
    return given.rows(given.params.rounds[round_].parent)


def _selected(given: PlannedRows, _: str) -> Amount:
    return given.selected()


def _no_rows(given: PlannedRows, _: str) -> Amount:
    return NONE


def _evaluates(given: PlannedRows, _: str) -> bool:
    return bool(given.params.evaluate.models)


def _composed(given: PlannedRows, branch: str) -> Amount:
    return given.composed(branch)


COSTS: Mapping[str, StageCost] = {
    "check": StageCost(fixed=0.3),
    "fetch": StageCost(fixed=10),
    "seed": StageCost(rows=lambda given, _: given.rows(SEED_ROUND), row=0.00014),
    "scratch": StageCost(operations.has_scratch, fixed=6, operations=operations.scratch),
    "experience": StageCost(_scorer_is_experienced, fixed=10, operations=operations.experience),
    "optimize": StageCost(_optimizes, _optimize),
    "evolve": StageCost(asks=_evolve, rows=_parents),
    "keywords": StageCost(_lists_methods, _keywords),
    "augment": StageCost(asks=_augment),
    "verifiers": StageCost(asks=_verifiers),
    "crosscheck": StageCost(rows=lambda given, name: given.constraints(name), row=0.15),
    "backtranslate": StageCost(_translates, _backtranslate),
    "entailment": StageCost(_has("entailment"), rows=_composed, fixed=8, operations=operations.entailment),
    "compose": StageCost(rows=_composed),
    "sample": StageCost(_samples, _sample),
    "verify": StageCost(_samples, rows=lambda given, name: given.samples(name), row=0.015),
    "quality": StageCost(asks=_quality),
    "respond": StageCost(asks=_respond, rows=_one_pool),
    "rate": StageCost(_rates, _rate, rows=_one_pool),
    "score": StageCost(_has("scorer"), fixed=6, operations=operations.score),
    "diversity": StageCost(_has("embedder"), fixed=9, operations=operations.diversity),
    "reward": StageCost(_has("reward"), fixed=8, operations=operations.reward),
    "tag": StageCost(_has("tagger"), _tag),
    "measure": StageCost(asks=_measure),
    "decontaminate": StageCost(fixed=0.6, row=0.0001, operations=operations.decontaminate),
    "select": StageCost(fixed=0.6, row=0.00015),
    "validate": StageCost(fixed=9, row=0.000014),
    "export": StageCost(rows=_selected, fixed=1.8, row=0.00015),
    "gather": StageCost(lambda given, _: bool(given.params.bases), rows=_selected),
    "finetune": StageCost(rows=_selected, fixed=8),
    "evaluate": StageCost(rows=_no_rows, fixed=6),
    "compare": StageCost(_evaluates, rows=_no_rows, fixed=1),
    "validate_outputs": StageCost(fixed=6, row=0.000014),
    "summarize": StageCost(fixed=0.7, row=0.000002),
    "report": StageCost(fixed=4.5, row=0.00003),
}
"""By stage, in the order of the pipeline. What evaluate and compare ask is counted by `benchmarks.py`."""
