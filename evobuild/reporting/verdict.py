"""Derive the verdict: findings about a run, each one sentence with its number and what to do.

Rules judge, not a model: shares of rejected rows, a pool that outweighs the others, text shared with
evaluation sets, a tuned model that is worse than its base. A rule is silent where nothing was measured.
Sentences are for readers who know neither the papers nor the names of columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from evobuild.contracts.result import Validation
from evobuild.core.uri import BASES, ChatModel
from evobuild.reporting.improvement import Improvement
from evobuild.reporting.params import ReportParams
from evobuild.reporting.stage_counts import StageCounts

DOMINANT = 0.5
"""Share of the data set from above which a pool outweighs all others."""
FEW, MANY = 0.05, 0.2
"""Shares of lost answers and ratings: below the first it is good, from the second on bad."""
SOME_ROWS, MOST_ROWS = 0.2, 0.5
"""Likewise of rows that a round loses, which is what its rules are there for."""
ADVICE = {
    "respond": "; see What failed for the reasons, and try another responder",
    "rate": "; read some under What failed, and try another judge",
}
"""What to do about answers and ratings that failed, by stage."""
SIGNIFICANT = 0.05
"""Corrected p-value below which chance does not explain a difference."""
TUNED = "models/tuned/"
"""Prefix of the name of a tuned base among evaluated models."""

State = Literal["bad", "look", "good"]
STATES: tuple[State, ...] = ("bad", "look", "good")
"""States in display order: what spoils the data, what to check, what is fine."""


class Finding(NamedTuple):
    """One thing that can be said of a build. about: in a word or two. text: a sentence with its figure."""

    state: State
    about: str
    text: str


class Facts(NamedTuple):
    """The facts behind the verdict.

    label: DRY RUN, TOY, or ''. counts: by stage and round, pool or base. selected: rows of the data set by
    pool, of those that it was chosen from. shared: its rows that share text with an evaluation set, by
    measure; None if there is no set. warnings: what the selection said of itself. difficulty: the mean of
    each round, r0 first; NaN where it is unknown. differences: of every two models, main figures alone.
    higher: of each benchmark whether more is better. contracts: results of expectations.
    """

    label: str
    counts: Mapping[str, StageCounts]
    selected: Mapping[str, int]
    shared: Mapping[str, int] | None
    warnings: Sequence[str]
    difficulty: Mapping[str, float]
    differences: Sequence[Mapping[str, Any]]
    higher: Mapping[str, bool]
    method: Improvement | None
    contracts: Sequence[Validation] = ()


def find_verdict(params: ReportParams, facts: Facts) -> list[Finding]:
    """Return all findings, the worst first."""
    found = [
        *_label(facts.label),
        *_rows(facts),
        *(Finding("look", "selection", text) for text in facts.warnings),
        *contract_findings(facts.contracts),
        *_pools(facts),
        *_contamination(facts),
        *_losses(params, facts.counts),
        *_difficulty(facts.difficulty),
        *_method(facts.method),
        *_find_training(params.evaluate.models, facts),
    ]
    return sorted(found, key=lambda finding: STATES.index(finding.state))


def _label(label: str) -> Iterator[Finding]:
    if "DRY RUN" in label:
        said = "Simulated models wrote all texts, so no number means anything; name real ones in params.yaml."
        yield Finding("bad", "DRY RUN", said)
    if "TOY" in label:
        said = "A toy model scored rows or was tuned, so its scores and losses mean nothing; use a real one."
        yield Finding("bad", "TOY", said)


def _rows(facts: Facts) -> Iterator[Finding]:
    rows, of = sum(facts.selected.values()), facts.counts["select-"].rows_in
    if rows:
        share = _percent(rows, of)
        yield Finding("good", "rows", f"The dataset has {rows:,} of {_rows_of(of)} made ({share}).")
    else:
        said = f"The dataset is empty: each of {_rows_of(of)} was rejected; loosen what rejects most, below."
        yield Finding("bad", "rows", said)


def contract_findings(found: Sequence[Validation]) -> Iterator[Finding]:
    """Say whether tables are as they should be, what stops the line first."""
    held = sum(len(table.expectations) for each in found for table in each.tables)
    failed = [failure for each in found for failure in each.failures("critical")]
    warned = [failure for each in found for failure in each.failures("warning")]
    if failed:
        said = f"{len(failed):,} of {held:,} checks of tables fail and stop the run; first, {failed[0]}."
        yield Finding("bad", "contracts", said)
    if warned:
        said = f"{len(warned):,} of {held:,} checks of tables warn; look at the rows. First, {warned[0]}."
        yield Finding("look", "contracts", said)
    if held and not failed and not warned:
        yield Finding("good", "contracts", f"All {held:,} checks of the tables pass.")


def _pools(facts: Facts) -> Iterator[Finding]:
    rows = sum(facts.selected.values())
    if not rows or len(facts.selected) < 2:
        return
    pool, most = max(facts.selected.items(), key=lambda each: each[1])
    share = _percent(most, rows)
    if most > DOMINANT * rows:
        said = f"{pool} gives {most:,} of {rows:,} rows ({share}), more than all other rounds; to mix them, "
        said += "set select.weights."
        yield Finding("look", "pools", said)
    else:
        yield Finding(
            "good", "pools", f"No round gives more than half of the rows; {pool} gives most, {share}."
        )
    if absent := [name for name, own in facts.selected.items() if not own]:
        said = f"No row of {_names(absent)} was selected; raise select.share or edit select.pools."
        yield Finding("look", "pools", said)


def _contamination(facts: Facts) -> Iterator[Finding]:
    if facts.shared is None:
        said = "Text shared with benchmarks was not checked; name their files in decontaminate.sets."
        yield Finding("look", "contamination", said)
        return
    rows = sum(facts.selected.values())
    removed = facts.counts["select-"].rejects.get("contaminated", 0)
    cut = f" {_rows_of(removed)} that did {'was' if removed == 1 else 'were'} removed." if removed else ""
    hit = {measure: number for measure, number in facts.shared.items() if number}
    if not hit:
        said = "No row of the dataset shares text with an evaluation set, so none gives its answers away."
        yield Finding("good", "contamination", f"{said}{cut}")
    for measure, number in hit.items():
        said = f"{number:,} of {rows:,} rows share text with an evaluation set and may flatter its scores; "
        said += f"read them under Contamination, and to remove them add {measure} to select.contamination."
        yield Finding("look" if number < FEW * rows else "bad", "contamination", f"{said}{cut}")


def _losses(params: ReportParams, counts: Mapping[str, StageCounts]) -> Iterator[Finding]:
    rounds = {name: counts[f"evolve-{name}"] for name in params.rounds}
    pools = {stage: [counts[f"{stage}-{pool}"] for pool in params.pools] for stage in ("respond", "rate")}
    if rounds:
        name, worst = max(rounds.items(), key=lambda each: _share(each[1].rejected, each[1].rows_in))
        said = f"{worst.rejected:,} of {worst.rows_in:,} ({_percent(worst.rejected, worst.rows_in)})"
        state = _state(_share(worst.rejected, worst.rows_in), SOME_ROWS, MOST_ROWS)
        advice = "" if state == "good" else "; see What failed, or set evolve.on_failure to retry"
        yield Finding(state, "rounds", f"{name} rejects the largest share of rewritten rows, {said}{advice}.")
    for stage, about, text in (
        ("respond", "answers", "{lost} of {asked} answers could not be used ({share}){advice}."),
        ("rate", "ratings", "{lost} of {asked} replies of the judge could not be read ({share}){advice}."),
    ):
        lost, asked = (sum(getattr(own, name) for own in pools[stage]) for name in ("rejected", "rows_in"))
        if asked:
            state = _state(lost / asked, FEW, MANY)
            advice = "" if state == "good" else ADVICE[stage]
            share = _percent(lost, asked)
            said = text.format(lost=f"{lost:,}", asked=f"{asked:,}", share=share, advice=advice)
            yield Finding(state, about, said)


def _difficulty(means: Mapping[str, float]) -> Iterator[Finding]:
    known = {name: mean for name, mean in means.items() if mean == mean}
    if len(known) < 2:
        return
    names = list(known)
    falls = [f"{b} is easier than {a}" for a, b in pairwise(names) if known[b] < known[a]]
    said = f"from {known[names[0]]:.1f} in {names[0]} to {known[names[-1]]:.1f} in {names[-1]}"
    if falls:
        advice = "read some of its rows in the explorer" if len(falls) == 1 else "read some of their rows"
        text = f"On average, the judge's difficulty goes {said}, but {_names(falls)}; {advice}."
        yield Finding("look", "difficulty", text)
    else:
        text = f"Each round is harder than the one before: the judge's mean difficulty rises {said} of 100."
        yield Finding("good", "difficulty", text)


def _method(method: Improvement | None) -> Iterator[Finding]:
    if method is None:
        return
    rates = [each["failure_rate"] for each in (method.e0, method.best)]
    if method.best["step"] and None not in rates:
        said = f"The optimized method of step {method.best['step']} fails on {rates[1]:.0%} of rows, "
        yield Finding("good", "method", f"{said}the initial one on {rates[0]:.0%}.")
    elif not method.best["step"]:
        said = "No rewritten evolving method beat the initial one, which stays in use; to try more, raise "
        yield Finding("look", "method", f"{said}optimize.steps.")


def _find_training(models: Mapping[str, ChatModel], facts: Facts) -> Iterator[Finding]:
    for tuned, model in models.items():
        base = next((name for name, own in models.items() if own.name == _base_of(model)), None)
        if base is not None:
            yield from _compare_tuned(tuned, base, facts)


def _base_of(model: ChatModel) -> str | None:
    return BASES + model.name.removeprefix(TUNED) if model.name.startswith(TUNED) else None


def _compare_tuned(tuned: str, base: str, facts: Facts) -> Iterator[Finding]:
    """Compare the main metrics of a tuned model and its base; apart is what chance does not explain."""
    better: list[str] = []
    worse: list[str] = []
    compared = 0
    for each in facts.differences:
        if {each["a"], each["b"]} == {tuned, base}:
            compared += 1
            gain = 1 if each["a"] == tuned else -1
            gain *= 1 if facts.higher[each["benchmark"]] else -1
            if each["p_holm"] < SIGNIFICANT:
                (better if each["difference"] * gain > 0 else worse).append(each["benchmark"])
    if not compared:
        return
    found = {"better": better, "worse": worse}
    apart = [f"{word} on {_names(names)}" for word, names in found.items() if names]
    said = " and ".join(apart) or "neither better nor worse"
    state: State = "good" if better and not worse else "bad" if worse and not better else "look"
    of = f"by more than chance, on {compared} benchmark{'s' * (compared > 1)}"
    advice = {"good": "", "look": "; more rows or items may tell", "bad": "; lower finetune.learning_rate"}[
        state
    ]
    if facts.label:
        advice = f"; a {facts.label} says nothing about the data"
    yield Finding(state, "training", f"{tuned} is {said} than {base}, {of}{advice}.")


def _state(share: float, few: float, many: float) -> State:
    return "good" if share < few else "look" if share < many else "bad"


def _share(part: int, of: int) -> float:
    return part / of if of else 0.0


def _percent(part: int, of: int) -> str:
    share = 100 * _share(part, of)
    return f"{share:.1f}\u00a0%" if 0 < share < 10 else f"{share:.0f}\u00a0%"


def _rows_of(rows: int) -> str:
    return f"{rows:,} row{'s' * (rows != 1)}"


def _names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
