"""A row's life as text: the seed row, what each round asked and got, what it was worth, and why it ended.

Texts of rows are data: each line of one begins with a bar, and whatever a terminal would obey is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from evobuild.cli.explain import life as biography
from evobuild.cli.explain import provenance, verdicts
from evobuild.cli.explain.life import Attempt, Chapter, Life, Origin, Sequel
from evobuild.cli.explain.lines import in_line, quoted, why
from evobuild.cli.explain.verification import Constraint
from evobuild.core import branches, pools
from evobuild.core.params import Params, load
from evobuild.core.tables import KEPT, Instruction
from evobuild.reporting import outcomes
from evobuild.reporting.outcomes import Fate
from evobuild.text.word_differences import difference

PARAMS = Path("params.yaml")


def explain(beginning: str) -> str:
    """Tell the life of the row whose id begins so.

    Raises UserError if no id or more than one begins so, or if what is needed is not here.
    """
    params = load(PARAMS)
    return "\n".join(_lines(biography.read(beginning, params), params)) + "\n"


def _lines(life: Life, params: Params) -> Iterator[str]:
    if life.lost:
        yield f"{life.id}: lost by the stage seed: {why(life.lost.reason, life.lost.detail)}"
        return
    if life.constraint:
        yield from _of_constraint(life.constraint)
    else:
        yield from _of_row(life, params)
    if life.missing:
        yield ""
        yield f"Not here, so left out: {', '.join(map(str, life.missing))} (dvc pull brings what was pushed)"
    yield ""
    yield from _sources(life, params)


def _of_constraint(constraint: Constraint) -> Iterator[str]:
    lost = [f"{loss.stage}: {loss.reason}" for loss in constraint.losses]
    yield in_line(", ".join([f"{constraint.id}: a constraint", *lost]))
    yield ""
    yield from verdicts.of_constraint(constraint)


def _of_row(life: Life, params: Params) -> Iterator[str]:
    row = life.chapters[-1].row
    yield f"{row.id}: {_outcome(life)}"
    yield in_line(f"round {row.round}, domain {row.domain}")
    above: Instruction | None = None
    for chapter in life.chapters:
        yield ""
        yield from _chapter(chapter, above, params)
        above = chapter.row
    for sequel in life.sequels:
        yield ""
        yield from _sequel(sequel)


def _outcome(life: Life) -> str:
    fate = life.chapters[-1].fate
    if fate is None:
        return "held out: nothing evolves, trains or optimizes on it"
    if fate.selected:
        return ", ".join(fate.outcomes)
    lost = [sequel.round for sequel in life.sequels if sequel.failed and not sequel.children]
    return in_line(", ".join([*fate.outcomes, *(f"lost on the way to {name}" for name in lost)]))


def _chapter(chapter: Chapter, above: Instruction | None, params: Params) -> Iterator[str]:
    row, origin = chapter.row, chapter.origin
    yield in_line(f"{row.round}  {row.id}")
    if above is None:
        yield f"  a seed row of {in_line(params.seed.source)}"
        for role, content in row.history:
            yield from quoted(f"earlier, {role}", content)
        yield from quoted("instruction", row.instruction)
    elif chapter.verification:
        yield from verdicts.of_row(row, above, chapter.verification)
    elif origin:
        yield from _origin(row, origin, above)
    if row.input and above and row.input == above.input:
        yield "  input: the same"
    elif row.input:
        yield from quoted("input", row.input)
    if chapter.fate:
        yield from _fate(chapter.fate, row.round, params)


def _origin(row: Instruction, origin: Origin, above: Instruction) -> Iterator[str]:
    if row.operation == KEPT:
        yield f"  kept as its parent {above.id} was, since no attempt gave a child"
    else:
        yield in_line(f"  by {row.operation} with {row.evolver}, from {above.id}")
    if origin.prompt:
        yield from quoted(f"prompt, rendered from {origin.source}", origin.prompt)
    else:
        yield f"  prompt: {in_line(origin.source)}"
    yield from _attempts(origin.failed)
    if origin.number is None:
        return
    attempt = f"attempt {origin.number + 1}"
    if origin.reply is None:
        yield f"  reply of {attempt}: not here, neither in data/replies nor in the reply store"
    else:
        yield from quoted(f"reply of {attempt}, from {origin.place}", origin.reply)
    yield f"  verdict on {attempt}: an evolution of its parent"
    yield from quoted("instruction, [-gone-] and {+new+} against its parent", _compared(above, row))


def _compared(above: Instruction, row: Instruction) -> str:
    marks = {"equal": ("", ""), "delete": ("[-", "-]"), "insert": ("{+", "+}")}
    parts = []
    for kind, text in difference(above.instruction, row.instruction):
        words = text.rstrip()
        parts.append(f"{marks[kind][0]}{words}{marks[kind][1]}{text[len(words) :]}" if words else text)
    return "".join(parts)


def _attempts(failed: Sequence[Attempt]) -> Iterator[str]:
    for each in failed:
        yield in_line(f"  attempt {each.number + 1} failed: {why(each.reason, each.detail)}")
        yield from quoted("its reply", each.reply) if each.reply else ["  its reply was empty"]


def _fate(fate: Fate, pool: str, params: Params) -> Iterator[str]:
    if fate.answer is not None:
        by = f"answer by {fate.responder}" if fate.responder else "answer, as the seed has it"
        yield from quoted(by, fate.answer)
    if fate.rating:
        level, difficulty = fate.rating
        number = f"difficulty {difficulty:g} of 100" if difficulty is not None else ""
        yield in_line(f"  rated: {', '.join(filter(None, (number, level)))}")
    if fate.scores:
        yield "  scored: " + ", ".join(f"{name} {value:.5g}" for name, value in fate.scores.items())
    yield from _measured(fate, pool, params)
    for loss in fate.losses:
        verb = "not selected" if loss.stage == "select" else f"lost by {loss.stage}"
        yield in_line(f"  {verb}: {why(loss.reason, loss.detail)}")
        if loss.reply:
            yield from quoted("the reply", loss.reply)
    if fate.selected:
        yield "  selected: it is in the data set"
    elif not fate.losses:
        yield f"  {outcomes.NOT_UP}"


def _measured(fate: Fate, pool: str, params: Params) -> Iterator[str]:
    """What was measured beside difficulty and losses."""
    if fate.neighbour:
        distance = f"{params.diversity.distance} distance {fate.neighbour.distance:.5g}"
        yield in_line(f"  nearest other instruction of {pool}: {fate.neighbour.id}, {distance}")
    if fate.reward is not None:
        yield f"  reward: {fate.reward:.5g}"
    if fate.tags is not None:
        yield in_line(f"  tags: {', '.join(fate.tags) or 'none'}")
    for overlap in fate.overlaps or ():
        where = f"{overlap.place} of {overlap.set}"
        yield from quoted(f"shared with {where}, by {overlap.measure}", overlap.shared)
    if fate.overlaps == ():
        yield f"  shares nothing with {', '.join(params.decontaminate.sets)}"


def _sequel(sequel: Sequel) -> Iterator[str]:
    if sequel.children:
        yield f"In {sequel.round} it became {', '.join(sequel.children)}"
    elif sequel.failed:
        yield f"In {sequel.round} it was lost:"
        yield from _attempts(sequel.failed)
    else:
        yield f"In {sequel.round} nothing came of it"


def _sources(life: Life, params: Params) -> Iterator[str]:
    """The params and texts behind the line, by stage; as they are now where dvc.lock knows nothing."""
    used = {chapter.origin.source for chapter in life.chapters if chapter.origin}
    sources = provenance.read(_stages(life, params))
    if not sources:
        yield "What it came from: there is no dvc.lock, so this is what is here now"
        for path in sorted(path for path in used if Path(path).is_file()):
            yield f"  {path}  md5 {provenance.md5(Path(path))}"
        branched = life.constraint or life.chapters[-1].verification
        sections = {"autoif", "sandbox"} if branched else {"evolve"}
        values = params.model_dump(include={"random_seed", "seed", "respond", "select", *sections})
        yield from _yaml(values | {"models": {role: model and str(model) for role, model in params.models}})
        return
    yield "What it came from, as dvc.lock has it"
    for source in sources:
        yield f"  {', '.join(source.stages)}"
        evolving = source.stages[0].startswith("evolve@")
        for file in source.files:
            if not evolving or file.path in used or not file.path.startswith("prompts/evolve/"):
                yield in_line(f"    {file.path}  md5 {file.md5}{f', {file.change}' if file.change else ''}")
        for file in source.changed:
            yield in_line(f"    {file.path} is not what this stage wrote, md5 {file.md5}: {file.change}")
        yield from _yaml(source.params)


def _stages(life: Life, params: Params) -> list[str]:
    """The stages that the line went through, in order."""
    if life.constraint:
        return branches.addresses(params.branches)
    line = [chapter.row.round for chapter in life.chapters]
    rounds = [name for name in line if name not in params.branches]
    optimized = params.evolve.strategy == "auto" and params.evolve.method == "optimized"
    stages = ["seed", *(["optimize"] if optimized and rounds[1:] else [])]
    stages += [f"evolve@{name}" for name in rounds[1:]]
    stages += branches.addresses([name for name in line if name in params.branches])
    stages += pools.addresses([name for name in line if name in params.pools])
    stages += [f"decontaminate@{name}" for name in params.decontaminate.sets]
    return [*stages, "select"]


def _yaml(values: dict[str, object]) -> Iterator[str]:
    for line in yaml.safe_dump(values, sort_keys=False, allow_unicode=True).splitlines():
        yield f"    {in_line(line)}"
