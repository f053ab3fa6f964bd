"""The cost of each stage: whether it is enabled, its calls to models, and its time.

Seconds are those of a stage's own process on two CPU cores. `fixed` is its start, with imports, MEASURED as
`assumptions` says. `row` is what each of its rows adds, as docs/scale.md has it. A stage that runs or trains
models itself also has operations (`flops.py`). `speeds.py` has the time of calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evobuild.cli.plan import flops
from evobuild.cli.plan.amounts import NONE, Amount, exact_amount
from evobuild.cli.plan.assumptions import BETTER_STEPS, LENGTHS, METHODS, REPEATED
from evobuild.cli.plan.earlier_replies import DEFAULT_TOKENS, iterate_max_tokens
from evobuild.cli.plan.planned_calls import PlannedCalls
from evobuild.cli.plan.planned_rows import PlannedRows
from evobuild.core.instructions import SEED_ROUND
from evobuild.evolution.keywords import MOST_METHODS
from evobuild.evolution.optimization_calls import count_optimization_calls
from evobuild.evolution.strategies import count_per_row, reads_optimized

Asks = Callable[[PlannedRows, str], Sequence[PlannedCalls]]


@dataclass(frozen=True)
class StageCost:
    """The cost of a stage. Functions take the planned rows and the name of its round, pool or branch.

    is_on: False if params disable it. asks: its calls; None if it calls no chat model. rows: its input rows,
    by which its time grows. operations: floating-point operations of models that it runs itself.
    """

    is_on: Callable[[PlannedRows, str], bool] = lambda given, name: True
    asks: Asks | None = None
    rows: Callable[[PlannedRows, str], Amount] = lambda given, name: given.count_all()
    fixed: float = 0.4
    row: float = 0.0
    operations: Callable[[PlannedRows, str], flops.Operations] | None = None


def _plan_calls(given: PlannedRows, stage: str, role: str, calls: Amount, text: float) -> list[PlannedCalls]:
    """Plan the calls of a stage about rows of `text` tokens."""
    model = getattr(given.params.models, role)
    kind = "evolve by operations" if (stage, given.params.evolve.strategy) == ("evolve", "evol") else stage
    lengths, most = LENGTHS[kind], find_longest_reply(given, stage)
    reply = lengths.simulated if model is not None and model.simulated else lengths.reply
    if model is not None and model.simulated:
        calls = calls.scale_expected(REPEATED.get(stage, 1.0))
    return [
        PlannedCalls(
            str(model),
            role,
            calls,
            lengths.prompt.count_tokens(text),
            min(reply.count_tokens(text), most),
            most,
        )
    ]


REPLY_SETTINGS = {"optimize": ("optimize", "evolve", "respond", "rate"), "evolve": ("evolve", "rate")}
"""Sections whose max_tokens a stage uses, if they are not its own section alone."""
_OF_BRANCHES = ("augment", "verifiers", "backtranslate", "sample", "quality")


def find_longest_reply(given: PlannedRows, stage: str) -> int:
    """Return the highest max_tokens of any section that a stage may use."""
    found = given.params.model_dump(include=set(REPLY_SETTINGS.get(stage, (stage,))))
    if stage in _OF_BRANCHES:
        found = given.params.autoif.model_dump(include={stage})
    return max(iterate_max_tokens(found), default=DEFAULT_TOKENS)


# The seed, the method and the rounds.


def _uses_optimized_method(given: PlannedRows, _: str) -> bool:
    return reads_optimized(given.params.evolve)


def _plan_optimize(given: PlannedRows, _: str) -> list[PlannedCalls]:
    own, rows = given.params.optimize, given.rows(SEED_ROUND)
    equal = given.params.evolve.failures.equal
    steps = min(own.steps, own.patience + BETTER_STEPS)
    expected = count_optimization_calls(own, equal, steps=steps, rows=round(rows.expected))
    most = count_optimization_calls(own, equal, steps=own.steps, rows=rows.most)
    return _plan_calls(given, "optimize", "evolver", Amount(expected, most), given.text(SEED_ROUND))


def _plan_evolve(given: PlannedRows, round_: str) -> list[PlannedCalls]:
    evolve, parent = given.params.evolve, given.params.rounds[round_].parent
    retries = evolve.retries if evolve.on_failure == "retry" else 0
    lost, rows = 1 - given.expect_kept_share("evolve", round_), given.rows(parent)
    attempts = sum(lost**attempt for attempt in range(1 + retries))
    expected, most = count_per_row(evolve, lambda operation: operation.calls)
    children, most_children = count_per_row(evolve, lambda operation: operation.traits.children)
    judged = evolve.failures.equal
    calls = Amount(
        rows.expected * attempts * (expected + judged * children),
        rows.most * (1 + retries) * (most + judged * most_children),
    )
    return _plan_calls(given, "evolve", "evolver", calls, given.text(parent))


def _lists_methods(given: PlannedRows, _: str) -> bool:
    """Whether replies list methods: those to fixed operations do not."""
    return bool(given.params.keywords.rows and given.params.rounds) and given.params.evolve.strategy == "auto"


def _plan_keywords(given: PlannedRows, _: str) -> list[PlannedCalls]:
    replies = given.params.keywords.rows * len(given.params.rounds)
    return _plan_calls(given, "keywords", "judge", Amount(METHODS * replies, MOST_METHODS * replies), 0)


# Branches.


def _has_samples(given: PlannedRows, _: str) -> bool:
    return bool(given.params.autoif.sample.count)


def _has_quality_score(given: PlannedRows, name: str) -> bool:
    return _has_samples(given, name) and given.params.autoif.quality.score is not None


def _has_backtranslation(given: PlannedRows, _: str) -> bool:
    return bool(given.params.autoif.backtranslate.functions)


def _plan_augment(given: PlannedRows, _: str) -> list[PlannedCalls]:
    return _plan_calls(given, "augment", "evolver", exact_amount(given.params.autoif.augment.rounds), 0)


def _plan_verifiers(given: PlannedRows, branch: str) -> list[PlannedCalls]:
    calls = given.count_constraints(branch).times(given.params.autoif.verifiers.count)
    return _plan_calls(given, "verifiers", "evolver", calls, 0)


def _plan_backtranslate(given: PlannedRows, branch: str) -> list[PlannedCalls]:
    calls = given.count_checked(branch).times(given.params.autoif.backtranslate.functions)
    return _plan_calls(given, "backtranslate", "evolver", calls, 0)


def _plan_sample(given: PlannedRows, branch: str) -> list[PlannedCalls]:
    return _plan_calls(given, "sample", "responder", given.count_samples(branch), given.text(SEED_ROUND))


def _plan_quality(given: PlannedRows, branch: str) -> list[PlannedCalls]:
    if not _has_quality_score(given, branch):
        return _plan_calls(given, "quality", "judge", NONE, 0)
    answers = given.count_samples(branch).scale_expected(given.expect_kept_share("verify", branch))
    return _plan_calls(given, "quality", "judge", answers, given.text(SEED_ROUND))


# Pools.


def _plan_respond(given: PlannedRows, pool: str) -> list[PlannedCalls]:
    rows = given.unanswered_rows if pool == SEED_ROUND else given.rows(pool)
    calls = NONE if given.is_sampled(pool) else rows.times(given.params.respond.samples)
    return _plan_calls(given, "respond", "responder", calls, given.text(pool))


def _has_ratings(given: PlannedRows, _: str) -> bool:
    return bool(given.params.rate.measures)


def _plan_rate(given: PlannedRows, pool: str) -> list[PlannedCalls]:
    calls = given.rows(pool).times(len(given.params.rate.measures))
    return _plan_calls(given, "rate", "judge", calls, given.text(pool))


def _plan_tag(given: PlannedRows, _: str) -> list[PlannedCalls]:
    pools = [given.rows(pool).limit_to(given.params.tag.rows) for pool in given.params.pools]
    calls = Amount(sum(each.expected for each in pools), sum(each.most for each in pools))
    text = sum(map(given.text, given.params.pools)) / max(1, len(given.params.pools))
    return _plan_calls(given, "tag", "tagger", calls, text)


def _plan_measure(given: PlannedRows, name: str) -> list[PlannedCalls]:
    own = given.params.measures[name]
    pools = [given.rows(pool).limit_to(own.rows) for pool in given.params.pools]
    rows = Amount(sum(each.expected for each in pools), sum(each.most for each in pools))
    text = sum(map(given.text, given.params.pools)) / max(1, len(given.params.pools))
    lengths, model = LENGTHS["measure"], own.model or given.params.models.judge
    most = 1 if own.read == "expected" else own.max_tokens
    reply = (lengths.simulated if model.simulated else lengths.reply).count_tokens(text)
    role = f"measure {name}" if own.model else "judge"
    calls = rows.times(own.samples)
    return [PlannedCalls(str(model), role, calls, lengths.prompt.count_tokens(text), min(reply, most), most)]


def _has_role(role: str) -> Callable[[PlannedRows, str], bool]:
    """Return a predicate: whether params name a model for a role."""
    return lambda given, _: getattr(given.params.models, role) is not None


def _scorer_is_experienced(given: PlannedRows, _: str) -> bool:
    scorer = given.params.models.scorer
    return scorer is not None and scorer.is_experienced


def _count_pool(given: PlannedRows, pool: str) -> Amount:
    return given.rows(pool)


def _count_parents(given: PlannedRows, round_: str) -> Amount:
    return given.rows(given.params.rounds[round_].parent)


def _count_selected(given: PlannedRows, _: str) -> Amount:
    return given.count_selected()


def _count_nothing(given: PlannedRows, _: str) -> Amount:
    return NONE


def _has_evaluated_models(given: PlannedRows, _: str) -> bool:
    return bool(given.params.evaluate.models)


def _count_composed(given: PlannedRows, branch: str) -> Amount:
    return given.count_composed(branch)


COSTS: Mapping[str, StageCost] = {
    "check": StageCost(fixed=0.3),
    "fetch": StageCost(fixed=10),
    "seed": StageCost(rows=lambda given, _: given.rows(SEED_ROUND), row=0.00014),
    "scratch": StageCost(flops.has_scratch, fixed=6, operations=flops.count_scratch_flops),
    "experience": StageCost(_scorer_is_experienced, fixed=10, operations=flops.count_experience_flops),
    "optimize": StageCost(_uses_optimized_method, _plan_optimize),
    "evolve": StageCost(asks=_plan_evolve, rows=_count_parents),
    "keywords": StageCost(_lists_methods, _plan_keywords),
    "augment": StageCost(asks=_plan_augment),
    "verifiers": StageCost(asks=_plan_verifiers),
    "crosscheck": StageCost(rows=lambda given, name: given.count_constraints(name), row=0.15),
    "backtranslate": StageCost(_has_backtranslation, _plan_backtranslate),
    "entailment": StageCost(
        _has_role("entailment"), rows=_count_composed, fixed=8, operations=flops.count_entailment_flops
    ),
    "compose": StageCost(rows=_count_composed),
    "sample": StageCost(_has_samples, _plan_sample),
    "verify": StageCost(_has_samples, rows=lambda given, name: given.count_samples(name), row=0.015),
    "quality": StageCost(asks=_plan_quality),
    "respond": StageCost(asks=_plan_respond, rows=_count_pool),
    "rate": StageCost(_has_ratings, _plan_rate, rows=_count_pool),
    "score": StageCost(_has_role("scorer"), fixed=6, operations=flops.count_score_flops),
    "diversity": StageCost(_has_role("embedder"), fixed=9, operations=flops.count_diversity_flops),
    "reward": StageCost(_has_role("reward"), fixed=8, operations=flops.count_reward_flops),
    "tag": StageCost(_has_role("tagger"), _plan_tag),
    "measure": StageCost(asks=_plan_measure),
    "decontaminate": StageCost(fixed=0.6, row=0.0001, operations=flops.count_decontaminate_flops),
    "select": StageCost(fixed=0.6, row=0.00015),
    "validate": StageCost(fixed=9, row=0.000014),
    "export": StageCost(rows=_count_selected, fixed=1.8, row=0.00015),
    "gather": StageCost(lambda given, _: bool(given.params.bases), rows=_count_selected),
    "finetune": StageCost(rows=_count_selected, fixed=8),
    "evaluate": StageCost(rows=_count_nothing, fixed=6),
    "compare": StageCost(_has_evaluated_models, rows=_count_nothing, fixed=1),
    "validate_outputs": StageCost(fixed=6, row=0.000014),
    "summarize": StageCost(fixed=0.7, row=0.000002),
    "report": StageCost(fixed=4.5, row=0.00003),
}
"""By stage, in the order of the pipeline. What evaluate and compare ask is counted by `benchmarks.py`."""
